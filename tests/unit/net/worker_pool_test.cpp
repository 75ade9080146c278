#include "tcptools/net/worker_pool.hpp"

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <chrono>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/loop.hpp"
#include "tcptools/base/result.hpp"
#include "tcptools/net/sleep.hpp"
#include "tcptools/net/task_group.hpp"

using namespace std::chrono_literals;
using namespace tcptools;
using namespace tcptools::net;
using namespace tcptools::testing;
using tcptools::testing::run_test_loop;

namespace {}  // namespace

TEST_CASE("a job runs on the pool and its result comes back to the I/O thread") {
  run_test_loop([](any_executor) -> awaitable<void> {
    worker_pool pool{2};
    const std::thread::id here = std::this_thread::get_id();
    const std::thread::id there = co_await offload(pool, [] { return std::this_thread::get_id(); });
    CHECK(there != here);
    CHECK(std::this_thread::get_id() == here);
  });
}

TEST_CASE("a job may give nothing, what can only be moved, and what has no default") {
  run_test_loop([](any_executor) -> awaitable<void> {
    worker_pool pool{1};
    int count = 0;
    co_await offload(pool, [&count] { ++count; });
    CHECK(count == 1);

    const std::unique_ptr<int> moved = co_await offload(pool, [] { return std::make_unique<int>(7); });
    CHECK(*moved == 7);

    const result<std::string> wrong =
        co_await offload(pool, []() -> result<std::string> { return error{errc::conflict}; });
    CHECK(wrong.error().code() == errc::conflict);

    auto owner = std::make_unique<int>(8);
    auto job = [owner = std::move(owner)] { return *owner + 1; };
    const int sum = co_await offload(pool, std::move(job));
    CHECK(sum == 9);
  });
}

TEST_CASE("what a job throws is thrown to its caller") {
  run_test_loop([](any_executor) -> awaitable<void> {
    worker_pool pool{1};
    const std::thread::id here = std::this_thread::get_id();
    std::string said;
    try {
      co_await offload(pool, [] { throw std::runtime_error{"no more disk"}; });
    } catch (const std::runtime_error& exception) {
      said = exception.what();
    }
    CHECK(said == "no more disk");
    CHECK(std::this_thread::get_id() == here);
    const int next = co_await offload(pool, [] { return 1; });
    CHECK(next == 1);
  });
}

TEST_CASE("many jobs of many coroutines") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    worker_pool pool{4};
    task_group tasks{executor, on_exception};
    std::vector<int> sums(20);
    const auto add_up = [&](int& sum) -> awaitable<void> {
      for (int i = 1; i <= 100; ++i) sum = co_await offload(pool, [sum, i] { return sum + i; });
    };
    for (int& sum : sums) tasks.spawn("add up", add_up(sum));
    co_await tasks.join();
    CHECK(sums == std::vector<int>(20, 5050));
  });
}

TEST_CASE("a cancelled coroutine stays until its job is done") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    worker_pool pool{1};
    task_group tasks{executor, on_exception};
    std::promise<void> go_on;
    std::promise<void> begun;
    std::string told;
    bool went_on = false;
    const auto work = [&]() -> awaitable<void> {
      std::string local = "the coroutine's own";
      told = co_await offload(pool, [&] {
        begun.set_value();
        go_on.get_future().wait();
        return local;
      });
      co_await sleep_for(1ms);
      went_on = true;
    };
    tasks.spawn("work", work());
    co_await sleep_for(1ms);
    begun.get_future().wait();
    tasks.cancel_all();
    const bool has_ended = co_await tasks.join_until(task_group::clock::now() + 20ms);
    CHECK_FALSE(has_ended);
    go_on.set_value();
    co_await tasks.join();
    CHECK(told == "the coroutine's own");
    CHECK_FALSE(went_on);
  });
}

TEST_CASE("a pool that goes drops what has not begun") {
  asio::io_context io{1};
  const auto alive = std::make_shared<int>();
  {
    std::promise<void> go_on;
    std::promise<void> begun;
    bool is_first = true;
    worker_pool pool{1};  // the last: its threads end before what they use goes
    const auto work = [&](std::shared_ptr<int> held) -> awaitable<void> {
      co_await offload(pool, [&] {
        if (!std::exchange(is_first, false)) return;
        begun.set_value();
        go_on.get_future().wait();
      });
      held.reset();
    };
    for (int i = 0; i < 5; ++i) asio::co_spawn(io, work(alive), [](const std::exception_ptr&) {});
    io.poll();
    CHECK(alive.use_count() == 6);
    begun.get_future().wait();
    go_on.set_value();
  }
  io.restart();
  io.run_for(30s);
  CHECK(io.stopped());
  CHECK(alive.use_count() == 1);
}
