// How a client proves who it is and whom it speaks to: what its command line says of keys and certificates.
#pragma once

#include <CLI/App.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "tcptools/net/tls_context.hpp"

namespace tcptools::cli {

struct client_security_options {
  std::string key_file;
  bool tls = false;
  std::string ca;
  net::certificate_files certificate;
  bool tls12 = false;
};

// --key, --tls, --ca, --tls-cert, --tls-key, --tls-1.2.
void add_client_security_options(CLI::App& app, client_security_options& options);

// Reads what the options name, or the key of TCPTOOLS_KEY_FILE where there are none. Null: connections are in the
// clear. Blocks. Where that fails, `program` says so, and this returns its exit code.
[[nodiscard]] std::optional<int> read_client_security(std::string_view program, const client_security_options& options,
                                                      std::shared_ptr<const net::tls_client>& into);

}  // namespace tcptools::cli
