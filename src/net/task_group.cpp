#include "tcptools/net/task_group.hpp"

#include <exception>
#include <utility>

#include <asio/co_spawn.hpp>

namespace tcptools::net {

task_group::task_group(any_executor executor, exception_handler on_exception)
    : executor_{std::move(executor)}, on_exception_{std::move(on_exception)}, ended_{executor_} {}

void task_group::spawn(std::string name, awaitable<void> task) {
  ++size_;
  asio::co_spawn(executor_, std::move(task), [this, name = std::move(name)](const std::exception_ptr& thrown) {
    --size_;
    if (thrown) {
      try {
        std::rethrow_exception(thrown);
      } catch (const std::exception& exception) {
        on_exception_(name, exception.what());
      } catch (...) {
        on_exception_(name, "an unknown exception");
      }
    }
    ended_.notify_all();
  });
}

awaitable<void> task_group::join() {
  while (size_ > 0) co_await ended_.wait();
}

}  // namespace tcptools::net
