// The command line of `tcpsend`, the sending half.
#pragma once

#include <CLI/App.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/client_security.hpp"
#include "tcptools/transfer/send_context.hpp"
#include "tcptools/transfer/tree_walk.hpp"

namespace tcptools::cli {

enum class progress_mode : std::uint8_t { automatic, always, never };
enum class send_protocol : std::uint8_t { native, compat };

struct send_options {
  transfer::send_settings settings;
  client_security_options security;
  std::vector<std::string> paths;
  std::optional<std::string> name;
  std::string into;
  std::vector<std::string> excludes;
  transfer::links_policy links = transfer::links_policy::automatic;
  std::optional<std::chrono::milliseconds> deadline;
  progress_mode progress = progress_mode::automatic;
  send_protocol protocol = send_protocol::native;
  bool dry_run = false;
  bool quiet = false;
  bool verbose = false;
  bool json = false;
};

// Adds the options to `app`; `options` outlives it.
void add_send_options(CLI::App& app, send_options& options);

}  // namespace tcptools::cli
