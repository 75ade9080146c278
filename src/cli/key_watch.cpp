#include "cli/key_watch.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <utility>

#include "cli/terminal.hpp"

namespace tcptools::cli {
namespace {

using namespace std::chrono_literals;
using clock = net::event::clock;

constexpr auto longest_wait = 1min;

}  // namespace

key_watch::key_watch(const net::any_executor& executor, server_security& security, net::gate& gate,
                     net::worker_pool& pool, security_report& report, hooks told)
    : security_{security},
      gate_{gate},
      pool_{pool},
      report_{report},
      told_{std::move(told)},
      signals_{executor},
      changed_{executor},
      tasks_{executor,
             [this](std::string_view task, std::string_view what) {
               report_.on_unreadable(net::internal_error(errc::cancelled, task, what));
             }},
      had_terminal_{is_terminal(STDIN_FILENO)} {
  if (!security_.options().is_demanding()) return;
  signals_.add(SIGHUP);
  wait_for_signal();
  tasks_.spawn("keys", watch());
}

void key_watch::stop() {
  is_stopped_ = true;
  std::error_code ignored;
  signals_.cancel(ignored);
  changed_.notify_all();
}

bool key_watch::is_terminal_gone() const noexcept { return had_terminal_ && !is_terminal(STDIN_FILENO); }

void key_watch::wait_for_signal() {
  signals_.async_wait([this](const std::error_code& cancelled, int /*signal*/) {
    if (cancelled || is_stopped_) return;
    if (is_terminal_gone()) return told_.on_terminal_gone();
    must_read_ = true;
    changed_.notify_all();
    wait_for_signal();
  });
}

net::awaitable<void> key_watch::watch() {
  while (!is_stopped_) {
    if (std::exchange(must_read_, false)) {
      co_await read_again();
      continue;
    }
    if (has_one_expired()) told_.on_change();
    (void)co_await changed_.wait_until(next_look());
  }
}

net::awaitable<void> key_watch::read_again() {
  auto read = [this] { return security_.read(); };
  result<security_files> files = co_await net::offload(pool_, std::move(read));
  if (is_stopped_) co_return;
  if (!files) co_return report_.on_unreadable(files.error());
  security_.use(std::move(*files));
  gate_.set_tls(security_.tls());
  report_.on_read(security_);
  told_.on_change();
}

bool key_watch::has_one_expired() {
  const auto before = std::exchange(looked_at_, std::chrono::system_clock::now());
  return std::ranges::any_of(security_.keys().all(), [this, before](const std::shared_ptr<const net::key>& one) {
    return one->is_expired(looked_at_) && !one->is_expired(before);
  });
}

// The clock on the wall may be set while we wait by another.
clock::time_point key_watch::next_look() const {
  std::chrono::system_clock::duration wait = longest_wait;
  for (const auto& one : security_.keys().all()) {
    if (!one->expires || one->is_expired(looked_at_)) continue;
    if (one->is_expired(looked_at_ + wait)) wait = *one->expires - looked_at_;
  }
  return clock::now() + wait;
}

}  // namespace tcptools::cli
