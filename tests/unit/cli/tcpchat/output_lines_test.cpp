#include "cli/tcpchat/output_lines.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "support/catch.hpp"
#include "support/loop.hpp"
#include "support/pseudo_terminal.hpp"
#include "support/temp_dir.hpp"
#include "tcptools/base/unique_fd.hpp"
#include "tcptools/net/sleep.hpp"
#include "tcptools/net/task_group.hpp"

using namespace tcptools;
using namespace tcptools::cli;
using namespace tcptools::testing;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t line_size = 1000;

std::string line(int number) {
  std::string text = "line " + std::to_string(number) + " ";
  text.resize(line_size - 1, '.');
  return text + "\n";
}

// Two descriptors: what is written to the first is read from the second.
struct connection {
  unique_fd writing;
  unique_fd reading;
};

connection a_pipe() {
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  return {unique_fd{ends[1]}, unique_fd{ends[0]}};
}

connection a_socket() {
  std::array<int, 2> ends{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
  return {unique_fd{ends[1]}, unique_fd{ends[0]}};
}

// What is there, without waiting for more.
std::string read_from(const unique_fd& reading) {
  REQUIRE(::fcntl(reading.get(), F_SETFL, O_NONBLOCK) == 0);
  std::string all;
  std::array<char, 65536> bytes{};
  for (ssize_t size = 0; (size = ::read(reading.get(), bytes.data(), bytes.size())) > 0;) {
    all.append(bytes.data(), static_cast<std::size_t>(size));
  }
  return all;
}

net::event::clock::time_point soon() { return net::event::clock::now() + 10s; }

}  // namespace

TEST_CASE("lines that nobody reads are dropped beyond a bound, and counted where they would have been", "[cli]") {
  for (const bool with_socket : {false, true}) {
    const connection to = with_socket ? a_socket() : a_pipe();
    const int flags = ::fcntl(to.writing.get(), F_GETFL);
    run_test_loop([&](net::any_executor executor) -> net::awaitable<void> {
      output_lines output{executor, to.writing.get(), 100 * line_size};
      int idle = 0;
      output.on_idle([&] { ++idle; });
      int taken = 0;
      int dropped = 0;
      for (int i = 0; i < 2000; ++i) ++(output.put(line(i)) ? taken : dropped);
      CHECK(taken >= 100);
      REQUIRE(dropped > 0);
      CHECK_FALSE(output.is_idle());
      CHECK_FALSE(co_await output.flush(net::event::clock::now()));
      CHECK(::fcntl(to.writing.get(), F_GETFL) == flags);

      std::string got;
      while (!output.is_idle()) {
        got += read_from(to.reading);
        (void)co_await net::sleep_for(1ms);
      }
      CHECK(idle == 1);
      CHECK(output.put("after\n"));
      got += read_from(to.reading);
      std::string wanted;
      for (int i = 0; i < taken; ++i) wanted += line(i);
      wanted += "* " + std::to_string(dropped) + " lines are not shown: the output was not read\nafter\n";
      CHECK(got == wanted);
      CHECK(output.state().has_value());
    });
    CHECK(::fcntl(to.writing.get(), F_GETFL) == flags);
  }
}

TEST_CASE("after lines were dropped, others are taken only when there is room again", "[cli]") {
  const connection to = a_pipe();
  run_test_loop([&](net::any_executor executor) -> net::awaitable<void> {
    output_lines output{executor, to.writing.get(), 10 * line_size};
    while (output.put(line(1))) {
    }
    CHECK_FALSE(output.put("short\n"));
    (void)read_from(to.reading);
    CHECK(co_await output.flush(soon()));
    CHECK(output.put("short\n"));
    CHECK(read_from(to.reading).ends_with("* 2 lines are not shown: the output was not read\nshort\n"));
  });
}

TEST_CASE("a terminal that does not read holds nothing up", "[cli]") {
  pseudo_terminal terminal;
  const int flags = ::fcntl(terminal.end(), F_GETFL);
  run_test_loop([&](net::any_executor executor) -> net::awaitable<void> {
    output_lines output{executor, terminal.end(), 50 * line_size};
    int dropped = 0;
    for (int i = 0; i < 500; ++i) dropped += output.put(line(i)) ? 0 : 1;
    CHECK(dropped > 0);
    std::string got;
    const auto until = soon();
    while (!got.ends_with("was not read\r\n") && net::event::clock::now() < until) {
      got += terminal.shown();
      (void)co_await net::sleep_for(1ms);
    }
    CHECK(output.is_idle());
    CHECK(got.starts_with("line 0 ."));
    CHECK(got.ends_with("* " + std::to_string(dropped) + " lines are not shown: the output was not read\r\n"));
  });
  CHECK(::fcntl(terminal.end(), F_GETFL) == flags);
}

TEST_CASE("a file is written where its descriptor stands", "[cli]") {
  const temp_dir directory;
  const std::string path = directory.write("file", "before\n");
  const unique_fd file{::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC)};
  run_test_loop([&](net::any_executor executor) -> net::awaitable<void> {
    output_lines output{executor, file.get()};
    CHECK(output.put("one\n"));
    CHECK(output.is_idle());
    CHECK(output.put("two\n"));
    co_return;
  });
  CHECK(directory.read("file") == "before\none\ntwo\n");
}

TEST_CASE("a reader that goes while lines wait for it ends the waiting", "[cli]") {
  (void)std::signal(SIGPIPE, SIG_IGN);
  connection to = a_pipe();
  run_test_loop([&](net::any_executor executor) -> net::awaitable<void> {
    output_lines output{executor, to.writing.get()};
    for (int i = 0; i < 500; ++i) CHECK(output.put(line(i)));
    net::task_group tasks{executor, on_exception};
    bool flushed = false;
    const auto flush = [&]() -> net::awaitable<void> { flushed = co_await output.flush(soon()); };
    tasks.spawn("flush", flush());
    (void)co_await net::sleep_for(1ms);
    CHECK_FALSE(flushed);
    to.reading.reset();
    co_await tasks.join();
    CHECK(flushed);
    CHECK(output.state().error().code() == errc::connection_lost);
    CHECK_FALSE(output.put("x"));
  });
}

TEST_CASE("an output can go while lines wait", "[cli]") {
  const connection to = a_pipe();
  run_test_loop([&](net::any_executor executor) -> net::awaitable<void> {
    {
      output_lines output{executor, to.writing.get()};
      output.on_idle([] { FAIL("it is gone"); });
      for (int i = 0; i < 200; ++i) (void)output.put(line(i));
    }
    (void)read_from(to.reading);
    (void)co_await net::sleep_for(1ms);
  });
}
