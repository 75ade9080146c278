// The command line of `tcpchat serve`.
#pragma once

#include <CLI/App.hpp>
#include <string>

#include "cli/confine_option.hpp"
#include "cli/event_log.hpp"
#include "cli/listening.hpp"
#include "cli/server_security.hpp"
#include "tcptools/chat/chat_machine.hpp"

namespace tcptools::cli {

struct chat_serve_options {
  listen_options listen;
  server_security_options security;
  chat::server_settings chat;
  std::string history;
  bool console = false;
  confine_mode confine = confine_mode::automatic;
  log_options log;
};

// Adds the options to `app`; `options` outlives it.
void add_chat_serve_options(CLI::App& app, chat_serve_options& options);

}  // namespace tcptools::cli
