// Texts made safe where they enter, for terminals and logs of others. docs/chat-protocol.md, "Terms".
#pragma once

#include <string>
#include <string_view>

namespace tcptools::chat {

// `text` as UTF-8 in one line: every byte that is not UTF-8, every control character but the tab, every bidirectional
// control and every invisible format character but zero-width joiners and variation selectors becomes U+FFFD; spaces
// and tabs at its end are taken off.
[[nodiscard]] std::string safe_text(std::string_view text);

// `text` if it has at most `size` bytes, otherwise so much of its beginning without an unfinished character at the end.
// Where nothing would be left, because the text is not UTF-8, `size` bytes.
[[nodiscard]] std::string_view cut_to(std::string_view text, std::size_t size) noexcept;

// The length of an unfinished character at the end of `text`, 0 to 3 bytes: what could become UTF-8 with bytes to come.
[[nodiscard]] std::size_t unfinished_at_end(std::string_view text) noexcept;

}  // namespace tcptools::chat
