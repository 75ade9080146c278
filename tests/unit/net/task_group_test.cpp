#include "tcptools/net/task_group.hpp"

#include <asio/this_coro.hpp>
#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/loop.hpp"
#include "tcptools/net/sleep.hpp"

using namespace std::chrono_literals;
using namespace tcptools;
using namespace tcptools::net;
using tcptools::testing::run_test_loop;

namespace {

// What a group was told of exceptions.
struct complaints {
  [[nodiscard]] task_group::exception_handler handler() {
    return [this](std::string_view task, std::string_view what) {
      said.push_back(std::string{task} + ": " + std::string{what});
    };
  }
  std::vector<std::string> said;
};

awaitable<void> wait_for_ever() {
  for (;;) (void)co_await sleep_for(1h);
}

}  // namespace

TEST_CASE("a task starts in the next turn and is counted until it ends") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    complaints none;
    task_group tasks{executor, none.handler()};
    int started = 0;
    const auto task = [&]() -> awaitable<void> {
      ++started;
      co_await sleep_for(1ms);
    };
    tasks.spawn("one", task());
    tasks.spawn("two", task());
    CHECK(started == 0);
    CHECK(tasks.size() == 2);
    co_await tasks.join();
    CHECK(started == 2);
    CHECK(tasks.size() == 0);
    CHECK(none.said.empty());
    co_await tasks.join();
  });
}

TEST_CASE("an exception that escapes is told with the task's name") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    complaints heard;
    task_group tasks{executor, heard.handler()};
    const auto fail = []() -> awaitable<void> {
      throw std::runtime_error{"a bug"};
      co_return;
    };
    const auto fail_oddly = []() -> awaitable<void> {
      co_await sleep_for(1ms);
      throw 42;
    };
    tasks.spawn("plain", fail());
    tasks.spawn("odd", fail_oddly());
    co_await tasks.join();
    CHECK(heard.said == std::vector<std::string>{"plain: a bug", "odd: an unknown exception"});
  });
}

TEST_CASE("tasks are asked, waited for, and made to end") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    complaints none;
    task_group tasks{executor, none.handler()};
    const auto polite = [&]() -> awaitable<void> {
      while (!tasks.stop_requested()) co_await tasks.stopping().wait();
    };
    tasks.spawn("polite", polite());
    tasks.spawn("stubborn", wait_for_ever());
    bool all_ended = co_await tasks.join_until(task_group::clock::now() + 10ms);
    CHECK_FALSE(all_ended);
    CHECK(tasks.size() == 2);

    tasks.request_stop();
    all_ended = co_await tasks.join_until(task_group::clock::now() + 10ms);
    CHECK_FALSE(all_ended);
    CHECK(tasks.size() == 1);

    tasks.cancel_all();
    all_ended = co_await tasks.join_until(task_group::clock::now() + 1h);
    CHECK(all_ended);
    CHECK(tasks.size() == 0);
    CHECK(none.said.empty());
  });
}

TEST_CASE("a cancelled task may clean up") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    complaints none;
    task_group tasks{executor, none.handler()};
    bool has_cleaned_up = false;
    const auto careful = [&]() -> awaitable<void> {
      co_await asio::this_coro::throw_if_cancelled(false);
      (void)co_await sleep_for(1h);
      has_cleaned_up = co_await sleep_for(1ms);
    };
    tasks.spawn("careful", careful());
    co_await sleep_for(1ms);
    tasks.cancel_all();
    co_await tasks.join();
    CHECK(has_cleaned_up);
    CHECK(none.said.empty());
  });
}

TEST_CASE("a task that is cancelled before its first turn never starts") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    complaints none;
    task_group tasks{executor, none.handler()};
    bool has_started = false;
    const auto task = [&]() -> awaitable<void> {
      has_started = true;
      co_return;
    };
    tasks.spawn("task", task());
    tasks.cancel_all();
    co_await tasks.join();
    CHECK_FALSE(has_started);
    CHECK(none.said.empty());
  });
}

TEST_CASE("whoever joins and is cancelled takes the tasks along") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    complaints none;
    task_group outer{executor, none.handler()};
    bool has_joined = false;
    const auto parent = [&]() -> awaitable<void> {
      task_group inner{executor, none.handler()};
      inner.spawn("child", wait_for_ever());
      inner.spawn("child", wait_for_ever());
      co_await inner.join();
      has_joined = inner.size() == 0;
      co_await sleep_for(1ms);
      FAIL("a cancelled coroutine went on");
    };
    outer.spawn("parent", parent());
    co_await sleep_for(1ms);
    outer.cancel_all();
    co_await outer.join();
    CHECK(has_joined);
    CHECK(none.said.empty());
  });
}

TEST_CASE("a cancelled task that fails of something else is told") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    complaints heard;
    task_group tasks{executor, heard.handler()};
    const auto task = []() -> awaitable<void> {
      (void)co_await sleep_for(1h);
      throw std::runtime_error{"a bug in the clean-up"};
    };
    tasks.spawn("task", task());
    co_await sleep_for(1ms);
    tasks.cancel_all();
    co_await tasks.join();
    CHECK(heard.said == std::vector<std::string>{"task: a bug in the clean-up"});
  });
}

TEST_CASE("changed tells of every end") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    complaints none;
    task_group tasks{executor, none.handler()};
    const auto brief = []() -> awaitable<void> { co_await sleep_for(1ms); };
    tasks.spawn("for ever", wait_for_ever());
    tasks.spawn("brief", brief());
    while (tasks.size() > 1) co_await tasks.changed();
    tasks.cancel_all();
    co_await tasks.join();
  });
}

TEST_CASE("what escaped from a task is named with the task") {
  const error escaped = internal_error(errc::connection_lost, "read", "boom");
  CHECK(escaped.code() == errc::connection_lost);
  CHECK(escaped.text() == "internal error in read: boom");
}
