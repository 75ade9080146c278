#include "cli/tcpchat/connect_plain.hpp"

#include <asio/io_context.hpp>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "cli/exit_code.hpp"
#include "cli/status_line.hpp"
#include "cli/tcpchat/input_lines.hpp"
#include "cli/terminal.hpp"
#include "tcptools/chat/plain_client.hpp"
#include "tcptools/net/event.hpp"
#include "tcptools/net/shutdown.hpp"
#include "tcptools/net/task_group.hpp"

namespace tcptools::cli {
namespace {

using namespace std::chrono_literals;

class plain_program {
 public:
  explicit plain_program(const chat_options& options)
      : options_{options},
        errors_{options.program},
        is_interactive_{is_interactive()},
        client_{io_.get_executor(), [this](const std::string& text) { show(text); }, [this] { return until_shown(); }},
        tasks_{io_.get_executor(), [this](std::string_view task, std::string_view what) {
                 errors_.say(net::internal_error(errc::connection_lost, task, what).text());
                 client_.stop();
               }} {
    input_settings settings;
    settings.prompt = "> ";
    settings.on_interrupt = [this] { stop(); };
    settings.never_waits = true;  // until_shown() does
    lines_ = open_input_lines(io_.get_executor(), std::move(settings));
  }

  int run() {
    (void)std::signal(SIGPIPE, SIG_IGN);
    net::shutdown_signals signals{io_.get_executor(), [this](int) { stop(); },
                                  [](int signal) { std::_Exit(exit_code_of_signal(signal)); }};
    tasks_.spawn("client", receive(signals));
    io_.run();
    if (signals.received() != 0) return exit_code_of_signal(signals.received());
    if (end_) return static_cast<int>(codes_.value());
    errors_.say(end_.error().text());
    return static_cast<int>(exit_code_for(end_.error().code()));
  }

 private:
  net::awaitable<void> receive(net::shutdown_signals& signals) {
    const chat::client_settings& to = options_.client;
    client_.secure_with(to.tls);
    end_ = co_await client_.connect(to.host, to.port, to.connect_timeout);
    if (end_) {
      if (options_.verbose || is_interactive_) errors_.say("connected to " + client_.peer().text);
      is_sending_ = true;
      tasks_.spawn("input", send());
      end_ = co_await client_.run();
      const bool was_cut_short =
          end_ && !is_all_said_ && !is_interactive_ && signals.received() == 0 && !is_output_gone_;
      if (was_cut_short) end_ = error{errc::connection_lost, "the server closed the connection before all was said"};
    }
    lines_->stop();
    client_.stop();
    co_await until_shown();
    // Output that nobody reads would keep the event loop at work.
    while (is_sending_) co_await sent_.wait();
    lines_.reset();
    signals.stop();
  }

  net::awaitable<void> send() {
    co_await send_all();
    is_sending_ = false;
    sent_.notify_all();
  }

  net::awaitable<void> send_all() {
    for (;;) {
      const result<input_line> line = co_await lines_->next();
      if (!line) {
        if (line.error().code() == errc::cancelled) co_return;
        break;
      }
      if (line->is_cut) {
        errors_.say("a line was too long, and is not sent whole");
        codes_.add(exit_code::some_failed);
      }
      const result<void> sent = co_await client_.say(line->text);
      if (!sent) co_return;
    }
    is_all_said_ = true;
    (void)co_await client_.finish();
  }

  void show(const std::string& text) {
    (void)lines_->print(text);
    check_output();
  }

  // Nothing more is read before somebody has read what is there; a signal still ends it.
  net::awaitable<void> until_shown() {
    while (!is_stopped_ && !lines_->is_idle()) (void)co_await lines_->flush(net::event::clock::now() + 100ms);
    check_output();
  }

  void check_output() {
    const result<void> state = lines_->state();
    if (state || std::exchange(is_output_gone_, true)) return;
    if (state.error().code() != errc::connection_lost) {
      errors_.say(state.error().text());
      codes_.add(exit_code::some_failed);
    }
    client_.stop();
  }

  void stop() {
    is_stopped_ = true;
    client_.stop();
  }

  const chat_options& options_;
  asio::io_context io_{1};
  status_line errors_;
  bool is_interactive_;
  std::unique_ptr<input_lines> lines_;
  chat::plain_client client_;
  net::task_group tasks_;
  result<void> end_;
  exit_code_sum codes_;
  net::event sent_{io_.get_executor()};
  bool is_sending_ = false;
  bool is_stopped_ = false;
  bool is_all_said_ = false;
  bool is_output_gone_ = false;
};

}  // namespace

int run_chat_connect_plain(const chat_options& options) { return plain_program{options}.run(); }

}  // namespace tcptools::cli
