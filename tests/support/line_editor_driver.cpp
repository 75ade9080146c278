// A program around input_lines, for tests that drive it from outside: what is typed or piped in is told on standard
// error as `line TEXT`, and each line from the descriptor that is its first argument is obeyed: `print TEXT`, `prompt
// TEXT`, `flood COUNT` (lines at once), `hold` and `go on` (asking for lines), `stop`.
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <charconv>
#include <cstdio>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "cli/tcpchat/input_lines.hpp"
#include "cli/tcpchat/pipe_lines.hpp"
#include "tcptools/net/shutdown.hpp"
#include "tcptools/net/task_group.hpp"

namespace {

namespace cli = tcptools::cli;
namespace net = tcptools::net;
using tcptools::result;

void tell(std::string_view what, std::string_view text = {}) {
  const std::string line = std::string{what} + (text.empty() ? "" : " ") + std::string{text} + "\n";
  (void)std::fwrite(line.data(), 1, line.size(), stderr);
  (void)std::fflush(stderr);
}

class driver {
 public:
  driver(const net::any_executor& executor, int commands, cli::input_settings settings)
      : tasks_{executor, [](std::string_view task, std::string_view what) { tell(task, what); }},
        ready_{executor},
        commands_{executor, commands, std::make_unique<cli::blocking_output>(2)},
        signals_{executor, [this](int) { stop("signal"); }, [this](int) { stop("signal"); }} {
    settings.on_interrupt = [this] { stop("interrupt"); };
    lines_ = cli::open_input_lines(executor, std::move(settings));
  }

  net::awaitable<void> run() {
    tasks_.spawn("lines", read_lines());
    tasks_.spawn("commands", obey());
    co_await tasks_.join();
    (void)co_await lines_->flush(net::event::clock::now() + std::chrono::seconds{1});
    lines_.reset();
    signals_.stop();
  }

 private:
  void stop(std::string_view why) {
    tell(why);
    lines_->stop();
    commands_.stop();
    ready_.notify_all();
  }

  net::awaitable<void> read_lines() {
    while (true) {
      const result<cli::input_line> line = co_await lines_->next();
      if (!line) {
        tell("end", line.error().text());
        break;
      }
      tell(line->is_cut ? "cut" : "line", line->text);
      while (held_) co_await ready_.wait();
    }
    commands_.stop();
  }

  net::awaitable<void> obey() {
    while (true) {
      const result<cli::input_line> line = co_await commands_.next();
      if (!line) co_return;
      const std::string_view text = line->text;
      const std::size_t space = text.find(' ');
      obey(text.substr(0, space), space == std::string_view::npos ? "" : text.substr(space + 1));
    }
  }

  void obey(std::string_view command, std::string_view text) {
    if (command == "print") {
      print(text);
    } else if (command == "prompt") {
      lines_->set_prompt(text);
    } else if (command == "flood") {
      int count = 0;
      (void)std::from_chars(text.data(), text.data() + text.size(), count);
      for (int i = 0; i < count; ++i) print("flood " + std::to_string(i));
      tell("flooded");
    } else if (command == "hold") {
      held_ = true;
      tell("held");
    } else if (command == "go") {
      held_ = false;
      ready_.notify_all();
    } else if (command == "stop") {
      stop("stopped");
    }
  }

  void print(std::string_view text) {
    const result<void> printed = lines_->print(text);
    if (printed || std::exchange(failed_, true)) return;
    stop(printed.error().text());
  }

  net::task_group tasks_;
  net::event ready_;
  cli::pipe_lines commands_;
  net::shutdown_signals signals_;
  std::unique_ptr<cli::input_lines> lines_;
  bool held_ = false;
  bool failed_ = false;
};

}  // namespace

int main(int count, char** values) {
  const std::span arguments{values, static_cast<std::size_t>(count)};
  cli::input_settings settings;
  int commands = -1;
  for (const std::string_view one : arguments.subspan(1)) {
    if (one == "--never-wait") settings.never_waits = true;
    if (one == "--hide") settings.hides_entered = true;
    (void)std::from_chars(one.data(), one.data() + one.size(), commands);
  }
  asio::io_context io{1};
  driver program{io.get_executor(), commands, settings};
  asio::co_spawn(io, program.run(), [](const std::exception_ptr& thrown) {
    if (thrown) std::rethrow_exception(thrown);
  });
  io.run();
  tell("over");
}
