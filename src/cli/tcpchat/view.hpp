// What a person at `tcpchat connect` is shown of what a chat client is told.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cli/tcpchat/nick_colour.hpp"
#include "tcptools/chat/client_machine.hpp"

namespace tcptools::cli {

struct chat_view {
  colour_depth colours = colour_depth::none;
  bool shows_time = false;  // hours and minutes, in the user's time zone

  // Lines with their ends; empty for what is not shown. `self` is the nickname of this client.
  [[nodiscard]] std::string render(const chat::told& what, std::string_view self) const;
};

// The last sign of a session: "#lobby> ", "(connecting) ".
[[nodiscard]] std::string chat_prompt(std::string_view room, std::string_view state);

}  // namespace tcptools::cli
