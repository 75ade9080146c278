// Text that came from somebody else: is it UTF-8, and how is it shown without doing anything to a terminal or a log.
#pragma once

#include <string>
#include <string_view>

namespace tcptools {

// Well-formed UTF-8 as of RFC 3629: no overlong forms, no surrogates, nothing beyond U+10FFFF.
[[nodiscard]] bool is_utf8(std::string_view text) noexcept;

// `text` with everything made visible that could move a cursor, colour a line or reorder what is read: C0 and C1
// controls, DEL, line and paragraph separators, bidirectional controls, zero-width and other invisible format
// characters, and every byte that is not UTF-8, each as \n \t \\ or \xHH (of its bytes); the backslash itself is
// doubled. The rest is left alone.
[[nodiscard]] std::string visible(std::string_view text);

// The same between single quotes, for messages.
[[nodiscard]] std::string in_quotes(std::string_view text);

}  // namespace tcptools
