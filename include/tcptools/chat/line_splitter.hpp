// Cuts what a connection sends into lines. docs/chat-protocol.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tcptools::chat {

enum class framing : std::uint8_t {
  undecided,   // lines, but at most limits::structured_line bytes are kept of the first one, as they are
  structured,  // a line over limits::structured_line is an error: overflowed()
  plain,       // a line over limits::plain_line is cut between two characters; telnet commands are taken out
};

// Holds what was fed and not yet taken, and no memory when that is nothing. A view it gives is valid until the next
// call that is not const.
class line_splitter {
 public:
  void feed(std::string_view bytes);

  // How what has been fed and not yet taken, and all that follows, is to be read. From undecided to one of the others,
  // or from plain to structured.
  void become(framing how);

  // The next line that is complete, without LF or CRLF.
  [[nodiscard]] std::optional<std::string_view> next_line();

  // What has no line end yet: all of it but an unfinished character at its end. Nothing if that would be empty.
  // Framing plain.
  [[nodiscard]] std::optional<std::string_view> take_unterminated();
  // All of it, at the end of the stream. Nothing if there is none.
  [[nodiscard]] std::optional<std::string_view> take_rest();

  // The beginning of what has been fed and not yet taken, for whoever decides on the framing.
  [[nodiscard]] std::string_view held() const noexcept;
  // next_line() would give one.
  [[nodiscard]] bool has_line() const noexcept;
  // The line at work is over the limit; no more lines come.
  [[nodiscard]] bool overflowed() const noexcept;
};

}  // namespace tcptools::chat
