#include "tcptools/transfer/sender.hpp"

#include <utility>

namespace tcptools::transfer {

sender::sender(net::any_executor executor, send_context& context)
    : executor_{std::move(executor)},
      context_{context},
      connector_{executor_},
      policy_{{context.settings.retry_for, context.settings.resume_for}},
      random_{std::random_device{}()},
      stopping_{executor_} {
  connector_.secure_with(context.settings.tls);
  // Unique, not secret: two runs must not take each other's place.
  std::random_device device;
  for (std::byte& one : session_) one = static_cast<std::byte>(device());
}

void sender::stop(error why) {
  if (stopped_) return;
  connector_.cancel();
  if (connection_ != nullptr) connection_->stop(why);
  stopped_ = std::move(why);
  stopping_.notify_all();
}

net::awaitable<result<void>> sender::run() {
  for (;;) {
    const result<void> end = co_await run_connection();
    if (stopped_) co_return *stopped_;
    if (end) co_return end;
    std::uniform_real_distribution<double> uniform{0.0, 1.0};
    const auto wait = policy_.after(end.error(), retry_policy::clock::now(), uniform(random_));
    if (!wait) co_return end;
    context_.observer.on_retry(end.error(), *wait);
    (void)co_await stopping_.wait_until(retry_policy::clock::now() + *wait);
    if (stopped_) co_return *stopped_;
  }
}

net::awaitable<result<void>> sender::run_connection() {
  const send_settings& settings = context_.settings;
  auto connected = co_await connector_.connect(settings.host, settings.port, settings.connect_timeout);
  if (stopped_) co_return *stopped_;
  if (!connected) co_return connected.error();
  context_.observer.on_connected((*connected)->peer().text);

  native_sender connection{**connected, context_, session_};
  connection_ = &connection;
  const result<void> end = co_await connection.run();
  connection_ = nullptr;
  const bool turned_away = !end && end.error().code() == errc::busy;
  if (connection.welcomed() || turned_away) policy_.on_connected();
  if (connection.progressed()) policy_.on_progress();
  if (end && connection.busy()) co_return *connection.busy();
  co_return end;
}

}  // namespace tcptools::transfer
