// The one session that sends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "flow.hpp"
#include "readers.hpp"
#include "sessions.hpp"

namespace tcptools::bench {

class sender {
 public:
  // Messages go out at `rate` a second, each stamped with the time at which it is due, whether or not it could be sent
  // then; or, if that is 0, as fast as server and window take them, stamped with the time at which they are made. All
  // references must outlive this.
  sender(session with, const dialect& language, const payload& texts, std::uint32_t messages, double rate,
         flow& bounds);

  // Blocks until it is stopped, or the session has ended. After the last message it still reads what the server
  // answers.
  void run();

  // When the first message was due.
  [[nodiscard]] nanoseconds started() const noexcept { return started_; }
  // Messages that were given to the system; more, by less than one, if the session ended.
  [[nodiscard]] std::uint32_t sent() const noexcept { return made_; }
  // Empty, or why the session ended early.
  [[nodiscard]] const std::string& failure() const noexcept { return failure_; }

 private:
  void make_what_is_due();
  void write();
  void read();
  void answer();
  [[nodiscard]] bool may_send();
  void wait();
  [[nodiscard]] nanoseconds due(std::uint32_t message) const noexcept;

  session with_;
  const dialect& language_;
  scanner scanner_;
  std::string frame_;  // a whole message
  std::uint32_t messages_;
  double rate_;
  flow& bounds_;
  nanoseconds started_ = 0;
  std::uint32_t made_ = 0;
  std::string outgoing_;
  std::size_t written_ = 0;  // of outgoing_
  std::vector<char> incoming_;
  std::string failure_;
};

}  // namespace tcptools::bench
