// The command line of `tcpsend serve`.
#pragma once

#include <CLI/App.hpp>
#include <chrono>
#include <string>

#include "cli/confine_option.hpp"
#include "cli/event_log.hpp"
#include "cli/listening.hpp"
#include "cli/server_security.hpp"
#include "tcptools/transfer/disk_store.hpp"
#include "tcptools/transfer/receive_server.hpp"

namespace tcptools::cli {

struct serve_options {
  listen_options listen;
  server_security_options security;
  std::string directory;
  transfer::store_options store;
  transfer::receive_server::settings server;
  std::chrono::milliseconds idle_timeout{30'000};
  std::string exec;
  confine_mode confine = confine_mode::automatic;
  bool json = false;
  log_options log;
};

// Adds the options to `app`; `options` outlives it.
void add_serve_options(CLI::App& app, serve_options& options);

}  // namespace tcptools::cli
