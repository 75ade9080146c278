// Who may come to a server: what its command line says of keys, certificates and addresses, and what that comes to.
#pragma once

#include <CLI/App.hpp>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cli/listening.hpp"
#include "tcptools/base/result.hpp"
#include "tcptools/net/cidr.hpp"
#include "tcptools/net/gate.hpp"
#include "tcptools/net/key_ring.hpp"
#include "tcptools/net/key_text.hpp"
#include "tcptools/net/tls_context.hpp"

namespace tcptools::cli {

struct server_security_options {
  std::string key_file;
  net::certificate_files certificate;
  std::string client_ca;
  bool tls12 = false;
  bool insecure = false;
  std::vector<std::string> allow_plain;  // languages
  net::access_list addresses;
  std::vector<net::cidr> proxies;

  // Whoever comes has to prove who it is, or at least to encrypt.
  [[nodiscard]] bool is_demanding() const noexcept { return !key_file.empty() || !certificate.chain.empty(); }
  // Beneath which its files are read, now and after they were replaced.
  [[nodiscard]] std::vector<std::filesystem::path> directories() const;
  // Connections in the clear may speak this.
  [[nodiscard]] bool allows_plain(std::string_view language) const;
};

// --key, --tls-cert, --tls-key, --client-ca, --tls-1.2, --insecure, --allow-plain, --allow, --deny, --proxy-from.
// `languages` are the words that --allow-plain takes.
void add_server_security_options(CLI::App& app, server_security_options& options,
                                 const std::vector<std::string>& languages);

// What the files of keys and certificates held.
struct security_files {
  std::vector<net::key> keys;
  std::shared_ptr<const net::tls_server> tls;  // null: neither keys nor a certificate
};

// What a server goes by.
class server_security {
 public:
  // Takes the key file that TCPTOOLS_KEY_FILE names where there is neither --key nor --insecure.
  // `bind` is where the server will listen, `check` is for the rights of keys. Blocks. Fails with errc::usage: options
  // that do not go together, an address that others reach while everybody would be let in, files that are no good.
  [[nodiscard]] static result<std::unique_ptr<server_security>> open(server_security_options options,
                                                                     const std::vector<asio::ip::address>& bind,
                                                                     net::right_check check);

  // All files, once more. Blocks; may be called on another thread. Fails with errc::usage.
  [[nodiscard]] result<security_files> read() const;
  // Instead of what was read before. Keys that are gone or have other rights are no longer held by the ring.
  void use(security_files files);

  // `descriptors`: how many this process may have open.
  [[nodiscard]] net::gate::settings gate_settings(std::size_t descriptors) const;

  // Null: neither keys nor a certificate.
  [[nodiscard]] const std::shared_ptr<const net::tls_server>& tls() const noexcept { return tls_; }
  // Empty without --key; the same ring for as long as it lives.
  [[nodiscard]] const net::key_ring& keys() const noexcept { return *keys_; }

  // As they were taken.
  [[nodiscard]] const server_security_options& options() const noexcept { return options_; }

 private:
  server_security(server_security_options options, net::right_check check)
      : options_{std::move(options)}, check_{std::move(check)} {}

  server_security_options options_;
  net::right_check check_;
  std::shared_ptr<net::key_ring> keys_ = std::make_shared<net::key_ring>(std::vector<net::key>{});
  std::shared_ptr<const net::tls_server> tls_;
};

}  // namespace tcptools::cli
