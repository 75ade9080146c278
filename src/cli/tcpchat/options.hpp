// What the command lines of tcpchat's clients have in common.
#pragma once

#include <CLI/App.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "cli/client_security.hpp"
#include "tcptools/base/result.hpp"
#include "tcptools/chat/client_connection.hpp"
#include "tcptools/chat/protocol.hpp"

namespace tcptools::cli {

struct chat_options {
  std::string program;  // "tcpchat send"
  chat::client_settings client;
  client_security_options security;
  std::optional<std::chrono::milliseconds> timeout;  // of the whole run
  bool quiet = false;
  bool verbose = false;
  bool json = false;
};

// --host, --port, --connect-timeout, --nick; --quiet, --verbose.
void add_chat_options(CLI::App& app, chat_options& options);
// --json.
void add_json_option(CLI::App& app, chat_options& options);
// --retry-for: how long connections are tried for, the first one and those that are lost.
void add_retry_option(CLI::App& app, chat_options& options);
// --timeout.
void add_timeout_option(CLI::App& app, chat_options& options, const std::string& usual);
// --room, as it is kept.
CLI::Option* add_room_option(CLI::App& app, std::string& room, const std::string& help);
// --since.
CLI::Option* add_since_option(CLI::App& app, std::optional<chat::since>& since, const std::string& help);

// "57", "00c0ffee00c0ffee:57", "10m", "all": after that message (of that epoch), at most so old, the oldest there is.
// A bare number is an id. Fails with errc::usage.
[[nodiscard]] result<chat::since> parse_since(const std::string& text);

}  // namespace tcptools::cli
