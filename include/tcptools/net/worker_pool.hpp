// Threads for what blocks: disk and hashing. Results come back to the I/O thread.
#pragma once

#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <asio/async_result.hpp>
#include <asio/dispatch.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <asio/thread_pool.hpp>

#include "tcptools/net/completion.hpp"

namespace tcptools::net {

class worker_pool {
 public:
  explicit worker_pool(std::size_t threads) : threads_{threads} {}
  worker_pool(const worker_pool&) = delete;
  worker_pool& operator=(const worker_pool&) = delete;
  // Jobs that run are waited for; those that have not begun are dropped.
  ~worker_pool() {
    threads_.stop();
    threads_.join();
  }

  [[nodiscard]] asio::thread_pool::executor_type get_executor() noexcept { return threads_.get_executor(); }

 private:
  asio::thread_pool threads_;
};

namespace detail {

struct nothing {};

// What a job came to: its value, or what it threw.
template <class Value>
struct job_outcome {
  std::optional<Value> value;
  std::exception_ptr thrown;
};

}  // namespace detail

// Runs `job` on the pool and returns its result on the caller's executor; what it throws is thrown again here. It cannot be
// cancelled: whoever awaits it stays until it is done, so it may refer to what lives in the awaiting coroutine.
template <class Job>
awaitable<std::invoke_result_t<Job>> offload(worker_pool& pool, Job job) {
  using value_type = std::invoke_result_t<Job>;
  using stored_type = std::conditional_t<std::is_void_v<value_type>, detail::nothing, value_type>;
  using outcome_type = detail::job_outcome<stored_type>;

  const any_executor executor = co_await asio::this_coro::executor;
  auto outcome = std::make_unique<outcome_type>();
  outcome_type& slot = *outcome;
  auto start = [&pool, &job, &slot, executor](auto handler) {
    auto guard = asio::make_work_guard(executor);
    auto work = [&job, &slot, guard = std::move(guard), handler = std::move(handler)]() mutable {
      try {
        if constexpr (std::is_void_v<value_type>) {
          job();
          slot.value.emplace();
        } else {
          slot.value.emplace(job());
        }
      } catch (...) {
        slot.thrown = std::current_exception();
      }
      const any_executor back = guard.get_executor();
      asio::dispatch(back, [guard = std::move(guard), handler = std::move(handler)]() mutable { std::move(handler)(); });
    };
    asio::post(pool.get_executor(), std::move(work));
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<any_executor>, void()>(std::move(start), asio::use_awaitable_t<any_executor>{});
  if (slot.thrown) std::rethrow_exception(slot.thrown);
  if constexpr (!std::is_void_v<value_type>) co_return std::move(*slot.value);
}

}  // namespace tcptools::net
