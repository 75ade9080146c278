#include "tcptools/net/event.hpp"

#include <chrono>
#include <vector>

#include "support/catch.hpp"
#include "support/loop.hpp"
#include "tcptools/net/sleep.hpp"
#include "tcptools/net/task_group.hpp"

using namespace std::chrono_literals;
using namespace tcptools;
using namespace tcptools::net;
using namespace tcptools::testing;
using tcptools::testing::run_test_loop;

namespace {}  // namespace

TEST_CASE("a condition is waited for") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    event changed{executor};
    task_group tasks{executor, on_exception};
    int produced = 0;
    int consumed = 0;
    const auto consume = [&]() -> awaitable<void> {
      while (consumed < 1000) {
        while (produced == consumed) co_await changed.wait();
        ++consumed;
        changed.notify_all();
      }
    };
    const auto produce = [&]() -> awaitable<void> {
      while (produced < 1000) {
        while (produced > consumed) co_await changed.wait();
        ++produced;
        changed.notify_all();
      }
    };
    tasks.spawn("consume", consume());
    tasks.spawn("produce", produce());
    co_await tasks.join();
    CHECK(consumed == 1000);
  });
}

TEST_CASE("notify_one wakes one, in the order of waiting, and nobody twice") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    event changed{executor};
    task_group tasks{executor, on_exception};
    std::vector<int> woken;
    const auto wait = [&](int number) -> awaitable<void> {
      co_await changed.wait();
      woken.push_back(number);
    };
    for (const int number : {1, 2, 3, 4}) tasks.spawn("wait", wait(number));
    co_await sleep_for(1ms);  // a turn of the loop: all of them wait

    changed.notify_one();
    co_await tasks.changed();
    CHECK(woken == std::vector{1});

    changed.notify_one();
    changed.notify_one();
    co_await tasks.changed();
    while (tasks.size() > 1) co_await tasks.changed();
    CHECK(woken == std::vector{1, 2, 3});

    changed.notify_all();
    co_await tasks.join();
    CHECK(woken == std::vector{1, 2, 3, 4});
  });
}

TEST_CASE("a wake-up is not spent on one whose time had come") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    event changed{executor};
    task_group tasks{executor, on_exception};
    bool was_woken = false;
    const auto brief = [&]() -> awaitable<void> { (void)co_await changed.wait_until(event::clock::now()); };
    const auto patient = [&]() -> awaitable<void> {
      co_await changed.wait();
      was_woken = true;
    };
    tasks.spawn("brief", brief());
    tasks.spawn("patient", patient());
    while (tasks.size() > 1) co_await tasks.changed();
    changed.notify_one();
    co_await tasks.join();
    CHECK(was_woken);
  });
}

TEST_CASE("an event that nobody waits for is not remembered") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    event changed{executor};
    changed.notify_one();
    changed.notify_all();
    const auto until = event::clock::now() + 20ms;
    const bool was_notified = co_await changed.wait_until(until);
    CHECK_FALSE(was_notified);
    CHECK(event::clock::now() >= until);
  });
}

TEST_CASE("a wait that is cancelled leaves nothing behind") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    event changed{executor};
    task_group tasks{executor, on_exception};
    const auto wait = [&]() -> awaitable<void> {
      for (;;) co_await changed.wait();
    };
    tasks.spawn("wait", wait());
    co_await sleep_for(1ms);
    tasks.cancel_all();
    co_await tasks.join();
    changed.notify_one();
    changed.notify_all();
  });
}

TEST_CASE("sleeping takes its time and says when it was cut short") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const auto start = event::clock::now();
    const bool is_over = co_await sleep_for(20ms);
    CHECK(is_over);
    CHECK(event::clock::now() - start >= 20ms);
    const bool is_nothing_over = co_await sleep_for(0ms);
    CHECK(is_nothing_over);
    const bool is_past_over = co_await sleep_for(-1ms);
    CHECK(is_past_over);

    task_group tasks{executor, on_exception};
    bool slept_through = true;
    const auto sleep = [&]() -> awaitable<void> { slept_through = co_await sleep_for(1h); };
    tasks.spawn("sleep", sleep());
    co_await sleep_for(1ms);
    tasks.cancel_all();
    co_await tasks.join();
    CHECK_FALSE(slept_through);
  });
}
