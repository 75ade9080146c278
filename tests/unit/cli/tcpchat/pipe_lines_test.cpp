#include "cli/tcpchat/pipe_lines.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <thread>

#include "cli/tcpchat/output_lines.hpp"
#include "support/catch.hpp"
#include "support/loop.hpp"
#include "support/pipe_ends.hpp"
#include "support/temp_dir.hpp"
#include "tcptools/base/unique_fd.hpp"
#include "tcptools/net/sleep.hpp"
#include "tcptools/net/task_group.hpp"

using namespace tcptools;
using namespace tcptools::cli;
using namespace tcptools::testing;
using namespace std::chrono_literals;

namespace {

std::unique_ptr<text_output> no_output() { return std::make_unique<blocking_output>(-1); }

// All lines up to the end of input, with a + where one was cut.
net::awaitable<std::vector<std::string>> all_lines(pipe_lines& lines) {
  std::vector<std::string> all;
  while (true) {
    result<input_line> line = co_await lines.next();
    if (!line) {
      CHECK(line.error().code() == errc::end_of_stream);
      co_return all;
    }
    all.push_back(line->text + (line->is_cut ? "+" : ""));
  }
}

std::vector<std::string> lines_of(const std::string& content) {
  std::vector<std::string> all;
  const temp_dir directory;
  const unique_fd file{::open(directory.write("file", content).c_str(), O_RDONLY | O_CLOEXEC)};
  run_test_loop([&](net::any_executor executor) -> net::awaitable<void> {
    pipe_lines lines{executor, file.get(), no_output()};
    all = co_await all_lines(lines);
  });
  return all;
}

}  // namespace

TEST_CASE("lines end in LF or CRLF, the last one also without", "[cli]") {
  CHECK(lines_of("").empty());
  CHECK(lines_of("one\n\ntwo\r\nthree") == std::vector<std::string>{"one", "", "two", "three"});
  CHECK(lines_of("\n") == std::vector<std::string>{""});
  CHECK(lines_of(std::string{"a\0b\n", 4}) == std::vector<std::string>{std::string{"a\0b", 3}});
}

TEST_CASE("many lines of a file come as they are", "[cli]") {
  std::string content;
  std::vector<std::string> wanted;
  for (int i = 0; i < 20'000; ++i) {
    wanted.push_back(std::string(static_cast<std::size_t>(i % 37), 'x') + std::to_string(i));
    content += wanted.back() + "\n";
  }
  CHECK(lines_of(content) == wanted);
}

TEST_CASE("a line that is too long is cut, and the next one is whole", "[cli]") {
  const std::string most(input_line::most_bytes, 'a');
  CHECK(lines_of(most + "\nnext\n") == std::vector<std::string>{most, "next"});
  CHECK(lines_of(most + "\r\nnext\n") == std::vector<std::string>{most, "next"});
  CHECK(lines_of(most + "b\nnext\n") == std::vector<std::string>{most + "+", "next"});
  CHECK(lines_of(most + most + most + "\nnext") == std::vector<std::string>{most + "+", "next"});
  CHECK(lines_of(most + most) == std::vector<std::string>{most + "+"});
}

