#include "tcptools/net/lookup.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <unistd.h>

#include <array>
#include <asio/ip/tcp.hpp>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>

#include "tcptools/base/unique_fd.hpp"

namespace tcptools::net {
namespace {

using addresses = std::vector<asio::ip::address>;

// Shared by who waits for the answer and the thread, whichever stays longer.
struct question {
  question(std::string name, lookup_function function) : host{std::move(name)}, ask{std::move(function)} {}

  std::string host;
  lookup_function ask;
  unique_fd open_until_answered;  // the writing end of a pipe, whose reader sees it being closed
  result<addresses> answer = error{errc::connect_failed};
  std::atomic<bool> is_answered = false;  // `answer` is the thread's until then
};

void answer(question& asked) {
  try {
    asked.answer = asked.ask(asked.host);
  } catch (const std::exception& exception) {
    asked.answer = error{errc::connect_failed, exception.what()};
  }
  asked.is_answered = true;
  asked.open_until_answered.reset();
}

}  // namespace

result<addresses> ask_system(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failure = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (failure == EAI_SYSTEM) return error{errc::connect_failed, os_text(errno)};
  if (failure != 0) return error{errc::connect_failed, ::gai_strerror(failure)};
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner{found, &::freeaddrinfo};
  addresses all;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    asio::ip::tcp::endpoint endpoint;
    if (one->ai_addrlen > endpoint.capacity()) continue;
    std::memcpy(endpoint.data(), one->ai_addr, one->ai_addrlen);
    all.push_back(endpoint.address());
  }
  if (all.empty()) return error{errc::connect_failed, "the name has no address"};
  return all;
}

lookup::lookup(const any_executor& executor, lookup_function ask) : ask_{std::move(ask)}, answered_{executor} {}

awaitable<result<addresses>> lookup::run(std::string host) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) co_return error{errc::connect_failed, os_text(errno)};
  const auto asked = std::make_shared<question>(std::move(host), ask_);
  asked->open_until_answered.reset(ends[1]);
  std::error_code failure;
  answered_.close(failure);
  answered_.assign(ends[0], failure);
  if (failure) {
    ::close(ends[0]);
    co_return error{errc::connect_failed, failure.message()};
  }
  try {
    std::thread{[asked] { answer(*asked); }}.detach();
  } catch (const std::system_error& exception) {
    co_return error{errc::connect_failed, exception.code().message()};
  }
  (void)co_await answered_.async_wait(asio::posix::descriptor_base::wait_read, use_tuple);
  answered_.close(failure);
  if (!asked->is_answered) co_return error{errc::cancelled};
  co_return std::move(asked->answer);
}

void lookup::cancel() {
  std::error_code ignored;
  answered_.cancel(ignored);
}

}  // namespace tcptools::net
