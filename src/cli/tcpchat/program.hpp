// What one run of a chat client consists of, whatever it does: the event loop, signals, the connection, the bound on
// the whole run, which does not count the time that output waits for its reader, and output that a slow reader holds up
// without making the program deaf.
#pragma once

#include <asio/io_context.hpp>
#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "cli/exit_code.hpp"
#include "cli/status_line.hpp"
#include "cli/tcpchat/options.hpp"
#include "cli/tcpchat/output_lines.hpp"
#include "cli/tcpchat/readiness.hpp"
#include "tcptools/chat/chat_client.hpp"
#include "tcptools/net/shutdown.hpp"
#include "tcptools/net/task_group.hpp"

namespace tcptools::cli {

class chat_program : public chat::client_observer {
 public:
  // Its exit code.
  [[nodiscard]] int run();

 protected:
  using clock = net::event::clock;

  // `options` outlives the program.
  explicit chat_program(const chat_options& options);

  // Beside the connection. Cancelled once that is over.
  [[nodiscard]] virtual net::awaitable<void> work() { co_return; }
  // Once the connection is over, and before the program ends: until is_stopped(), which changed() tells.
  [[nodiscard]] virtual net::awaitable<void> wind_up();
  // A second signal came; the process ends when this returns.
  virtual void on_insist() {}
  // Whoever read standard output has gone, or it cannot be written.
  virtual void on_output_gone(const error& /*why*/) {}
  // The code of a run that was not ended by a signal, by --timeout or by the end of the connection.
  [[nodiscard]] virtual exit_code outcome() { return exit_code::success; }
  // Added to what is said of a connection that ended.
  [[nodiscard]] virtual std::string what_is_left() { return {}; }

  void on_connected(const std::string& peer) override;
  void on_lost(const error& why, std::chrono::milliseconds wait) override;
  // While output waits for its reader.
  [[nodiscard]] bool is_overloaded() const noexcept override { return is_output_waiting(); }
  net::awaitable<void> when_ready() override;

  // A line on standard output.
  void print(std::string_view line);
  void print_object(const nlohmann::ordered_json& object);
  // A line on standard error.
  void say(std::string_view text) { errors_.say(text); }
  void say_if_verbose(std::string_view text);

  [[nodiscard]] chat::chat_client& client() noexcept { return client_; }
  [[nodiscard]] net::task_group& tasks() noexcept { return tasks_; }
  [[nodiscard]] net::any_executor executor() { return io_.get_executor(); }
  [[nodiscard]] net::event& changed() noexcept { return changed_; }
  // A signal or --timeout ended the run.
  [[nodiscard]] bool is_stopped() const noexcept { return stopped_; }

 private:
  net::awaitable<void> run_client();
  net::awaitable<void> watch_time(std::chrono::milliseconds patience);
  net::awaitable<void> watch_reader();
  [[nodiscard]] bool is_output_waiting() const noexcept { return output_ && !output_->is_idle(); }
  void stop(error why);
  void on_exception(std::string_view task, std::string_view what);
  void report_end();
  [[nodiscard]] int code();

  const chat_options& options_;
  asio::io_context io_{1};
  status_line errors_;
  std::optional<output_lines> output_;  // until the end: it keeps the event loop at work
  readiness reader_;
  net::event changed_;
  net::task_group tasks_;
  chat::chat_client client_;
  std::optional<net::shutdown_signals> signals_;
  result<void> end_;
  std::optional<error> output_lost_;
  clock::time_point output_read_at_;  // when it had waited for its reader, and all of it was read
  bool stopped_ = false;
  bool time_is_up_ = false;
};

// The exit code of a connection that ended for this reason: a server that is silent is none that can be reached.
[[nodiscard]] exit_code chat_exit_code(errc code) noexcept;

}  // namespace tcptools::cli
