// The command lines of `tcpchat who` and `tcpchat history`.
#pragma once

#include <CLI/App.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "cli/tcpchat/options.hpp"

namespace tcptools::cli {

struct chat_query_options {
  chat_options common;
  std::string room;
  // history only
  std::optional<chat::since> since;
  std::optional<std::uint32_t> limit;
};

// Add the options to `app`; `options` outlives it.
void add_chat_who_options(CLI::App& app, chat_query_options& options);
void add_chat_history_options(CLI::App& app, chat_query_options& options);

}  // namespace tcptools::cli
