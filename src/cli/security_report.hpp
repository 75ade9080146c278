// What a server's log, and with --json its standard output, say of who may come in: docs/security.md, "fail2ban".
#pragma once

#include <cstddef>

#include "cli/event_log.hpp"
#include "cli/server_security.hpp"
#include "tcptools/net/gate.hpp"

namespace tcptools::cli {

class security_report final : public net::gate_observer {
 public:
  // The log outlives it. `json`: also one JSON object a line on standard output.
  security_report(event_log& log, bool json) : log_{log}, json_{json} {}

  // How the server starts.
  void on_start(const server_security& security);

  void on_not_let_in(const net::refusal& what) override;
  void on_let_in_again(const net::peer_info& peer, std::uint64_t unlogged) override;

  void on_read(const server_security& security);
  // What was read before stays.
  void on_unreadable(const error& why);

 private:
  event_log& log_;
  bool json_;
};

}  // namespace tcptools::cli
