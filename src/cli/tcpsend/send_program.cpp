#include "cli/tcpsend/send_program.hpp"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "cli/exit_code.hpp"
#include "cli/json_lines.hpp"
#include "cli/status_line.hpp"
#include "cli/tcpsend/send_report.hpp"
#include "cli/usage.hpp"
#include "tcptools/base/text.hpp"
#include "tcptools/base/units.hpp"
#include "tcptools/net/event.hpp"
#include "tcptools/net/shutdown.hpp"
#include "tcptools/net/task_group.hpp"
#include "tcptools/net/worker_pool.hpp"
#include "tcptools/transfer/compat_sender.hpp"
#include "tcptools/transfer/disk_source.hpp"
#include "tcptools/transfer/sender.hpp"

namespace tcptools::cli {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

constexpr std::size_t entries_per_step = 1024;
constexpr auto tick_interval = 100ms;

result<std::unique_ptr<transfer::disk_source>> open_source(const send_options& options) {
  return transfer::disk_source::make({options.paths, options.name, options.into, options.excludes, options.links});
}

// One run of a sender (native or compat, which look alike) beside what watches it.
template <class Sender>
class send_run {
 public:
  send_run(const send_options& options, transfer::source& from)
      : options_{options},
        report_{options},
        queue_{from},
        send_{options.settings, queue_, pool_, report_},
        sender_{io_.get_executor(), send_},
        over_{io_.get_executor()},
        tasks_{io_.get_executor(), [this](std::string_view task, std::string_view what) {
                 sender_.stop(net::internal_error(errc::connection_lost, task, what));
               }} {}

  [[nodiscard]] int run() {
    net::shutdown_signals signals{
        io_.get_executor(),
        [this](int) { sender_.stop(error{errc::cancelled, "interrupted; what has arrived is kept for the next run"}); },
        [](int signal) { std::_Exit(exit_code_of_signal(signal)); }};
    tasks_.spawn("send", send(signals));
    tasks_.spawn("tick", tick());
    if (options_.deadline) tasks_.spawn("deadline", watch_deadline(*options_.deadline));
    tasks_.spawn("totals", count_totals());
    io_.run();
    return report_.finish(end_, signals.received());
  }

 private:
  net::awaitable<void> send(net::shutdown_signals& signals) {
    end_ = co_await sender_.run();
    is_over_ = true;
    over_.notify_all();
    signals.stop();
  }

  net::awaitable<void> tick() {
    while (!is_over_) {
      (void)co_await over_.wait_until(clock::now() + tick_interval);
      if (!is_over_) report_.tick();
    }
  }

  net::awaitable<void> watch_deadline(std::chrono::milliseconds patience) {
    const auto until = clock::now() + patience;
    while (!is_over_ && clock::now() < until) (void)co_await over_.wait_until(until);
    if (!is_over_) sender_.stop(error{errc::timed_out, "not done within the deadline of " + format_duration(patience)});
  }

  // The percentage needs to know how much there is; finding out must not hold up the transfer.
  net::awaitable<void> count_totals() {
    const bool is_countable = std::ranges::find(options_.paths, "-") == options_.paths.end();
    if (!is_countable || !report_.wants_totals()) co_return;
    auto counted = open_source(options_);
    if (!counted) co_return;
    transfer::source& tree = **counted;
    std::uint64_t bytes = 0;
    std::uint64_t files = 0;
    for (bool last = false; !last && !is_over_;) {
      auto step = [&tree] { return tree.next(entries_per_step); };
      const transfer::source_batch batch = co_await net::offload(pool_, std::move(step));
      for (const transfer::source_item& one : batch.items) {
        if (one.item.kind == transfer::entry_kind::stream) co_return;
        bytes += one.item.size;
        if (one.item.kind != transfer::entry_kind::directory) ++files;
      }
      last = batch.last;
    }
    report_.set_totals(bytes, files);
  }

  const send_options& options_;
  asio::io_context io_{1};
  net::worker_pool pool_{2};
  send_report report_;
  transfer::send_queue queue_;
  transfer::send_context send_;
  Sender sender_;
  net::event over_;
  net::task_group tasks_;
  bool is_over_ = false;
  result<void> end_;
};

int list_only(const send_options& options, transfer::source& from) {
  send_report report{options};
  for (bool last = false; !last;) {
    const transfer::source_batch batch = from.next(entries_per_step);
    for (const transfer::source_trouble& trouble : batch.troubles) report.on_trouble(trouble);
    for (const transfer::source_item& one : batch.items) report.on_would_send(one);
    last = batch.last;
  }
  const bool is_written = std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
  if (is_written) return report.finish({}, 0);
  return report.finish(error{errc::usage, "cannot write to standard output"}, 0);
}

}  // namespace

int run_send(const send_options& options) {
  // Whoever reads what we say may leave; the files are delivered all the same.
  (void)std::signal(SIGPIPE, SIG_IGN);
  if (options.protocol == send_protocol::compat && options.settings.remove_source) {
    return complain_about_usage("tcpsend",
                                "--remove-source needs an acknowledgement, which the protocol compat has not");
  }
  if (options.settings.quick_check && options.settings.remove_source) {
    return complain_about_usage("tcpsend", "--remove-source removes what was compared, which --quick does not do");
  }
  const auto source = open_source(options);
  if (!source) {
    status_line{"tcpsend"}.say(source.error().text());
    return static_cast<int>(exit_code_for(source.error().code()));
  }
  if (options.dry_run) return list_only(options, **source);
  if (options.protocol == send_protocol::compat) return send_run<transfer::compat_sender>{options, **source}.run();
  return send_run<transfer::sender>{options, **source}.run();
}

}  // namespace tcptools::cli
