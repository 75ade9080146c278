// What a receiver tells the log, programs (--json) and the user's own program (--exec) of its sessions.
#pragma once

#include <filesystem>

#include "cli/event_log.hpp"
#include "cli/exec_hook.hpp"
#include "cli/tcpsend/serve_options.hpp"
#include "tcptools/transfer/receive_context.hpp"

namespace tcptools::cli {

class serve_report final : public transfer::receive_observer {
 public:
  // `executor` and `tasks` are for --exec; `options` and `tasks` outlive the report.
  serve_report(const serve_options& options, const net::any_executor& executor, net::task_group& tasks);

  void on_listening(const std::string& addresses, std::uint16_t port, const confine_outcome& confined);
  void on_stopping(int signal);
  void on_session_start(const transfer::session_info& session) override;
  void on_entry(const transfer::session_info& session, const transfer::receive_outcome& entry) override;
  void on_session_end(const transfer::session_info& session, const result<void>& how) override;
  void on_trouble(const error& what) override;
  [[nodiscard]] bool is_overloaded() const noexcept override { return hook_.is_full(); }
  net::awaitable<void> when_ready() override { return hook_.wait_for_room(); }

  [[nodiscard]] event_log& log() noexcept { return log_; }

  // Programs of --exec that have not begun are not run any more.
  void drop_hooks() { hook_.stop(); }

 private:
  void deliver(const transfer::session_info& session, const transfer::receive_outcome& entry);

  const serve_options& options_;
  event_log log_;
  std::filesystem::path directory_;  // absolute
  exec_hook hook_;
};

}  // namespace tcptools::cli
