// Coroutines that belong together and end together: ask, wait, insist, wait.
#pragma once

#include <asio/cancellation_signal.hpp>
#include <cstddef>
#include <exception>
#include <functional>
#include <list>
#include <string>
#include <string_view>

#include "tcptools/base/error.hpp"
#include "tcptools/net/completion.hpp"
#include "tcptools/net/event.hpp"

namespace tcptools::net {

// The group outlives its tasks: join() before it goes. All calls come from the executor's one thread.
class task_group {
 public:
  using clock = event::clock;
  // Told the name of a task that an exception escaped from, and what it said. Exceptions mean bugs or a lack of memory.
  using exception_handler = std::function<void(std::string_view task, std::string_view what)>;

  task_group(any_executor executor, exception_handler on_exception);
  task_group(const task_group&) = delete;
  task_group& operator=(const task_group&) = delete;
  ~task_group() = default;

  // Starts `task` in the executor's next turn.
  void spawn(std::string name, awaitable<void> task);

  // Asks: tasks see it in stop_requested(), and those that wait for stopping() are woken.
  void request_stop();
  [[nodiscard]] bool stop_requested() const noexcept { return stop_requested_; }
  [[nodiscard]] event& stopping() noexcept { return stopping_; }

  // Insists: what the tasks wait for is cancelled, and their next co_await throws, unless they chose otherwise. A task
  // that ends of this has not failed. What is offloaded is waited for all the same.
  void cancel_all();

  // Returns when no task is left. Also when the joining coroutine is itself cancelled, which cancels all tasks.
  awaitable<void> join();

  // False if the time came first.
  awaitable<bool> join_until(clock::time_point until);

  // Returns when some task has ended.
  awaitable<void> changed() { return ended_.wait(); }

  [[nodiscard]] std::size_t size() const noexcept { return tasks_.size(); }

 private:
  struct running {
    std::string name;
    asio::cancellation_signal signal;
    bool is_cancelled = false;
  };

  void on_end(std::list<running>::iterator ended, const std::exception_ptr& thrown);

  any_executor executor_;
  exception_handler on_exception_;
  std::list<running> tasks_;
  event ended_;
  event stopping_;
  bool stop_requested_ = false;
};

// What an exception that escaped from a task is to whoever waits for its work: "internal error in TASK: WHAT".
[[nodiscard]] error internal_error(errc code, std::string_view task, std::string_view what);

}  // namespace tcptools::net