TEST_CASE("the null device ends at once", "[cli]") {
  const unique_fd null{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
  run_test_loop([&](net::any_executor executor) -> net::awaitable<void> {
    pipe_lines lines{executor, null.get(), no_output()};
    CHECK((co_await all_lines(lines)).empty());
  });
}

TEST_CASE("lines come as they arrive in a pipe, whose mode stays as it is", "[cli]") {
  pipe_ends pipe;
  const int flags = ::fcntl(pipe.reading.get(), F_GETFL);
  run_test_loop([&](net::any_executor executor) -> net::awaitable<void> {
    pipe_lines lines{executor, pipe.reading.get(), no_output()};
    net::task_group tasks{executor, on_exception};
    std::vector<std::string> seen;
    const auto read = [&]() -> net::awaitable<void> { seen = co_await all_lines(lines); };
    tasks.spawn("read", read());
    for (const char* piece : {"one\ntw", "o\n", "", "three"}) {
      pipe.write(piece);
      (void)co_await net::sleep_for(5ms);
    }
    CHECK(::fcntl(pipe.reading.get(), F_GETFL) == flags);
    pipe.writing.reset();
    co_await tasks.join();
    CHECK(seen == std::vector<std::string>{"one", "two", "three"});
  });
  CHECK(::fcntl(pipe.reading.get(), F_GETFL) == flags);
  CHECK((flags & O_NONBLOCK) == 0);
}

TEST_CASE("what nobody asks for stays in the pipe", "[cli]") {
  pipe_ends pipe;
  run_test_loop([&](net::any_executor executor) -> net::awaitable<void> {
    pipe_lines lines{executor, pipe.reading.get(), no_output()};
    pipe.write(std::string(60'000, '\n'));
    CHECK((co_await lines.next()).has_value());
    (void)co_await net::sleep_for(5ms);
    CHECK(pipe.read().size() == 60'000 - pipe_lines::chunk);
  });
}

TEST_CASE("stop ends a wait for a line, and those to come", "[cli]") {
  pipe_ends pipe;
  run_test_loop([&](net::any_executor executor) -> net::awaitable<void> {
    pipe_lines lines{executor, pipe.reading.get(), no_output()};
    net::task_group tasks{executor, on_exception};
    int ended = 0;
    const auto read = [&]() -> net::awaitable<void> {
      for (; ended < 2; ++ended) CHECK((co_await lines.next()).error().code() == errc::cancelled);
    };
    tasks.spawn("read", read());
    (void)co_await net::sleep_for(1ms);
    CHECK(ended == 0);
    lines.stop();
    co_await tasks.join();
    CHECK(ended == 2);
  });
}

TEST_CASE("input that cannot be read is an error", "[cli]") {
  const unique_fd directory{::open("/", O_RDONLY | O_CLOEXEC)};
  run_test_loop([&](net::any_executor executor) -> net::awaitable<void> {
    for (const int descriptor : {-1, directory.get()}) {
      pipe_lines lines{executor, descriptor, no_output()};
      CHECK((co_await lines.next()).error().code() == errc::source_unreadable);
      CHECK((co_await lines.next()).error().code() == errc::source_unreadable);
    }
  });
}

TEST_CASE("a reader of the output that has gone is told", "[cli]") {
  (void)std::signal(SIGPIPE, SIG_IGN);
  run_test_loop([&](net::any_executor executor) -> net::awaitable<void> {
    for (const bool waits : {true, false}) {
      pipe_ends pipe;
      std::unique_ptr<text_output> output;
      if (waits) output = std::make_unique<blocking_output>(pipe.writing.get());
      if (!waits) output = std::make_unique<output_lines>(executor, pipe.writing.get());
      pipe_lines lines{executor, -1, std::move(output)};
      CHECK(lines.print("one").has_value());
      CHECK(pipe.read() == "one\n");
      pipe.reading.reset();
      CHECK(lines.print("two").error().code() == errc::connection_lost);
      CHECK(lines.print("three").error().code() == errc::connection_lost);
    }
    co_return;
  });
}

TEST_CASE("a full disk is told as such", "[cli]") {
  const unique_fd full{::open("/dev/full", O_WRONLY | O_CLOEXEC)};
  run_test_loop([&](net::any_executor executor) -> net::awaitable<void> {
    pipe_lines blocking{executor, -1, std::make_unique<blocking_output>(full.get())};
    CHECK(blocking.print("x").error().code() == errc::storage_full);
    pipe_lines bounded{executor, -1, std::make_unique<output_lines>(executor, full.get())};
    CHECK(bounded.print("x").error().code() == errc::storage_full);
    CHECK(co_await bounded.flush(net::event::clock::now() + 10s));
  });
}
