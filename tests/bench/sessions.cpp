#include "sessions.hpp"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace tcptools::bench {
namespace {

constexpr std::size_t opened_at_a_time = 200;
constexpr std::size_t sessions_per_address = 5'000;
constexpr int patience_ms = 10'000;
constexpr int probe_interval_ms = 500;

[[noreturn]] void fail(const char* doing, int error_number = errno) {
  throw std::system_error{error_number, std::generic_category(), doing};
}

void set_option(int fd, int level, int option, int value) {
  if (::setsockopt(fd, level, option, &value, sizeof value) != 0) fail("setsockopt");
}

const sockaddr* generic(const sockaddr_in& address) { return reinterpret_cast<const sockaddr*>(&address); }

void watch(int epoll, int operation, int fd, std::uint32_t events, std::size_t which) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = which;
  if (::epoll_ctl(epoll, operation, fd, &event) != 0) fail("epoll_ctl");
}

}  // namespace

sockaddr_in make_address(const std::string& host, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (::inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) {
    throw std::invalid_argument{host + " is no IPv4 address in digits"};
  }
  return address;
}

void send_at_once(const session& to, std::string_view bytes) {
  const auto sent = to.with.send(bytes);
  if (sent < 0) fail("send");
  if (static_cast<std::size_t>(sent) != bytes.size()) throw std::runtime_error{"a socket's buffer is full already"};
}

opening::opening(const sockaddr_in& server, const role& who, std::size_t count,
                 std::shared_ptr<const net::tls_client> tls, int receive_buffer)
    : server_{server},
      who_{who},
      count_{count},
      addresses_{(count + sessions_per_address - 1) / sessions_per_address},
      tls_{std::move(tls)},
      receive_buffer_{receive_buffer},
      epoll_{::epoll_create1(EPOLL_CLOEXEC)} {
  if (!epoll_) fail("epoll_create1");
  sessions_.reserve(count);
  stages_.reserve(count);
}

void opening::connect_all() {
  while (connected_ < count_) {
    while (sessions_.size() < count_ && sessions_.size() - connected_ < opened_at_a_time) start_next();
    wait_patiently();
  }
}

void opening::welcome_all() {
  while (welcomed_ < count_) {
    while (sessions_.size() < count_ && sessions_.size() - welcomed_ < opened_at_a_time) start_next();
    wait_patiently();
  }
}

void opening::start_next() {
  unique_fd fd{::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  if (!fd) fail("socket");
  set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  if (receive_buffer_ != 0) set_option(fd.get(), SOL_SOCKET, SO_RCVBUF, receive_buffer_);
  const std::size_t which = sessions_.size();
  if (addresses_ > 1) {
    sockaddr_in source{};
    source.sin_family = AF_INET;
    source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + static_cast<std::uint32_t>(which / sessions_per_address));
    set_option(fd.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    if (::bind(fd.get(), generic(source), sizeof source) != 0) fail("bind");
  }
  if (::connect(fd.get(), generic(server_), sizeof server_) != 0 && errno != EINPROGRESS) fail("connect");
  watch(epoll_.get(), EPOLL_CTL_ADD, fd.get(), EPOLLOUT, which);
  sessions_.push_back({link{std::move(fd)}, {}});
  stages_.push_back(stage::connecting);
}

void opening::welcome_all(const session& prober, std::string_view probe) {
  connect_all();
  for (int probes = 0; welcomed_ < count_; ++probes) {
    if (probes * probe_interval_ms > patience_ms) give_up();
    send_at_once(prober, probe);
    while (welcomed_ < count_ && wait(probe_interval_ms)) {
    }
  }
}

void opening::wait_patiently() {
  if (!wait(patience_ms)) give_up();
}

void opening::give_up() const {
  throw std::runtime_error{std::to_string(count_) + " sessions wanted, " + std::to_string(connected_) + " connected, " +
                           std::to_string(welcomed_) + " welcomed, and for 10 s no more"};
}

// False if nothing happened.
bool opening::wait(int timeout_ms) {
  std::array<epoll_event, 256> events{};
  const int ready = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout_ms);
  if (ready < 0 && errno != EINTR) fail("epoll_wait");
  for (int i = 0; i < ready; ++i) advance(events[static_cast<std::size_t>(i)].data.u64);
  return ready != 0;
}

void opening::advance(std::size_t which) {
  switch (stages_[which]) {
    case stage::connecting:
      return become_connected(which);
    case stage::connected:
      return read_welcome(which);
    case stage::welcomed:
      return;
  }
}

void opening::become_connected(std::size_t which) {
  session& opened = sessions_[which];
  int error_number = 0;
  socklen_t size = sizeof error_number;
  ::getsockopt(opened.with.fd(), SOL_SOCKET, SO_ERROR, &error_number, &size);
  if (error_number != 0) fail("connect", error_number);

  if (tls_) opened.with.secure(*tls_);
  if (!who_.greeting.empty()) send_at_once(opened, who_.greeting);
  ++connected_;
  if (who_.welcome.empty()) {
    ++welcomed_;
    stages_[which] = stage::welcomed;
    watch(epoll_.get(), EPOLL_CTL_DEL, opened.with.fd(), 0, which);
  } else {
    stages_[which] = stage::connected;
    watch(epoll_.get(), EPOLL_CTL_MOD, opened.with.fd(), EPOLLIN, which);
  }
}

void opening::read_welcome(std::size_t which) {
  session& opened = sessions_[which];
  std::array<char, 16'384> buffer{};
  const auto size = opened.with.receive(buffer.data(), buffer.size());
  if (size < 0 && errno == EAGAIN) return;
  if (size < 0) fail("recv");
  if (size == 0) throw std::runtime_error{"a session ended instead of being welcomed: " + opened.rest};
  opened.rest.append(buffer.data(), static_cast<std::size_t>(size));

  const auto position = opened.rest.find(who_.welcome);
  if (position == std::string::npos) return;
  opened.rest.erase(0, position + who_.welcome.size());
  ++welcomed_;
  stages_[which] = stage::welcomed;
  // What comes from here on is not for this.
  watch(epoll_.get(), EPOLL_CTL_DEL, opened.with.fd(), 0, which);
}

}  // namespace tcptools::bench
