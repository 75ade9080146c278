// The plain language: commands of clients, and what they are shown. docs/chat-protocol.md, "The plain language".
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "tcptools/chat/protocol.hpp"

namespace tcptools::chat {

// A line without its end: text ("//x" is the text "/x"), or a command: /nick /join /msg /who /help /quit. Knows no
// rooms' and nobody's names: whether they may be is not asked.
[[nodiscard]] std::variant<request, complaint> parse_plain(std::string_view line);

// Appends a line with its LF, or several, or nothing for what plain sessions are not told (ack, ping, pong, end,
// welcome). `self` is the nickname of the session that will read it, for lines about itself.
void append_plain(std::string& out, const event& what, std::string_view self);
// The same for events::message: "[from] text".
void append_plain_message(std::string& out, std::string_view from, std::string_view text);

// What /help answers, lines with their LF.
[[nodiscard]] std::string_view plain_help() noexcept;

// The first line of a connection is an HTTP request: "GET / HTTP/1.1".
[[nodiscard]] bool is_http_request(std::string_view line) noexcept;

}  // namespace tcptools::chat
