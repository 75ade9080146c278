// What programs that listen have in common: where, and as how many.
#pragma once

#include <CLI/App.hpp>
#include <asio/ip/address.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tcptools/base/result.hpp"

namespace tcptools::cli {

struct listen_options {
  std::vector<std::string> bind{"localhost"};
  std::uint16_t port = 0;
  std::string port_file;
};

// --bind, --port and --port-file.
void add_listen_options(CLI::App& app, listen_options& options, std::uint16_t usual_port);

// The addresses that --bind names, each once.
[[nodiscard]] result<std::vector<asio::ip::address>> bind_addresses(const std::vector<std::string>& texts);

// As many descriptors as the system allows: the usual soft limit is for programs that use select(). How many that are.
std::size_t raise_descriptor_limit();

}  // namespace tcptools::cli
