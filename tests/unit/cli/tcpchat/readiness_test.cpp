#include "cli/tcpchat/readiness.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>

#include "support/catch.hpp"
#include "support/loop.hpp"
#include "support/pipe_ends.hpp"
#include "tcptools/base/unique_fd.hpp"
#include "tcptools/net/sleep.hpp"
#include "tcptools/net/task_group.hpp"

using namespace std::chrono_literals;
using namespace tcptools;
using namespace tcptools::cli;
using namespace tcptools::testing;

namespace {

void run_with(int descriptor, readiness::kind what, void (*meanwhile)(pipe_ends&), pipe_ends& ends) {
  run_test_loop([&](net::any_executor executor) -> net::awaitable<void> {
    readiness waits{executor, descriptor, what};
    REQUIRE(waits.can_wait());
    net::task_group tasks{executor, on_exception};
    bool ready = false;
    auto wait = [&]() -> net::awaitable<void> { ready = co_await waits.wait(); };
    tasks.spawn("wait", wait());
    co_await net::sleep_for(50ms);
    CHECK_FALSE(ready);
    meanwhile(ends);
    co_await tasks.join();
    CHECK(ready);
    CHECK((::fcntl(descriptor, F_GETFL) & O_NONBLOCK) == 0);
  });
}

}  // namespace

TEST_CASE("a pipe is waited for until it has something, and stays blocking") {
  pipe_ends ends;
  run_with(
      ends.reading.get(), readiness::kind::input,
      [](pipe_ends& pipe) { CHECK(::write(pipe.writing.get(), "x", 1) == 1); }, ends);
}

TEST_CASE("a pipe is waited for until its writer has gone") {
  pipe_ends ends;
  run_with(ends.reading.get(), readiness::kind::input, [](pipe_ends& pipe) { pipe.writing.reset(); }, ends);
}

TEST_CASE("a pipe is waited for until its reader has gone, however much room it has") {
  pipe_ends ends;
  run_with(ends.writing.get(), readiness::kind::hang_up, [](pipe_ends& pipe) { pipe.reading.reset(); }, ends);
}

TEST_CASE("what is ready is not waited for, each time anew") {
  run_test_loop([](net::any_executor executor) -> net::awaitable<void> {
    pipe_ends ends;
    CHECK(::write(ends.writing.get(), "x", 1) == 1);
    readiness waits{executor, ends.reading.get(), readiness::kind::input};
    for (int i = 0; i < 3; ++i) {
      const bool ready = co_await waits.wait();
      CHECK(ready);
    }
  });
}

TEST_CASE("a wait that is cancelled ends") {
  pipe_ends ends;
  run_test_loop([&](net::any_executor executor) -> net::awaitable<void> {
    readiness waits{executor, ends.reading.get(), readiness::kind::input};
    net::task_group tasks{executor, on_exception};
    bool ready = true;
    auto wait = [&]() -> net::awaitable<void> { ready = co_await waits.wait(); };
    tasks.spawn("wait", wait());
    co_await net::sleep_for(20ms);
    waits.cancel();
    co_await tasks.join();
    CHECK_FALSE(ready);
  });
}

TEST_CASE("files cannot be waited for, nor what is not open") {
  run_test_loop([](net::any_executor executor) -> net::awaitable<void> {
    const unique_fd file{::open("/proc/self/exe", O_RDONLY | O_CLOEXEC)};
    CHECK_FALSE(readiness(executor, file.get(), readiness::kind::input).can_wait());
    CHECK_FALSE(readiness(executor, -1, readiness::kind::input).can_wait());
    co_return;
  });
}
