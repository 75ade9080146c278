// How messages look on standard output: for cut(1) and awk(1), and as JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "tcptools/chat/client_machine.hpp"
#include "tcptools/chat/protocol.hpp"

namespace tcptools::cli {

// "2024-05-01T12:00:00.123Z"; the number itself where that is not between 1970 and 9999.
[[nodiscard]] std::string format_time(chat::wall_time time);

// "TIME<tab>NAME<tab>TEXT" without a line end; a direct message's NAME is "FROM->TO". Only TEXT can have further tabs.
[[nodiscard]] std::string to_text_line(const chat::news::message& message);
[[nodiscard]] std::string to_text_line(const chat::events::direct& message);
// "NICK<tab>ROOM<tab>SECONDS".
[[nodiscard]] std::string to_text_line(const chat::events::member& member);

// "3 messages of ROOM are lost: the server does not keep so many".
[[nodiscard]] std::string to_text(const chat::news::lost& lost);

[[nodiscard]] nlohmann::ordered_json to_json(const chat::news::message& message);
[[nodiscard]] nlohmann::ordered_json to_json(const chat::events::direct& message);
[[nodiscard]] nlohmann::ordered_json to_json(const chat::events::member& member);

}  // namespace tcptools::cli
