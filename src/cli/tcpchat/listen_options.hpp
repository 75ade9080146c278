// The command line of `tcpchat listen`.
#pragma once

#include <CLI/App.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "cli/tcpchat/options.hpp"
#include "cli/tcpchat/text_pattern.hpp"

namespace tcptools::cli {

struct chat_listen_options {
  chat_options common;
  std::string room;
  std::optional<chat::since> since;
  std::optional<std::uint64_t> count;
  std::optional<std::chrono::milliseconds> duration;
  std::optional<text_pattern> match;
  std::string from;  // empty: all
  std::string exec;  // empty: none
};

// Adds the options to `app`; `options` outlives it.
void add_chat_listen_options(CLI::App& app, chat_listen_options& options);

}  // namespace tcptools::cli
