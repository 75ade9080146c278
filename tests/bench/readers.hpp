// Reads from many sessions at once.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "scanner.hpp"
#include "sessions.hpp"

namespace tcptools::bench {

class readers {
 public:
  // What becomes of the sessions, which are named by their position.
  class listener {
   public:
    listener() = default;
    listener(const listener&) = delete;
    listener& operator=(const listener&) = delete;
    virtual ~listener() = default;
    // `when` is the time at which all of `found` was there.
    virtual void heard(std::size_t which, nanoseconds when, const findings& found) = 0;
    virtual void ended(std::size_t which) = 0;
  };

  // `language` and `texts` must outlive this. Throws std::system_error.
  readers(std::vector<session> sessions, const dialect& language, const payload& texts);

  // Waits until something is there or `timeout_ms` are over, and reads once from each session that has something. Pings
  // are answered. False if nothing came.
  bool poll(int timeout_ms, listener& to);

  [[nodiscard]] std::size_t open() const noexcept { return open_; }
  // The last line that was no message, of a session that has ended; empty if there was none.
  [[nodiscard]] const std::string& last_words() const noexcept { return last_words_; }

 private:
  void look_at_rests(listener& to);
  // True if there may be more that the system does not tell of.
  bool read(std::size_t which, listener& to);
  void take(std::size_t which, std::string_view data, nanoseconds when, listener& to);

  const dialect& language_;
  scanner scanner_;
  std::vector<session> sessions_;
  std::vector<std::string> other_;  // the last line of each session that was no message
  std::string last_words_;
  std::size_t open_;
  bool looked_at_rests_ = false;
  unique_fd epoll_;
  std::vector<char> buffer_;
};

}  // namespace tcptools::bench
