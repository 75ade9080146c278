// Coroutines that belong together and end together.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "tcptools/net/completion.hpp"
#include "tcptools/net/event.hpp"

namespace tcptools::net {

// The group outlives its tasks: join() before it goes.
class task_group {
 public:
  // Told the name of a task that an exception escaped from, and what it said. Exceptions mean bugs or a lack of memory.
  using exception_handler = std::function<void(std::string_view task, std::string_view what)>;

  task_group(any_executor executor, exception_handler on_exception);

  // Starts `task` in the executor's next turn.
  void spawn(std::string name, awaitable<void> task);

  // Returns when no task is left.
  awaitable<void> join();

  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  any_executor executor_;
  exception_handler on_exception_;
  std::size_t size_ = 0;
  event ended_;
};

}  // namespace tcptools::net
