// Threads for what blocks: disk and hashing. Results come back to the I/O thread.
#pragma once

#include <asio/async_result.hpp>
#include <asio/dispatch.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <asio/thread_pool.hpp>
#include <cstddef>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "tcptools/net/completion.hpp"

namespace tcptools::net {

// Goes before the io_context that results come back to. Its threads begin with the first job: what a program does to
// itself before it runs its io_context, such as to confine itself, holds for them as well.
class worker_pool {
 public:
  explicit worker_pool(std::size_t threads) : count_{threads} {}
  worker_pool(const worker_pool&) = delete;
  worker_pool& operator=(const worker_pool&) = delete;
  // Jobs that run are waited for; those that have not begun are dropped, with the coroutines that await them.
  ~worker_pool() {
    if (!threads_) return;
    threads_->stop();
    threads_->join();
  }

  // On one thread only.
  [[nodiscard]] asio::thread_pool::executor_type get_executor() {
    if (!threads_) threads_.emplace(count_);
    return threads_->get_executor();
  }

 private:
  std::size_t count_;
  std::optional<asio::thread_pool> threads_;
};

// Runs `job` on the pool and returns its result on the caller's executor; what it throws is thrown again here. It
// cannot be cancelled: whoever awaits it stays until it is done, so it may refer to what lives in the awaiting
// coroutine.
template <class Job>
awaitable<std::invoke_result_t<Job>> offload(worker_pool& pool, Job job) {
  using value_type = std::invoke_result_t<Job>;
  using stored_type = std::conditional_t<std::is_void_v<value_type>, std::monostate, value_type>;

  const any_executor executor = co_await asio::this_coro::executor;
  std::optional<stored_type> value;
  std::exception_ptr thrown;
  auto start = [&pool, &job, &value, &thrown, executor](auto handler) {
    auto guard = asio::make_work_guard(executor);
    auto work = [&job, &value, &thrown, guard = std::move(guard), handler = std::move(handler)]() mutable {
      try {
        if constexpr (std::is_void_v<value_type>) {
          job();
          value.emplace();
        } else {
          value.emplace(job());
        }
      } catch (...) {
        thrown = std::current_exception();
      }
      const any_executor back = guard.get_executor();
      auto resume = [guard = std::move(guard), handler = std::move(handler)]() mutable { std::move(handler)(); };
      asio::dispatch(back, std::move(resume));
    };
    asio::post(pool.get_executor(), std::move(work));
  };
  using token = asio::use_awaitable_t<any_executor>;
  co_await asio::async_initiate<const token, void()>(std::move(start), token{});
  if (thrown) std::rethrow_exception(thrown);
  if constexpr (!std::is_void_v<value_type>) co_return std::move(*value);
}

}  // namespace tcptools::net
