// `tcpchat connect`: somebody at a terminal, or a pipe in his place.
#pragma once

#include <CLI/App.hpp>

#include "cli/chat_options.hpp"

namespace tcptools::cli {

struct chat_connect_options {
  chat_options common;
  bool plain = false;
};

// Adds the options to `app`; `options` outlives it.
void add_chat_connect_options(CLI::App& app, chat_connect_options& options);

// From its options to its exit code.
[[nodiscard]] int run_chat_connect(chat_connect_options& options);

}  // namespace tcptools::cli
