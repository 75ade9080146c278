#include "cli/server_security.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include "cli/confine_option.hpp"
#include "cli/file_option.hpp"
#include "cli/option_types.hpp"
#include "cli/terminal.hpp"
#include "tcptools/net/endpoint.hpp"
#include "tcptools/net/key_file.hpp"

namespace tcptools::cli {
namespace {

error wrong(std::string what) { return error{errc::usage, std::move(what)}; }

void add_blocks(CLI::App& app, const std::string& name, std::vector<net::cidr>& blocks, const std::string& help) {
  const auto take = [name, &blocks](const std::vector<std::string>& texts) {
    blocks.clear();
    for (const std::string& one : texts) {
      const result<net::cidr> block = net::cidr::parse(as_given(one));
      if (!block) throw CLI::ValidationError(name, block.error().text());
      blocks.push_back(*block);
    }
  };
  app.add_option_function<std::vector<std::string>>(name, take, help)
      ->type_name("CIDR")
      ->allow_extra_args(false)
      ->take_all();
}

void add_languages(CLI::App& app, std::vector<std::string>& chosen, const std::vector<std::string>& languages) {
  std::string all;
  for (const std::string& one : languages) all += (all.empty() ? "" : "|") + one;
  const auto take = [languages, all, &chosen](const std::vector<std::string>& texts) {
    chosen = texts;
    for (const std::string& one : texts) {
      if (std::ranges::find(languages, one) != languages.end()) continue;
      throw CLI::ValidationError("--allow-plain", in_quotes(one) + " is none of " + all);
    }
  };
  app.add_option_function<std::vector<std::string>>(
         "--allow-plain", take,
         "With a key or a certificate, still take unencrypted sessions of this language; repeatable")
      ->type_name(all)
      ->allow_extra_args(false)
      ->take_all();
}

result<void> check_certificates(const server_security_options& options) {
  const net::certificate_files& certificate = options.certificate;
  if (certificate.chain.empty() != certificate.private_key.empty()) {
    return wrong("--tls-cert and --tls-key go together");
  }
  if (certificate.chain.empty() && !options.client_ca.empty())
    return wrong("--client-ca needs --tls-cert and --tls-key");
  if (certificate.chain.empty() && options.tls12) return wrong("--tls-1.2 is for certificates: it needs --tls-cert");
  if (!options.key_file.empty() && !certificate.chain.empty() && options.client_ca.empty()) {
    return wrong(
        "--key (or TCPTOOLS_KEY_FILE) and --tls-cert need --client-ca: otherwise whoever has no key is let in by the "
        "certificate");
  }
  return {};
}

result<void> check_reach(const std::vector<asio::ip::address>& bind) {
  const auto open = std::ranges::find_if(bind, [](const asio::ip::address& one) { return !one.is_loopback(); });
  if (open == bind.end()) return {};
  return wrong(
      "--bind " + net::to_text(*open) +
      " would let everybody in who reaches it: make a key with \"tcpsend keygen > FILE\", give --key FILE here "
      "and to clients; or say --insecure");
}

// Takes the environment into account, too.
result<void> choose(server_security_options& options, const std::vector<asio::ip::address>& bind) {
  const bool says_something = options.is_demanding() || !options.certificate.private_key.empty();
  if (options.insecure && says_something) {
    return wrong("--insecure and a key or certificate exclude each other; --allow-plain lets some in unencrypted");
  }
  if (!options.insecure && options.key_file.empty()) options.key_file = environment("TCPTOOLS_KEY_FILE");
  if (const result<void> good = check_certificates(options); !good) return good;
  if (!options.is_demanding() && !options.allow_plain.empty()) {
    return wrong("--allow-plain is for servers with --key or --tls-cert: others take everything unencrypted");
  }
  if (options.is_demanding() || options.insecure) return {};
  return check_reach(bind);
}

}  // namespace

std::vector<std::filesystem::path> server_security_options::directories() const {
  std::vector<std::filesystem::path> all;
  for (const std::string& file : {key_file, certificate.chain, certificate.private_key, client_ca}) {
    if (!file.empty()) std::ranges::copy(directories_of(file), std::back_inserter(all));
  }
  return all;
}

bool server_security_options::allows_plain(std::string_view language) const {
  return !is_demanding() || std::ranges::find(allow_plain, language) != allow_plain.end();
}

void add_server_security_options(CLI::App& app, server_security_options& options,
                                 const std::vector<std::string>& languages) {
  add_file(app, "--key", options.key_file,
           "The file with the keys of those to let in (see keygen); default: what TCPTOOLS_KEY_FILE names");
  add_file(app, "--tls-cert", options.certificate.chain, "Show this certificate (PEM, with its chain)");
  add_file(app, "--tls-key", options.certificate.private_key, "Its private key (PEM)");
  add_file(app, "--client-ca", options.client_ca,
           "Let in who shows a certificate of the authorities in this file (PEM)");
  app.add_flag("--tls-1.2", options.tls12, "With --tls-cert, take TLS 1.2 as well");
  app.add_flag("--insecure", options.insecure, "Let everybody in, unencrypted, on any address");
  add_languages(app, options.allow_plain, languages);
  add_blocks(app, "--allow", options.addresses.allow, "Let in from these addresses only; repeatable");
  add_blocks(app, "--deny", options.addresses.deny, "Let nobody in from these addresses; repeatable");
  add_blocks(app, "--proxy-from", options.proxies,
             "Connections from these addresses begin with a PROXY header, which says who the peer is; repeatable");
}

result<std::unique_ptr<server_security>> server_security::open(server_security_options options,
                                                               const std::vector<asio::ip::address>& bind,
                                                               net::right_check check) {
  if (const result<void> good = choose(options, bind); !good) return good.error();
  std::unique_ptr<server_security> made{new server_security{std::move(options), std::move(check)}};
  auto files = made->read();
  if (!files) return files.error();
  made->use(std::move(*files));
  return made;
}

result<security_files> server_security::read() const {
  security_files files;
  if (!options_.is_demanding()) return files;
  const bool takes_keys = !options_.key_file.empty();
  if (takes_keys) {
    auto read = net::read_key_file(options_.key_file, check_);
    if (!read) return read.error();
    files.keys = std::move(*read);
  }
  auto made =
      net::tls_server::make({takes_keys ? keys_ : nullptr, options_.certificate, options_.client_ca, options_.tls12});
  if (!made) return made.error();
  files.tls = std::move(*made);
  return files;
}

void server_security::use(security_files files) {
  keys_->replace(std::move(files.keys));
  tls_ = std::move(files.tls);
}

net::gate::settings server_security::gate_settings(std::size_t descriptors) const {
  net::gate::settings chosen;
  chosen.addresses = options_.addresses;
  chosen.proxies = options_.proxies;
  chosen.tls = tls_;
  chosen.allow_plain = !options_.allow_plain.empty();
  // Those who wait must leave enough for those who are in.
  chosen.waiting.seats = std::min(chosen.waiting.seats, std::max<std::size_t>(descriptors / 4, 16));
  return chosen;
}

}  // namespace tcptools::cli
