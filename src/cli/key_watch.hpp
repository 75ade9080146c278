// Reads keys and certificates again when it is told to by SIGHUP, and notices when a key's time is over.
#pragma once

#include <asio/signal_set.hpp>
#include <chrono>
#include <functional>

#include "cli/security_report.hpp"
#include "cli/server_security.hpp"
#include "tcptools/net/completion.hpp"
#include "tcptools/net/event.hpp"
#include "tcptools/net/gate.hpp"
#include "tcptools/net/task_group.hpp"
#include "tcptools/net/worker_pool.hpp"

namespace tcptools::cli {

// Takes SIGHUP over while it lives, where there is something to read again. Where there is not, that signal ends the
// process as before.
class key_watch {
 public:
  struct hooks {
    std::function<void()> on_change;         // keys were replaced, or one has expired
    std::function<void()> on_terminal_gone;  // SIGHUP came for the usual reason
  };

  // All outlive it; call stop() and let the executor run out of work before it goes.
  key_watch(const net::any_executor& executor, server_security& security, net::gate& gate, net::worker_pool& pool,
            security_report& report, hooks told);

  void stop();

 private:
  void wait_for_signal();
  net::awaitable<void> watch();
  net::awaitable<void> read_again();
  // One of the keys has expired since this was asked last.
  [[nodiscard]] bool has_one_expired();
  [[nodiscard]] net::event::clock::time_point next_look() const;
  [[nodiscard]] bool is_terminal_gone() const noexcept;

  server_security& security_;
  net::gate& gate_;
  net::worker_pool& pool_;
  security_report& report_;
  hooks told_;
  asio::basic_signal_set<net::any_executor> signals_;
  net::event changed_;
  net::task_group tasks_;
  std::chrono::system_clock::time_point looked_at_ = std::chrono::system_clock::now();
  bool had_terminal_;
  bool must_read_ = false;
  bool is_stopped_ = false;
};

}  // namespace tcptools::cli
