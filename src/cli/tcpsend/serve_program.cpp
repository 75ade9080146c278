#include "cli/tcpsend/serve_program.hpp"

#include <algorithm>
#include <asio/io_context.hpp>
#include <csignal>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "cli/confine_option.hpp"
#include "cli/exit_code.hpp"
#include "cli/key_watch.hpp"
#include "cli/listening.hpp"
#include "cli/port_file.hpp"
#include "cli/security_report.hpp"
#include "cli/server_security.hpp"
#include "cli/status_line.hpp"
#include "cli/tcpsend/serve_report.hpp"
#include "tcptools/net/acceptor.hpp"
#include "tcptools/net/gate.hpp"
#include "tcptools/net/shutdown.hpp"
#include "tcptools/net/task_group.hpp"
#include "tcptools/net/worker_pool.hpp"
#include "tcptools/transfer/disk_store.hpp"
#include "tcptools/transfer/receive_server.hpp"
#include "tcptools/transfer/session_rights.hpp"

namespace tcptools::cli {
namespace {

// Most of a worker's time is waiting for a disk, so a few more than cores.
std::size_t worker_count() { return std::max<std::size_t>(8, std::thread::hardware_concurrency()); }

transfer::receive_server::settings server_settings(const serve_options& options, const server_security& security) {
  transfer::receive_server::settings chosen = options.server;
  chosen.plain = {security.options().allows_plain("native"), security.options().allows_plain("compat")};
  chosen.keys = &security.keys();
  return chosen;
}

access_needs needs_of(const serve_options& options, const server_security_options& security) {
  access_needs needs;
  needs.trees.emplace_back(options.directory);
  needs.readable = security.directories();
  return needs;
}

// Whoever may deliver would decide who may.
result<void> check_apart(const std::filesystem::path& directory, const server_security_options& security) {
  std::error_code failure;
  const std::filesystem::path receiving = std::filesystem::canonical(directory, failure);
  if (failure) return {};  // it will not be opened, either
  for (const std::filesystem::path& one : security.directories()) {
    const std::filesystem::path read = std::filesystem::canonical(one, failure);
    const bool is_beneath = std::ranges::mismatch(receiving, read).in1 == receiving.end();
    if (!failure && is_beneath) {
      return error{errc::usage,
                   "keys and certificates must not lie in --dir, where they could be replaced by what is sent"};
    }
  }
  return {};
}

int failed_to_receive(const error& why) {
  status_line{"tcpsend serve"}.say(why.text());
  return static_cast<int>(exit_code_for(why.code()));
}

}  // namespace

int run_serve(const serve_options& options) {
  // Beyond a limit on the size of files a write is to fail, for that file alone.
  (void)std::signal(SIGXFSZ, SIG_IGN);
  // Whoever reads what we say may leave.
  (void)std::signal(SIGPIPE, SIG_IGN);
  const std::size_t descriptors = raise_descriptor_limit();
  if (options.store.in_place && options.store.on_conflict != transfer::conflict_policy::replace)
    return failed_to_receive(error{errc::usage, "--in-place goes with --on-conflict replace only"});
  const auto bind = bind_addresses(options.listen.bind);
  if (!bind) return failed_to_receive(bind.error());
  const auto security = server_security::open(options.security, *bind, transfer::check_right);
  if (!security) return failed_to_receive(security.error());
  if (const result<void> apart = check_apart(options.directory, (*security)->options()); !apart) {
    return failed_to_receive(apart.error());
  }
  const auto store = transfer::disk_store::open(options.directory, options.store);
  if (!store) return failed_to_receive(store.error());

  asio::io_context io{1};
  net::worker_pool pool{worker_count()};
  const auto listener = net::listener::open(io.get_executor(), *bind, options.listen.port);
  if (!listener) return failed_to_receive(listener.error());

  serve_report* complaints = nullptr;
  net::task_group tasks{io.get_executor(), [&complaints](std::string_view task, std::string_view what) {
                          complaints->on_trouble(net::internal_error(errc::cancelled, task, what));
                        }};
  serve_report report{options, io.get_executor(), tasks};
  complaints = &report;
  transfer::receive_context context{**store, pool, report, options.idle_timeout};
  security_report doorkeeper{report.log(), options.json};
  net::gate door{**listener, (*security)->gate_settings(descriptors), doorkeeper};
  transfer::receive_server server{door, context, server_settings(options, **security)};
  net::shutdown_signals signals{io.get_executor(),
                                [&](int signal) {
                                  report.on_stopping(signal);
                                  server.drain();
                                },
                                [&](int) {
                                  report.drop_hooks();
                                  server.force();
                                }};
  key_watch watch{io.get_executor(),
                  **security,
                  door,
                  pool,
                  doorkeeper,
                  {[&] { server.recheck(); },
                   [&] {
                     report.on_stopping(SIGHUP);
                     server.drain();
                   }}};
  auto serve = [&]() -> net::awaitable<void> {
    co_await server.run();
    while (tasks.size() > 1) co_await tasks.changed();
    signals.stop();
    watch.stop();
  };
  const auto port_file = port_file::write(options.listen.port_file, (*listener)->port());
  if (!port_file) return failed_to_receive(port_file.error());
  const auto confined = confine_server(options.confine, needs_of(options, (*security)->options()),
                                       !options.exec.empty(), options.listen.port_file);
  if (!confined) return failed_to_receive(confined.error());
  doorkeeper.on_start(**security);
  report.on_listening((*listener)->text(), (*listener)->port(), *confined);
  tasks.spawn("serve", serve());
  io.run();

  if (options.server.once && !server.once_result()) {
    const int signal = signals.received();
    if (signal != 0) return exit_code_of_signal(signal);
    return static_cast<int>(exit_code_for(server.once_result().error().code()));
  }
  return static_cast<int>(exit_code::success);
}

}  // namespace tcptools::cli
