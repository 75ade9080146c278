#include "tcptools/net/shutdown.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <asio/io_context.hpp>
#include <chrono>
#include <functional>

#include "support/catch.hpp"

using namespace std::chrono_literals;
using tcptools::net::shutdown_signals;

namespace {

// The exit status of a child that does this; -1 if it did not end by itself.
int status_of_child(const std::function<int()>& act) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(act());
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
}

void send_self(int signal) { (void)::kill(::getpid(), signal); }

constexpr int came_to_the_end = 42;

}  // namespace

TEST_CASE("the first signal asks, and the loop runs out of work once it is stopped") {
  for (const int signal : {SIGINT, SIGTERM}) {
    CHECK(status_of_child([signal] {
            asio::io_context io{1};
            int asked = 0;
            int insisted = 0;
            shutdown_signals* self = nullptr;
            shutdown_signals signals{io.get_executor(),
                                     [&](int number) {
                                       asked = number;
                                       self->stop();
                                     },
                                     [&](int number) { insisted = number; }};
            self = &signals;
            if (signals.received() != 0) return 1;
            send_self(signal);
            io.run_for(30s);
            const bool is_right = io.stopped() && asked == signal && insisted == 0 && signals.received() == signal;
            return is_right ? came_to_the_end : 2;
          }) == came_to_the_end);
  }
}

TEST_CASE("the second signal insists, and the first is the one that counts") {
  CHECK(status_of_child([] {
          asio::io_context io{1};
          int asked = 0;
          int insisted = 0;
          shutdown_signals* self = nullptr;
          shutdown_signals signals{io.get_executor(),
                                   [&](int number) {
                                     asked = number;
                                     send_self(SIGINT);
                                   },
                                   [&](int number) {
                                     insisted = number;
                                     self->stop();
                                   }};
          self = &signals;
          send_self(SIGTERM);
          io.run_for(30s);
          const bool is_right = io.stopped() && asked == SIGTERM && insisted == SIGINT && signals.received() == SIGTERM;
          return is_right ? came_to_the_end : 2;
        }) == came_to_the_end);
}

TEST_CASE("the third signal ends the process") {
  CHECK(status_of_child([] {
          asio::io_context io{1};
          const shutdown_signals signals{io.get_executor(), [](int) { send_self(SIGINT); },
                                         [](int) { send_self(SIGTERM); }};
          send_self(SIGINT);
          io.run_for(30s);
          return 2;
        }) == 128 + SIGTERM);
}

TEST_CASE("a broken pipe is an error and no signal") {
  CHECK(status_of_child([] {
          asio::io_context io{1};
          const shutdown_signals signals{io.get_executor(), [](int) {}, [](int) {}};
          send_self(SIGPIPE);
          return came_to_the_end;
        }) == came_to_the_end);
}

TEST_CASE("without signals nothing holds the loop once stopped") {
  CHECK(status_of_child([] {
          asio::io_context io{1};
          shutdown_signals signals{io.get_executor(), [](int) {}, [](int) {}};
          signals.stop();
          io.run_for(30s);
          return io.stopped() && signals.received() == 0 ? came_to_the_end : 2;
        }) == came_to_the_end);
}
