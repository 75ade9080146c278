#include "cli/client_security.hpp"

#include <string>
#include <utility>

#include "cli/exit_code.hpp"
#include "cli/file_option.hpp"
#include "cli/status_line.hpp"
#include "cli/terminal.hpp"
#include "cli/usage.hpp"
#include "tcptools/base/result.hpp"
#include "tcptools/net/key_file.hpp"

namespace tcptools::cli {
namespace {

error misused(std::string what) { return error{errc::usage, std::move(what)}; }

result<void> check_client_security(const client_security_options& options) {
  if (!options.key_file.empty() && options.tls) {
    return misused("--key and --tls exclude each other: the server proves itself by the key, or by a certificate");
  }
  const bool has_certificate = !options.certificate.chain.empty();
  if (has_certificate == options.certificate.private_key.empty())
    return misused("--tls-cert and --tls-key go together");
  if (!options.tls && (!options.ca.empty() || has_certificate || options.tls12)) {
    return misused("--ca, --tls-cert, --tls-key and --tls-1.2 are for certificates: they need --tls");
  }
  return {};
}

result<std::shared_ptr<const net::tls_client>> read_all(const client_security_options& options) {
  std::string key_file = options.key_file;
  if (key_file.empty() && !options.tls) key_file = environment("TCPTOOLS_KEY_FILE");
  if (key_file.empty() && !options.tls) return std::shared_ptr<const net::tls_client>{};
  net::tls_client::settings chosen{nullptr, options.ca, options.certificate, options.tls12};
  if (!key_file.empty()) {
    auto own = net::read_own_key(key_file);
    if (!own) return own.error();
    chosen.by_key = std::make_shared<const net::key>(std::move(*own));
  }
  return net::tls_client::make(std::move(chosen));
}

}  // namespace

void add_client_security_options(CLI::App& app, client_security_options& options) {
  add_file(app, "--key", options.key_file,
           "The file with your key, which the server must have, too; default: what TCPTOOLS_KEY_FILE names");
  app.add_flag("--tls", options.tls, "Connect by TLS; the server must show a certificate for the name in --host");
  add_file(app, "--ca", options.ca, "Trust the authorities in this file (PEM) instead of the system's");
  add_file(app, "--tls-cert", options.certificate.chain, "Show this certificate (PEM, with its chain)");
  add_file(app, "--tls-key", options.certificate.private_key, "Its private key (PEM)");
  app.add_flag("--tls-1.2", options.tls12, "With --tls, take TLS 1.2 as well");
}

std::optional<int> read_client_security(std::string_view program, const client_security_options& options,
                                        std::shared_ptr<const net::tls_client>& into) {
  if (const result<void> good = check_client_security(options); !good) {
    return complain_about_usage(program, good.error().text());
  }
  auto made = read_all(options);
  if (made) {
    into = std::move(*made);
    return std::nullopt;
  }
  status_line{std::string{program}}.say(made.error().text());
  return static_cast<int>(exit_code_for(made.error().code()));
}

}  // namespace tcptools::cli
