#include "cli/tcpchat/program.hpp"

#include <unistd.h>

#include <algorithm>
#include <asio/post.hpp>
#include <csignal>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <utility>

#include "cli/json_lines.hpp"
#include "tcptools/base/units.hpp"

namespace tcptools::cli {

using namespace std::chrono_literals;

namespace {

constexpr const char* client_task = "client";

}  // namespace

exit_code chat_exit_code(errc code) noexcept {
  return code == errc::timed_out ? exit_code::connection : exit_code_for(code);
}

chat_program::chat_program(const chat_options& options)
    : options_{options},
      errors_{options.program},
      output_{std::in_place, io_.get_executor(), STDOUT_FILENO},
      reader_{io_.get_executor(), STDOUT_FILENO, readiness::kind::hang_up},
      changed_{io_.get_executor()},
      tasks_{io_.get_executor(), [this](std::string_view task, std::string_view what) { on_exception(task, what); }},
      client_{io_.get_executor(), options.client, *this} {
  output_->on_idle([this] { output_read_at_ = clock::now(); });
}

int chat_program::run() {
  (void)std::signal(SIGPIPE, SIG_IGN);
  signals_.emplace(
      io_.get_executor(), [this](int) { stop(error{errc::cancelled, "interrupted"}); },
      [this](int signal) {
        on_insist();
        std::_Exit(exit_code_of_signal(signal));
      });
  tasks_.spawn(client_task, run_client());
  tasks_.spawn("work", work());
  if (reader_.can_wait()) tasks_.spawn("reader", watch_reader());
  if (options_.timeout) tasks_.spawn("timeout", watch_time(*options_.timeout));
  io_.run();
  return code();
}

net::awaitable<void> chat_program::run_client() {
  end_ = co_await client_.run();
  if (!end_) report_end();
  co_await wind_up();
  signals_->stop();
  output_.reset();
  asio::post(io_, [this] { tasks_.cancel_all(); });
}

void chat_program::on_exception(std::string_view task, std::string_view what) {
  end_ = net::internal_error(errc::connection_lost, task, what);
  client_.stop(end_.error());
  if (task != client_task) return;
  signals_->stop();
  tasks_.cancel_all();
}

net::awaitable<void> chat_program::wind_up() {
  while (!stopped_ && is_output_waiting()) (void)co_await output_->flush(clock::now() + 100ms);
}

net::awaitable<void> chat_program::watch_time(std::chrono::milliseconds patience) {
  auto until = clock::now() + patience;
  while (!stopped_ && clock::now() < until) {
    (void)co_await changed_.wait_until(until);
    until = std::max(until, (is_output_waiting() ? clock::now() : output_read_at_) + patience);
  }
  if (stopped_) co_return;
  time_is_up_ = true;
  stop(error{errc::timed_out, "not done within " + format_duration(patience)});
}

net::awaitable<void> chat_program::watch_reader() {
  const bool has_gone = co_await reader_.wait();
  if (has_gone && !output_lost_)
    on_output_gone(output_lost_.emplace(errc::connection_lost, "nobody reads the output any more"));
}

void chat_program::stop(error why) {
  stopped_ = true;
  client_.stop(std::move(why));
  changed_.notify_all();
}

net::awaitable<void> chat_program::when_ready() {
  while (is_output_waiting()) (void)co_await output_->flush(clock::time_point::max());
}

void chat_program::print(std::string_view line) {
  if (output_lost_ || !output_) return;
  (void)output_->put(std::string{line} + "\n");
  const result<void> state = output_->state();
  if (!state) on_output_gone(output_lost_.emplace(state.error()));
}

void chat_program::print_object(const nlohmann::ordered_json& object) { print(to_line(object)); }

void chat_program::say_if_verbose(std::string_view text) {
  if (options_.verbose) say(text);
}

void chat_program::on_connected(const std::string& peer) { say_if_verbose("connected to " + peer); }

void chat_program::on_lost(const error& why, std::chrono::milliseconds wait) {
  if (!options_.quiet) say(why.text() + "; trying again in " + format_duration(wait));
}

void chat_program::report_end() {
  const error& why = end_.error();
  const std::string left = what_is_left();
  if (options_.json) print_object({{"type", "error"}, {"error", to_json(why)}});
  say(why.text() + (left.empty() ? "" : "; " + left));
}

int chat_program::code() {
  if (signals_->received() != 0) return exit_code_of_signal(signals_->received());
  if (time_is_up_) return static_cast<int>(exit_code::timed_out);
  return static_cast<int>(end_ ? outcome() : chat_exit_code(end_.error().code()));
}

}  // namespace tcptools::cli
