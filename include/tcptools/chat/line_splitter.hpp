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

// Holds what was fed and not yet taken, and no memory when next_line() has said that this is nothing. A view it gives
// is valid until the next call that is not const.
class line_splitter {
 public:
  void feed(std::string_view bytes);

  // How what has been fed and not yet taken, and all that follows, is to be read. From undecided to one of the others,
  // or from plain to structured.
  void become(framing how);

  // The next line that is complete, without LF or CRLF.
  [[nodiscard]] std::optional<std::string_view> next_line();

  // What has no line end yet: all of it but an unfinished character at its end; a CR at its end counts as a line end.
  // Nothing if that would be empty. Nothing while has_line(). Framing
  // plain.
  [[nodiscard]] std::optional<std::string_view> take_unterminated();
  // All of it, at the end of the stream; a CR at its end counts as a line end. Nothing if there is none, while
  // has_line(), or if it overflowed.
  [[nodiscard]] std::optional<std::string_view> take_rest();

  // The beginning of what has been fed and not yet taken, for whoever decides on the framing.
  [[nodiscard]] std::string_view held() const noexcept;
  // next_line() would give one.
  [[nodiscard]] bool has_line() const noexcept;
  // The line at work is over the limit; no more lines come. In framing undecided, become() may make it good: of a line
  // that is over the limit there its beginning is kept, up to the limit.
  [[nodiscard]] bool overflowed() const noexcept;

 private:
  // Where a telnet command is, RFC 854.
  enum class telnet : std::uint8_t { data, command, option, negotiation, negotiation_command };
  // The line at work.
  enum class progress : std::uint8_t { waiting, complete, too_long };
  struct line {
    progress state;
    std::size_t length;  // without its end
    std::size_t taken;   // with its end
  };

  [[nodiscard]] line look() const noexcept;
  void store(std::string_view bytes);
  void store_without_telnet(std::string_view bytes);
  void telnet_byte(char byte);
  std::string_view take(std::size_t length, std::size_t taken);
  void scan() noexcept;
  void refuse_overlong();
  void shrink();
  void release();

  std::string buffer_;
  std::uint32_t begin_ = 0;        // where what was not taken begins in buffer_
  std::uint32_t line_end_ = 0;     // the first LF from there on; buffer_'s size if there is none
  std::uint16_t negotiation_ = 0;  // bytes of it so far
  framing framing_ = framing::undecided;
  telnet telnet_ = telnet::data;
  bool overflowed_ = false;
};

}  // namespace tcptools::chat
