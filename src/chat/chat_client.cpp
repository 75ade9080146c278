#include "tcptools/chat/chat_client.hpp"

#include <utility>

namespace tcptools::chat {
namespace {

// 128 random bits.
std::string random_digits(std::random_device& entropy) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (int i = 0; i < 4; ++i) {
    std::uint32_t bits = entropy();
    for (int digit = 0; digit < 8; ++digit, bits >>= 4U) text += digits[bits & 15U];
  }
  return text;
}

}  // namespace

chat_client::chat_client(net::any_executor executor, client_settings settings, client_observer& observer)
    : executor_{std::move(executor)},
      settings_{std::move(settings)},
      observer_{observer},
      machine_{settings_.session, random_digits(entropy_)},
      connector_{executor_},
      policy_{{settings_.retry_for, settings_.resume_for}},
      random_{entropy_()},
      told_{executor_},
      stopping_{executor_} {
  connector_.secure_with(settings_.tls);
}

result<std::uint64_t> chat_client::ask(request what) {
  if (over_) return error{errc::connection_lost, "there is no connection any more"};
  result<std::uint64_t> number = machine_.ask(std::move(what));
  if (connection_ != nullptr) connection_->wake();
  return number;
}

net::awaitable<bool> chat_client::wait_for_room() {
  while (!has_room() && !over_) co_await told_.wait();
  co_return !over_;
}

void chat_client::finish() {
  if (is_ending()) return;
  finishing_ = true;
  machine_.quit();
  if (connection_ != nullptr) connection_->finish();
  connector_.cancel();
  stopping_.notify_all();
}

void chat_client::stop(error why) {
  if (stopped_) return;
  connector_.cancel();
  if (connection_ != nullptr) connection_->stop(why);
  stopped_ = std::move(why);
  stopping_.notify_all();
}

net::awaitable<result<void>> chat_client::run() {
  for (;;) {
    observer_.on_connecting();
    const result<void> end = co_await run_connection();
    if (stopped_) {
      give_up(*stopped_);
      co_return *stopped_;
    }
    if (end || finishing_) {
      give_up(error{errc::cancelled});
      co_return result<void>{};
    }
    std::uniform_real_distribution<double> uniform{0.0, 1.0};
    const auto wait = policy_.after(end.error(), retry_policy::clock::now(), uniform(random_));
    if (!wait) {
      give_up(end.error());
      co_return end;
    }
    machine_.on_disconnected();
    tell();
    observer_.on_lost(end.error(), *wait);
    const auto until = retry_policy::clock::now() + *wait;
    if (!is_ending()) (void)co_await stopping_.wait_until(until);
    if (!is_ending()) continue;
    give_up(stopped_ ? *stopped_ : error{errc::cancelled});
    if (stopped_) co_return *stopped_;
    co_return result<void>{};
  }
}

net::awaitable<result<void>> chat_client::run_connection() {
  auto connected = co_await connector_.connect(settings_.host, settings_.port, settings_.connect_timeout);
  if (!connected) co_return connected.error();
  if (is_ending()) co_return error{errc::cancelled};

  const auto start = retry_policy::clock::now();
  const std::uint64_t progress_before = machine_.progress();
  client_connection connection{**connected, machine_, settings_, observer_, told_};
  connection_ = &connection;
  const result<void> end = co_await connection.run();
  connection_ = nullptr;
  const bool turned_away = !end && end.error().code() == errc::busy;
  if (connection.welcomed() || turned_away) policy_.on_connected();
  const bool was_steady = connection.welcomed() && retry_policy::clock::now() - start >= limits::steady_after;
  if (machine_.progress() != progress_before || was_steady) policy_.on_progress();
  co_return end;
}

void chat_client::give_up(const error& why) {
  over_ = true;
  machine_.give_up(why);
  tell();
}

void chat_client::tell() {
  for (const told& one : machine_.take_news()) observer_.on_told(one);
  told_.notify_all();
}

}  // namespace tcptools::chat
