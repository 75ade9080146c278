#include "readers.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

namespace tcptools::bench {
namespace {

constexpr std::size_t read_size = 262'144;

}  // namespace

readers::readers(std::vector<session> sessions, const dialect& language, const payload& texts)
    : language_{language},
      scanner_{language, texts},
      sessions_{std::move(sessions)},
      other_(sessions_.size()),
      open_{sessions_.size()},
      epoll_{::epoll_create1(EPOLL_CLOEXEC)} {
  if (!epoll_) throw std::system_error{errno, std::generic_category(), "epoll_create1"};
  for (std::size_t i = 0; i < sessions_.size(); ++i) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = i;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, sessions_[i].with.fd(), &event) != 0) {
      throw std::system_error{errno, std::generic_category(), "epoll_ctl"};
    }
  }
}

bool readers::poll(int timeout_ms, listener& to) {
  if (!looked_at_rests_) look_at_rests(to);
  std::array<epoll_event, 512> events{};
  const int ready = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout_ms);
  for (int i = 0; i < ready; ++i) {
    while (read(events[static_cast<std::size_t>(i)].data.u64, to)) {
    }
  }
  return ready > 0;
}

// What came together with the welcome may be all that comes for a while.
void readers::look_at_rests(listener& to) {
  looked_at_rests_ = true;
  for (std::size_t i = 0; i < sessions_.size(); ++i) {
    const std::string rest = std::exchange(sessions_[i].rest, {});
    if (!rest.empty()) take(i, rest, now(), to);
  }
}

bool readers::read(std::size_t which, listener& to) {
  session& from = sessions_[which];
  // What is left of the last time, at most one unfinished message or line, goes in front.
  const std::size_t left = from.rest.size();
  if (buffer_.size() < left + read_size) buffer_.resize(left + read_size);
  std::ranges::copy(from.rest, buffer_.begin());

  const auto size = from.with.receive(buffer_.data() + left, read_size);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (size <= 0) {
    if (!other_[which].empty()) last_words_ = other_[which];
    from.with.close();
    --open_;
    to.ended(which);
    return false;
  }
  take(which, {buffer_.data(), left + static_cast<std::size_t>(size)}, now(), to);
  return from.with.is_secure() && static_cast<std::size_t>(size) == read_size;
}

void readers::take(std::size_t which, std::string_view data, nanoseconds when, listener& to) {
  session& from = sessions_[which];
  const std::size_t taken = scanner_.scan(data);
  const findings& found = scanner_.found();
  from.rest.assign(data.substr(taken));
  if (!found.other.empty()) other_[which].assign(found.other);
  for (std::size_t i = 0; i < found.pings; ++i) {
    // If it cannot be sent, the next read tells why.
    [[maybe_unused]] const auto sent = from.with.send(language_.pong);
  }
  to.heard(which, when, found);
}

}  // namespace tcptools::bench
