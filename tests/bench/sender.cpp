#include "sender.hpp"

#include <poll.h>
#include <sys/prctl.h>

#include <array>
#include <cerrno>
#include <ctime>
#include <string_view>
#include <utility>

#include "tcptools/base/error.hpp"

namespace tcptools::bench {
namespace {

constexpr std::size_t write_size = 65'536;
constexpr nanoseconds second = 1'000'000'000;

}  // namespace

sender::sender(session with, const dialect& language, const payload& texts, std::uint32_t messages, double rate,
               flow& bounds)
    : with_{std::move(with)},
      language_{language},
      scanner_{language, texts},
      frame_{language.before + texts.text({}) + language.after},
      messages_{messages},
      rate_{rate},
      bounds_{bounds},
      incoming_(write_size) {}

nanoseconds sender::due(std::uint32_t message) const noexcept {
  return started_ + static_cast<nanoseconds>(static_cast<double>(message) / rate_ * 1e9);
}

void sender::run() {
  // The kernel may be late by 50 us otherwise, to save energy.
  ::prctl(PR_SET_TIMERSLACK, 1);
  answer();
  started_ = now();
  while (failure_.empty() && !bounds_.stopped()) {
    if (outgoing_.empty()) make_what_is_due();
    if (!outgoing_.empty()) write();
    if (failure_.empty()) wait();
  }
}

void sender::make_what_is_due() {
  const std::uint32_t allowed = bounds_.allowed();
  const nanoseconds time = now();
  for (; made_ < allowed && outgoing_.size() < write_size; ++made_) {
    const nanoseconds stamped = rate_ > 0 ? due(made_) : time;
    if (stamped > time) break;
    outgoing_ += frame_;
    payload::restamp(outgoing_.data() + outgoing_.size() - frame_.size() + language_.before.size(), {made_, stamped});
  }
}

void sender::write() {
  const auto size = with_.with.send(std::string_view{outgoing_}.substr(written_));
  if (size < 0) {
    if (errno != EAGAIN && errno != EINTR) failure_ = os_text(errno);
    return;
  }
  bounds_.sent(now());
  written_ += static_cast<std::size_t>(size);
  if (written_ < outgoing_.size()) return;
  outgoing_.clear();
  written_ = 0;
}

// Everything that the server says to the sender is read, so that it never waits for that.
void sender::read() {
  const auto size = with_.with.receive(incoming_.data(), incoming_.size());
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size <= 0) {
    failure_ = size < 0 ? os_text(errno) : "the server closed the sender's session, last: " + with_.rest;
    return;
  }
  with_.rest.append(incoming_.data(), static_cast<std::size_t>(size));
  answer();
  if (with_.with.is_secure() && static_cast<std::size_t>(size) == incoming_.size()) read();
}

void sender::answer() {
  with_.rest.erase(0, scanner_.scan(with_.rest));
  // Only between messages, never within one.
  for (std::size_t i = 0; i < scanner_.found().pings; ++i) outgoing_ += language_.pong;
}

// Whether the window is open. If not, the receivers will wake this side.
bool sender::may_send() {
  if (bounds_.allowed() > made_) return true;
  bounds_.wants_more();
  return bounds_.allowed() > made_;
}

void sender::wait() {
  std::array<pollfd, 2> on{{{with_.with.fd(), POLLIN, 0}, {bounds_.wake_fd(), POLLIN, 0}}};
  timespec timeout{1, 0};
  if (!outgoing_.empty()) {
    on[0].events |= POLLOUT;
  } else if (made_ < messages_ && may_send()) {
    const nanoseconds time = now();
    const nanoseconds next = rate_ > 0 ? due(made_) : time;
    const nanoseconds pause = next > time ? next - time : 0;
    timeout = {static_cast<time_t>(pause / second), static_cast<long>(pause % second)};
  }
  if (::ppoll(on.data(), on.size(), &timeout, nullptr) <= 0) return;
  if (on[1].revents != 0) bounds_.awake();
  if ((on[0].revents & ~POLLOUT) != 0) read();
}

}  // namespace tcptools::bench
