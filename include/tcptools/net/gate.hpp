// Who comes in: everything between a connection's arrival and its being handed to a program.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "tcptools/base/result.hpp"
#include "tcptools/net/acceptor.hpp"
#include "tcptools/net/cidr.hpp"
#include "tcptools/net/completion.hpp"
#include "tcptools/net/stream.hpp"
#include "tcptools/net/task_group.hpp"
#include "tcptools/net/tls_context.hpp"

namespace tcptools::net {

// Called on the I/O thread; must not block.
class gate_observer {
 public:
  gate_observer() = default;
  gate_observer(const gate_observer&) = delete;
  gate_observer& operator=(const gate_observer&) = delete;
  virtual ~gate_observer() = default;

  // Somebody was not let in. errc::refused: by address, or for want of proof of who it is.
  virtual void on_not_let_in(const peer_info& peer, const error& why) = 0;
};

class gate {
 public:
  struct settings {
    access_list addresses;
    std::vector<cidr> proxies;              // their connections begin with a PROXY header, which says who the peer is
    std::shared_ptr<const tls_server> tls;  // null: none; every connection is handed on as it is
    bool allow_plain = false;               // beside TLS, also connections that do not begin with it
  };

  using on_connection = std::function<void(std::shared_ptr<stream>)>;

  // All outlive the gate.
  gate(listener& from, settings chosen, gate_observer& observer);

  // As listener::run(), but `accept` is given only who may come in. Each has ten seconds for its handshake; so many at
  // once have not finished theirs that a real peer always finds room, since the oldest of those of the address that has
  // most gives way.
  awaitable<void> run(on_connection accept, listener::on_trouble complain);

  // Lets nobody in any more.
  void close();

  // For those who come from now on.
  void set_tls(std::shared_ptr<const tls_server> tls);

  [[nodiscard]] any_executor get_executor() const { return listener_.get_executor(); }

 private:
  listener& listener_;
  settings settings_;
  gate_observer& observer_;
};

}  // namespace tcptools::net
