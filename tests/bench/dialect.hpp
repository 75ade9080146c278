// The languages of the servers under load, as far as a run needs them: what is said to them and how what they say is
// cut into messages.
#pragma once

#include <string>
#include <string_view>

#include "payload.hpp"

namespace tcptools::bench {

// What one side of a session says first, and what shows that it was let in.
struct role {
  std::string greeting;
  std::string welcome;  // empty: let in once connected
};

enum class framing {
  lines,            // messages are lines, somewhere in which the text is
  counted,          // messages have a head that is always the same, the text and a tail; everything else is lines
  counted_records,  // everything is four decimal digits and so many bytes
};

struct dialect {
  role receiver;
  role sender;
  // Where nothing tells a receiver that it was let in: a message that the sender, which comes last, sends to all, and
  // whose text is the receivers' welcome. Otherwise empty.
  std::string probe;

  // Around a text that is sent.
  std::string before;
  std::string after;

  framing frames = framing::lines;
  std::string head;  // counted and counted_records: in front of each text
  std::string tail;  // counted: behind it. lines: what follows the text, a line's end if empty.
  std::string ping;  // lines in which this occurs ask for `pong`; empty: none do
  std::string pong;
};

// `language` is one of those in `languages`. Throws std::invalid_argument on others, and where a text has a size that
// the language cannot carry.
[[nodiscard]] dialect speak(std::string_view language, const payload& texts);

inline constexpr std::string_view languages[] = {"structured", "plain", "nats", "resp", "asio", "lines"};

}  // namespace tcptools::bench
