#include "tcptools/net/task_group.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_type.hpp>
#include <asio/co_spawn.hpp>
#include <asio/error.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <iterator>
#include <system_error>
#include <utility>

namespace tcptools::net {
namespace {

// co_spawn by itself runs a task up to its first wait before it returns.
awaitable<void> in_next_turn(awaitable<void> task) {
  co_await asio::post(asio::use_awaitable_t<any_executor>{});
  co_await std::move(task);
}

bool is_cancellation(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::system_error& failure) {
    return failure.code() == asio::error::operation_aborted;
  } catch (...) {
    return false;
  }
}

}  // namespace

task_group::task_group(any_executor executor, exception_handler on_exception)
    : executor_{std::move(executor)}, on_exception_{std::move(on_exception)}, ended_{executor_}, stopping_{executor_} {}

void task_group::spawn(std::string name, awaitable<void> task) {
  tasks_.emplace_back().name = std::move(name);
  const auto spawned = std::prev(tasks_.end());
  asio::co_spawn(
      executor_, in_next_turn(std::move(task)),
      asio::bind_cancellation_slot(spawned->signal.slot(),
                                   [this, spawned](const std::exception_ptr& thrown) { on_end(spawned, thrown); }));
}

void task_group::on_end(std::list<running>::iterator ended, const std::exception_ptr& thrown) {
  std::list<running> left;
  left.splice(left.begin(), tasks_, ended);
  ended_.notify_all();
  if (!thrown || (ended->is_cancelled && is_cancellation(thrown))) return;
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& exception) {
    on_exception_(ended->name, exception.what());
  } catch (...) {
    on_exception_(ended->name, "an unknown exception");
  }
}

void task_group::request_stop() {
  stop_requested_ = true;
  stopping_.notify_all();
}

void task_group::cancel_all() {
  for (running& one : tasks_) {
    one.is_cancelled = true;
    one.signal.emit(asio::cancellation_type::terminal);
  }
}

awaitable<void> task_group::join() {
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  while (!tasks_.empty()) {
    const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) cancel_all();
    co_await ended_.wait();
  }
  co_await asio::this_coro::throw_if_cancelled(throws);
}

awaitable<bool> task_group::join_until(clock::time_point until) {
  while (size() > 0 && clock::now() < until) (void)co_await ended_.wait_until(until);
  co_return size() == 0;
}

error internal_error(errc code, std::string_view task, std::string_view what) {
  return error{code, std::string{what}}.in("internal error in " + std::string{task});
}

}  // namespace tcptools::net
