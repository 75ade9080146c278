#include "cli/tcpchat/serve_program.hpp"

#include <CLI/App.hpp>
#include <asio/io_context.hpp>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <system_error>
#include <utility>

#include "cli/confine_option.hpp"
#include "cli/exit_code.hpp"
#include "cli/key_watch.hpp"
#include "cli/listening.hpp"
#include "cli/port_file.hpp"
#include "cli/security_report.hpp"
#include "cli/server_security.hpp"
#include "cli/status_line.hpp"
#include "cli/tcpchat/console.hpp"
#include "cli/tcpchat/serve_options.hpp"
#include "cli/tcpchat/serve_report.hpp"
#include "cli/terminal.hpp"
#include "cli/usage.hpp"
#include "tcptools/chat/chat_server.hpp"
#include "tcptools/chat/history_file.hpp"
#include "tcptools/net/acceptor.hpp"
#include "tcptools/net/gate.hpp"
#include "tcptools/net/shutdown.hpp"
#include "tcptools/net/task_group.hpp"
#include "tcptools/net/worker_pool.hpp"

namespace tcptools::cli {
namespace {

// SQLite keeps its files open, and at the end removes those beside the history.
access_needs needs_of(const chat_serve_options& options, const server_security_options& security) {
  access_needs needs;
  needs.readable = security.directories();
  if (options.history.empty()) return needs;
  std::error_code failure;
  const std::string file = std::filesystem::canonical(options.history, failure).string();
  for (const char* const suffix : {"", "-wal", "-shm", ".lock"}) needs.files.emplace_back(file + suffix);
  needs.tidied = directories_of(options.history);
  return needs;
}

int failed(const error& why) {
  status_line{"tcpchat serve"}.say(why.text());
  return static_cast<int>(exit_code_for(why.code()));
}

// A device made for each session took a tenth of the time to let it in.
std::uint64_t random_number() {
  static std::random_device device;
  return std::uint64_t{device()} << 32U | device();
}

// A server with all it stands on.
class serving {
 public:
  serving(const chat_serve_options& options, bool has_console, server_security& security, std::size_t descriptors,
          net::listener& listener, asio::io_context& io, chat::history_file* history,
          const chat::history_contents& kept)
      : options_{options},
        listener_{listener},
        report_{options.log},
        machine_{use_, settings(options, has_console, security.options()), report_, random_number},
        security_{security},
        gate_{listener, security.gate_settings(descriptors), doorkeeper_},
        server_{gate_, use_, machine_, history, pool_, [this](const error& what) { report_.on_trouble(what); }},
        tasks_{io.get_executor(),
               [this](std::string_view task, std::string_view what) {
                 report_.on_trouble(net::internal_error(errc::cancelled, task, what));
               }},
        signals_{io.get_executor(), [this](int signal) { stop(signal); }, [this](int) { server_.force(); }},
        watch_{io.get_executor(),
               security,
               gate_,
               pool_,
               doorkeeper_,
               {[this] { server_.recheck(); }, [this] { stop(SIGHUP); }}} {
    server_.use_keys(security.keys());
    machine_.restore(kept, chat::chat_server::now());
    if (has_console) {
      console_.emplace(io.get_executor(), machine_, server_);
      report_.set_operator([this](std::string_view line) { console_->show(line); });
      if (is_interactive()) report_.set_log_output([this](std::string_view line) { console_->show(line); });
    }
  }

  void start(const confine_outcome& confined) {
    doorkeeper_.on_start(security_);
    report_.on_listening(listener_.text(), options_.history, confined);
    tasks_.spawn("serve", serve());
    if (console_) tasks_.spawn("console", console_->run());
  }

 private:
  static chat::server_settings settings(const chat_serve_options& options, bool has_console,
                                        const server_security_options& security) {
    chat::server_settings chosen = options.chat;
    chosen.is_stored = !options.history.empty();
    chosen.has_operator = has_console;
    chosen.in_clear = {security.allows_plain("structured"), security.allows_plain("plain")};
    return chosen;
  }

  void stop(int signal) {
    report_.on_stopping(signal);
    server_.drain();
  }

  net::awaitable<void> serve() {
    co_await server_.run();
    signals_.stop();
    watch_.stop();
    if (console_) {
      console_->stop();
      co_await console_->flush();
    }
  }

  const chat_serve_options& options_;
  net::listener& listener_;
  chat_serve_report report_;
  security_report doorkeeper_{report_.log(), false};
  net::worker_pool pool_{1};
  chat::memory_use use_;
  chat::chat_machine machine_;
  server_security& security_;
  net::gate gate_;
  chat::chat_server server_;
  net::task_group tasks_;
  net::shutdown_signals signals_;
  key_watch watch_;
  std::optional<chat_console> console_;
};

int serve_chat(const chat_serve_options& options) {
  // Whoever reads what we say may leave; a file that may not grow is an error of that write.
  (void)std::signal(SIGPIPE, SIG_IGN);
  (void)std::signal(SIGXFSZ, SIG_IGN);
  const std::size_t descriptors = raise_descriptor_limit();
  const bool has_console = options.console || is_interactive();
  if (options.chat.relays_to_operator && !has_console) {
    return complain_about_usage("tcpchat serve", "--relay operator needs an operator: a terminal, or --console");
  }
  const auto bind = bind_addresses(options.listen.bind);
  if (!bind) return failed(bind.error());
  const auto security = server_security::open(options.security, *bind, chat::check_right);
  if (!security) return failed(security.error());

  std::unique_ptr<chat::history_file> history;
  chat::history_contents kept;
  if (!options.history.empty()) {
    auto opened = chat::history_file::open(options.history);
    if (!opened) return failed(opened.error());
    history = std::move(*opened);
    auto loaded = history->load();
    if (!loaded) return failed(loaded.error());
    kept = std::move(*loaded);
  }

  asio::io_context io{1};
  const auto listener = net::listener::open(io.get_executor(), *bind, options.listen.port);
  if (!listener) return failed(listener.error());
  serving server{options, has_console, **security, descriptors, **listener, io, history.get(), kept};
  kept = {};
  const auto port_file = port_file::write(options.listen.port_file, (*listener)->port());
  if (!port_file) return failed(port_file.error());
  const auto confined =
      confine_server(options.confine, needs_of(options, (*security)->options()), false, options.listen.port_file);
  if (!confined) return failed(confined.error());
  server.start(*confined);
  io.run();
  return static_cast<int>(exit_code::success);
}

}  // namespace

int run_chat_serve(int argc, char** argv) {
  CLI::App app{"Serves chat rooms to terminals, scripts and plain TCP clients.", "tcpchat serve"};
  set_usage(app, "Usage: tcpchat serve [OPTIONS]");
  app.footer(std::string{chat_serve_exit_code_help});
  chat_serve_options options;
  add_chat_serve_options(app, options);
  if (const auto early = parse_command_line(app, argc, argv)) return *early;
  return serve_chat(options);
}

}  // namespace tcptools::cli
