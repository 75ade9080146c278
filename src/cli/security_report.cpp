#include "cli/security_report.hpp"

#include <nlohmann/json.hpp>

#include "cli/json_lines.hpp"

namespace tcptools::cli {
namespace {

using json = nlohmann::ordered_json;

}  // namespace

void security_report::on_start(const server_security& security) {
  const server_security_options& options = security.options();
  if (options.insecure) {
    log_.write(log_level::warning, "insecure", {{"why", "everybody is let in, and everything is unencrypted"}});
  }
  if (options.is_demanding()) on_read(security);
}

void security_report::on_read(const server_security& security) {
  const server_security_options& options = security.options();
  if (options.key_file.empty()) {
    log_.write(log_level::info, "certificate read", {{"file", options.certificate.chain}});
  } else {
    log_.write(log_level::info, "keys read", {{"keys", security.keys().all().size()}, {"file", options.key_file}});
  }
}

void security_report::on_unreadable(const error& why) {
  log_.write(log_level::error, "keys not read", {{"why", why.text()}, {"then", "those read before stay"}});
}

void security_report::on_not_let_in(const net::refusal& what) {
  json fields{{"peer", what.peer.text}, {"why", what.why.text()}};
  if (what.is_blocked) fields["then"] = "blocked";
  if (what.unlogged > 0) fields["unlogged"] = what.unlogged;
  log_.write(log_level::warning, "not let in", fields);
  if (!json_) return;
  json object{{"type", "not_let_in"}};
  object.update(fields);
  print_json(object);
}

void security_report::on_let_in_again(const net::peer_info& peer, std::uint64_t unlogged) {
  log_.write(log_level::info, "let in again", {{"peer", peer.text}, {"unlogged", unlogged}});
}

}  // namespace tcptools::cli
