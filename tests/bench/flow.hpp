// How far the sender may be ahead of the receivers, between their threads.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <system_error>
#include <vector>

#include "payload.hpp"
#include "tcptools/base/unique_fd.hpp"

namespace tcptools::bench {

class flow {
 public:
  // `window` is how many messages may be sent that not all receivers have got; 0: any number. Throws std::system_error.
  flow(std::uint32_t messages, std::uint32_t window, std::size_t threads)
      : messages_{messages},
        window_{window},
        floors_(threads),
        wake_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)},
        last_sent_{now()} {
    if (!wake_) throw std::system_error{errno, std::generic_category(), "eventfd"};
  }

  // From the threads of receivers: all of a thread's receivers have got what is below `floor`.
  void advance(std::size_t thread, std::uint32_t floor) {
    floors_[thread] = floor;
    if (sender_waits_.exchange(false)) wake_sender();
  }
  // The run is over, for all threads.
  void stop() {
    stopped_ = true;
    wake_sender();
  }
  [[nodiscard]] bool stopped() const { return stopped_; }
  [[nodiscard]] nanoseconds last_sent() const { return last_sent_; }

  // From the sender: the message up to which it may send. Where that is not enough it sets wants_more, asks again, and
  // waits for wake_fd to become readable.
  [[nodiscard]] std::uint32_t allowed() const {
    if (window_ == 0) return messages_;
    std::uint32_t floor = messages_;
    for (const auto& thread : floors_) floor = std::min(floor, thread.load());
    return window_ < messages_ - floor ? floor + window_ : messages_;
  }
  void wants_more() { sender_waits_ = true; }
  [[nodiscard]] int wake_fd() const { return wake_.get(); }
  void awake() {
    eventfd_t ignored = 0;
    ::eventfd_read(wake_.get(), &ignored);
  }
  void sent(nanoseconds when) { last_sent_ = when; }

 private:
  void wake_sender() { ::eventfd_write(wake_.get(), 1); }

  std::uint32_t messages_;
  std::uint32_t window_;
  std::vector<std::atomic<std::uint32_t>> floors_;
  std::atomic<bool> sender_waits_ = false;
  std::atomic<bool> stopped_ = false;
  unique_fd wake_;
  std::atomic<nanoseconds> last_sent_;
};

}  // namespace tcptools::bench
