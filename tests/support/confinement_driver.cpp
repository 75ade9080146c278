// Confines itself as a server does, then tries what it is told, one command a line on standard input; answers each with
// "ok" or the name of the error. For tests/e2e/test_confinement.py.
//
//   confinement_driver [--tree DIR] [--file FILE] [--readable PATH] [--tidied DIR] [--thread] [--version N]
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <iostream>
#include <map>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "tcptools/base/confinement.hpp"
#include "tcptools/base/unique_fd.hpp"
#include "tcptools/net/worker_pool.hpp"

namespace {

using namespace tcptools;

using arguments = std::vector<std::string>;

int number(const std::string& text) {
  int value = 0;
  (void)std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

bool open_with(const std::string& path, int flags) {
  return static_cast<bool>(unique_fd{::open(path.c_str(), flags | O_CLOEXEC, 0600)});
}

bool with_socket(const std::string& port, decltype(&::connect) call) {
  const unique_fd one{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(number(port)));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return call(one.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

bool connect_to_abstract(const std::string& name) {
  const unique_fd one{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, name.data(), name.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  return ::connect(one.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0;
}

// As a receiver puts a small file in its place: without a name until then.
bool put(const std::string& directory, const std::string& path) {
  const unique_fd file{::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)};
  if (!file) return false;
  const std::string behind = "/proc/self/fd/" + std::to_string(file.get());
  return ::linkat(AT_FDCWD, behind.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) == 0;
}

const std::map<std::string_view, bool (*)(const arguments&)> commands{
    {"read", [](const arguments& a) { return open_with(a[1], O_RDONLY); }},
    {"list", [](const arguments& a) { return open_with(a[1], O_RDONLY | O_DIRECTORY); }},
    {"write", [](const arguments& a) { return open_with(a[1], O_WRONLY); }},
    {"empty", [](const arguments& a) { return open_with(a[1], O_WRONLY | O_TRUNC); }},
    {"cut", [](const arguments& a) { return ::truncate(a[1].c_str(), 0) == 0; }},
    {"create", [](const arguments& a) { return open_with(a[1], O_WRONLY | O_CREAT | O_EXCL); }},
    {"put", [](const arguments& a) { return put(a[1], a[2]); }},
    {"mkdir", [](const arguments& a) { return ::mkdir(a[1].c_str(), 0700) == 0; }},
    {"rmdir", [](const arguments& a) { return ::rmdir(a[1].c_str()) == 0; }},
    {"remove", [](const arguments& a) { return ::unlink(a[1].c_str()) == 0; }},
    {"rename", [](const arguments& a) { return std::rename(a[1].c_str(), a[2].c_str()) == 0; }},
    {"link", [](const arguments& a) { return ::link(a[1].c_str(), a[2].c_str()) == 0; }},
    {"symlink", [](const arguments& a) { return ::symlink(a[1].c_str(), a[2].c_str()) == 0; }},
    {"fifo", [](const arguments& a) { return ::mkfifo(a[1].c_str(), 0600) == 0; }},
    {"connect", [](const arguments& a) { return with_socket(a[1], ::connect); }},
    {"bind", [](const arguments& a) { return with_socket(a[1], ::bind); }},
    {"abstract", [](const arguments& a) { return connect_to_abstract(a[1]); }},
    {"signal", [](const arguments& a) { return ::kill(number(a[1]), 0) == 0; }},
    {"run",
     [](const arguments& a) {
       std::array<char*, 1> none{nullptr};
       return ::execve(a[1].c_str(), none.data(), none.data()) == 0;
     }},
};

std::string attempt(const arguments& words) {
  const auto found = commands.find(words.front());
  if (found == commands.end()) return "what?";
  return found->second(words) ? "ok" : ::strerrorname_np(errno);
}

// On a worker that was there before, though it had nothing to do.
std::string attempt_on(net::worker_pool& pool, const arguments& words) {
  asio::io_context io{1};
  std::string answer;
  const auto run = [&]() -> net::awaitable<void> {
    auto job = [&words] { return attempt(words); };
    answer = co_await net::offload(pool, std::move(job));
  };
  asio::co_spawn(io, run(), [](const std::exception_ptr& thrown) {
    if (thrown) std::rethrow_exception(thrown);
  });
  io.run();
  return answer;
}

}  // namespace

int main(int count, char** values) {
  access_needs needs;
  int version = confinement_version();
  bool on_thread = false;
  const std::span given{values, static_cast<std::size_t>(count)};
  for (std::size_t i = 1; i < given.size(); ++i) {
    const std::string_view option = given[i];
    if (option == "--thread") {
      on_thread = true;
      continue;
    }
    if (++i == given.size()) return 2;
    if (option == "--version") {
      version = number(given[i]);
      continue;
    }
    const std::map<std::string_view, std::vector<std::filesystem::path>*> lists{{"--tree", &needs.trees},
                                                                                {"--file", &needs.files},
                                                                                {"--readable", &needs.readable},
                                                                                {"--tidied", &needs.tidied}};
    lists.at(option)->emplace_back(given[i]);
  }
  net::worker_pool pool{1};
  if (const result<void> done = confine(needs, version); !done) {
    std::cerr << done.error().text() << std::endl;
    return 2;
  }
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream all{line};
    arguments words;
    for (std::string word; all >> word;) words.push_back(word);
    words.resize(3);
    std::cout << (on_thread ? attempt_on(pool, words) : attempt(words)) << std::endl;
  }
}
