// Makes further connections where they are worth it, and cuts off those that hold up the rest.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "tcptools/net/completion.hpp"
#include "tcptools/net/event.hpp"
#include "tcptools/net/stream.hpp"
#include "tcptools/net/task_group.hpp"
#include "tcptools/transfer/carrier.hpp"
#include "tcptools/transfer/connection_plan.hpp"
#include "tcptools/transfer/joined_connection.hpp"
#include "tcptools/transfer/protocol.hpp"
#include "tcptools/transfer/send_context.hpp"

namespace tcptools::transfer {

class further_connections {
 public:
  using clock = std::chrono::steady_clock;

  // All outlive it. `on_exception` as in task_group.
  further_connections(net::stream& first, carrier& by, const send_settings& settings, session_id session,
                      net::task_group::exception_handler on_exception);

  // How many the settings want at most.
  [[nodiscard]] static std::uint8_t most(const send_settings& settings) noexcept;

  // The receiver allows some. To be called once at most; does nothing once stopped.
  void begin(const frames::grant& granted);
  // Ends all of them soon; wait_for_end() returns when they have ended.
  void stop();
  [[nodiscard]] net::awaitable<void> wait_for_end() { co_await tasks_.join(); }

  [[nodiscard]] std::uint64_t acknowledged() const;  // bytes, by the receiver's system

 private:
  struct member {
    std::unique_ptr<joined_connection> connection;
    std::uint64_t acknowledged = 0;         // when it was looked at last
    clock::time_point moved_at;             // it had nothing to wait for, or got some of it
    std::uint64_t others_acknowledged = 0;  // then
  };

  [[nodiscard]] net::awaitable<void> look_after();
  void make_more();
  void cut_stalled(clock::time_point now);
  [[nodiscard]] bool is_stalled(member& one, clock::time_point now) const;
  [[nodiscard]] std::uint64_t acknowledged_on_all() const;

  net::stream& first_;
  carrier& carrier_;
  const send_settings& settings_;
  frames::join join_;
  net::event changed_;
  net::task_group tasks_;
  connection_plan plan_{1, true};
  std::vector<member> members_;  // those that have ended, too
  bool is_stopped_ = false;
};

}  // namespace tcptools::transfer
