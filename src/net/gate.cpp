#include "tcptools/net/gate.hpp"

#include <utility>

namespace tcptools::net {

gate::gate(listener& from, settings chosen, gate_observer& observer)
    : listener_{from}, settings_{std::move(chosen)}, observer_{observer} {}

awaitable<void> gate::run(on_connection accept, listener::on_trouble complain) {
  co_await listener_.run(std::move(accept), std::move(complain));
}

void gate::close() { listener_.close(); }

void gate::set_tls(std::shared_ptr<const tls_server> tls) { settings_.tls = std::move(tls); }

}  // namespace tcptools::net
