// Who comes in: everything between a connection's arrival and its being handed to a program. docs/security.md, "Who
// comes in".
#pragma once

#include <asio/ip/address.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tcptools/base/result.hpp"
#include "tcptools/net/acceptor.hpp"
#include "tcptools/net/cidr.hpp"
#include "tcptools/net/completion.hpp"
#include "tcptools/net/failure_throttle.hpp"
#include "tcptools/net/stream.hpp"
#include "tcptools/net/task_group.hpp"
#include "tcptools/net/tcp_stream.hpp"
#include "tcptools/net/tls_context.hpp"
#include "tcptools/net/waiting_room.hpp"

namespace tcptools::net {

// Somebody was not let in.
struct refusal {
  peer_info peer;
  error why;                   // errc::refused: by address, or for want of proof of who it is
  bool is_blocked = false;     // it was one failure too many: its address is not let in for a while
  std::uint64_t unlogged = 0;  // before it, so many of the same origin were turned away without a word
};

// Called on the I/O thread; must not block. Is not told of those who come while their address is blocked, nor of more
// than a few a minute of one origin, nor of those who leave before they have said anything.
class gate_observer {
 public:
  gate_observer() = default;
  gate_observer(const gate_observer&) = delete;
  gate_observer& operator=(const gate_observer&) = delete;
  virtual ~gate_observer() = default;

  virtual void on_not_let_in(const refusal& what) = 0;
  // Somebody is let in of whose origin `unlogged` others were turned away without a word.
  virtual void on_let_in_again(const peer_info& peer, std::uint64_t unlogged) = 0;
};

class gate {
 public:
  using on_connection = std::function<void(std::shared_ptr<stream>)>;

  struct settings {
    access_list addresses;
    std::vector<cidr> proxies;              // their connections begin with a PROXY header, which says who the peer is
    std::shared_ptr<const tls_server> tls;  // null: none; every connection is handed on as it is
    bool allow_plain = false;               // beside TLS, also connections that do not begin with it
    std::chrono::milliseconds handshake_wait{10'000};  // from arrival to being let in
    std::chrono::milliseconds plain_wait{2'000};       // who says nothing for so long does not begin with TLS
    waiting_room::settings waiting{};
  };

  // All outlive the gate.
  gate(listener& from, settings chosen, gate_observer& observer);

  // As listener::run(), but `accept` is given only who may come in. Of those who have not finished their handshakes
  // there are so few that a real peer always finds room: see waiting_room. Returns when the last handshake has ended.
  awaitable<void> run(on_connection accept, listener::on_trouble complain);

  // Lets nobody in any more, and ends the handshakes.
  void close();

  // For those who come from now on.
  void set_tls(std::shared_ptr<const tls_server> tls) { settings_.tls = std::move(tls); }

  [[nodiscard]] any_executor get_executor() const { return listener_.get_executor(); }
  // Whose handshakes are not finished.
  [[nodiscard]] std::size_t waiting() const noexcept { return arrivals_.size(); }

 private:
  // A connection between its arrival and its being let in.
  struct arrival {
    std::shared_ptr<tcp_stream> stream;
    asio::ip::address from;
    stream::clock::time_point until;
    waiting_room::ticket ticket = 0;
    bool by_proxy = false;
  };

  void on_arrival(std::shared_ptr<tcp_stream> one);
  [[nodiscard]] bool is_proxy(const asio::ip::address& address) const;
  // By its address.
  [[nodiscard]] bool may_knock(const peer_info& peer, const asio::ip::address& from);
  void send_away(waiting_room::ticket who);

  awaitable<void> admit(arrival one);
  // errc::cancelled: nothing is to be said of it any more.
  [[nodiscard]] awaitable<result<std::shared_ptr<stream>>> prove(arrival& one);
  [[nodiscard]] awaitable<result<void>> hear_proxy(arrival& one);
  [[nodiscard]] awaitable<result<std::shared_ptr<stream>>> shake_hands(arrival& one) const;

  void explain(const arrival& one, const error& why);
  // Who it is was in question.
  void blame(const peer_info& peer, const asio::ip::address& from, const error& why);
  // It was not.
  void mention(const peer_info& peer, const asio::ip::address& from, const error& why);
  void count_unlogged(const asio::ip::address& from);
  [[nodiscard]] std::uint64_t take_unlogged(const asio::ip::address& from);

  listener& listener_;
  settings settings_;
  gate_observer& observer_;
  on_connection accept_;
  listener::on_trouble complain_;
  task_group handshakes_;
  waiting_room room_;
  std::map<waiting_room::ticket, std::shared_ptr<tcp_stream>> arrivals_;
  failure_throttle failures_;
  failure_throttle mentions_;  // of those that prove nothing about anybody: only limits what is said
  std::map<asio::ip::address, std::uint64_t> unlogged_;  // by origin
  bool is_closed_ = false;
};

}  // namespace tcptools::net
