// One connection of a chat client: carries what its machine asks and hears.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "tcptools/base/result.hpp"
#include "tcptools/chat/client_machine.hpp"
#include "tcptools/chat/limits.hpp"
#include "tcptools/net/completion.hpp"
#include "tcptools/net/event.hpp"
#include "tcptools/net/stream.hpp"
#include "tcptools/net/tls_context.hpp"

namespace tcptools::chat {

struct client_settings {
  std::string host = "localhost";
  std::uint16_t port = 6677;
  std::shared_ptr<const net::tls_client> tls;         // null: in the clear
  std::chrono::milliseconds connect_timeout{10'000};  // per address
  std::chrono::milliseconds retry_for{0};             // how long the first connection is tried for
  std::chrono::milliseconds resume_for{30'000};       // how long a lost connection is tried for
  std::chrono::milliseconds welcome_wait{limits::welcome_wait};
  std::chrono::milliseconds ping_interval{limits::ping_interval};
  std::chrono::milliseconds silence{limits::silence};  // of the server, after which the connection is lost
  client_machine::settings session;
};

// Called on the I/O thread; must not block. May call the client.
class client_observer {
 public:
  client_observer() = default;
  client_observer(const client_observer&) = delete;
  client_observer& operator=(const client_observer&) = delete;
  virtual ~client_observer() = default;

  virtual void on_connecting() {}
  // The server accepted the greeting. `peer` is its address.
  virtual void on_connected(const std::string& peer) = 0;
  // There is no connection, and the next attempt follows after `wait`.
  virtual void on_lost(const error& why, std::chrono::milliseconds wait) = 0;
  virtual void on_told(const told& what) = 0;

  // The observer cannot keep up: nothing more is read before when_ready() returns. That coroutine may be cancelled.
  [[nodiscard]] virtual bool is_overloaded() const noexcept { return false; }
  virtual net::awaitable<void> when_ready() { co_return; }
};

class client_connection {
 public:
  // All of them outlive the connection. `told` is notified after the observer was told something.
  client_connection(net::stream& stream, client_machine& machine, const client_settings& settings,
                    client_observer& observer, net::event& told);

  // Success if the server answered to `quit`, or did not within limits::quit_wait; otherwise why the connection ended.
  // The machine is to be told so.
  [[nodiscard]] net::awaitable<result<void>> run();

  // The machine may have something to write.
  void wake() { outgoing_.notify_all(); }
  // The machine was told to quit. A session that is not ready has nobody to say goodbye to.
  void finish();
  void stop(error why) { fail(std::move(why)); }
  // The server accepted the greeting.
  [[nodiscard]] bool welcomed() const noexcept { return welcomed_; }

 private:
  // Each is a coroutine of its own.
  net::awaitable<void> read();
  net::awaitable<void> write();
  net::awaitable<void> keep_alive();

  // A connection without deadline while the observer has enough to do; false if it ended meanwhile.
  [[nodiscard]] net::awaitable<bool> wait_for_observer();
  [[nodiscard]] result<void> hear(std::string_view line);
  void tell();
  // What the failure of a read or write means here. `held` has no line end yet.
  [[nodiscard]] error explain(const error& why, std::string_view held) const;
  void fail(error why);
  void end();
  [[nodiscard]] bool is_over() const noexcept { return over_; }

  net::stream& stream_;
  client_machine& machine_;
  const client_settings& settings_;
  client_observer& observer_;
  net::event& told_;
  net::event outgoing_;
  net::event end_;
  net::event::clock::time_point connected_at_ = net::event::clock::now();
  net::event::clock::time_point heard_at_ = connected_at_;
  net::event::clock::time_point wrote_at_ = connected_at_;
  std::optional<net::event::clock::time_point> finish_by_;
  std::string held_;  // the beginning of an unfinished first line
  std::optional<error> failure_;
  bool welcomed_ = false;
  bool paused_ = false;  // by the observer
  bool over_ = false;
};

}  // namespace tcptools::chat
