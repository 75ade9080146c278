#include "cli/exec_hook.hpp"

#include <sys/stat.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/loop.hpp"
#include "support/temp_dir.hpp"

using namespace std::chrono_literals;
using namespace tcptools;
using namespace tcptools::cli;
using namespace tcptools::testing;

namespace {

std::string program_in(const temp_dir& folder, const std::string& script) {
  const std::string path = folder.write("program", "#!/bin/sh\ncd '" + folder.path().string() + "'\n" + script);
  (void)::chmod(path.c_str(), 0700);
  return path;
}

template <class Body>
void run_hook(const std::string& script, Body body) {
  const temp_dir folder;
  const std::string program = program_in(folder, script);
  run_test_loop([&](net::any_executor executor) -> net::awaitable<void> {
    net::task_group tasks{executor, on_exception};
    std::vector<std::string> complaints;
    exec_hook hook{executor, tasks, program, "HOOK_", [&](const exec_call& call, const std::string& how) {
                     complaints.push_back(call.name + ": " + how);
                   }};
    co_await body(hook, folder, complaints);
    co_await tasks.join();
  });
}

}  // namespace

TEST_CASE("a hook's program is told what happened, and nothing under that name that it inherited") {
  ::setenv("HOOK_STALE", "x", 1);
  const std::string script = R"sh(echo "$1|$HOOK_FROM|$HOOK_STALE|$(cat)" >> told)sh";
  run_hook(script, [](exec_hook& hook, const temp_dir& folder, auto& complaints) -> net::awaitable<void> {
    exec_call call;
    call.arguments = {"$(touch x)"};
    call.environment = {{"FROM", "ann; rm"}};
    call.input = "first";
    hook.push(call);
    call.input.reset();
    hook.push(call);
    const bool idle = co_await hook.wait_until_idle(net::event::clock::now() + 20s);
    CHECK(idle);
    CHECK(folder.read("told") == "$(touch x)|ann; rm||first\n$(touch x)|ann; rm||\n");
    CHECK(complaints.empty());
  });
}

TEST_CASE("a hook's program may leave its input unread, however long it is") {
  run_hook("echo done >> told",
           [](exec_hook& hook, const temp_dir& folder, auto& /*complaints*/) -> net::awaitable<void> {
             exec_call call;
             call.input = std::string(1U << 20U, 'x');
             hook.push(call);
             hook.push(call);
             const bool idle = co_await hook.wait_until_idle(net::event::clock::now() + 20s);
             CHECK(idle);
             CHECK(folder.read("told") == "done\ndone\n");
           });
}

TEST_CASE("a hook complains about programs that fail, and goes on") {
  run_hook("exit $1", [](exec_hook& hook, const temp_dir& /*folder*/, auto& complaints) -> net::awaitable<void> {
    for (const char* const status : {"3", "0", "4"}) {
      exec_call call;
      call.name = std::string{"call "} + status;
      call.arguments = {status};
      hook.push(call);
    }
    const bool idle = co_await hook.wait_until_idle(net::event::clock::now() + 20s);
    CHECK(idle);
    CHECK(complaints == std::vector<std::string>{"call 3: exited with 3", "call 4: exited with 4"});
  });
}

TEST_CASE("a hook that is stopped ends its program and runs no other") {
  run_hook("echo started >> told; exec sleep 60",
           [](exec_hook& hook, const temp_dir& folder, auto& complaints) -> net::awaitable<void> {
             hook.push({"one", {}, {}, {}});
             hook.push({"two", {}, {}, {}});
             const bool idle = co_await hook.wait_until_idle(net::event::clock::now() + 300ms);
             CHECK_FALSE(idle);
             hook.stop();
             const bool idle_now = co_await hook.wait_until_idle(net::event::clock::now() + 20s);
             CHECK(idle_now);
             CHECK(folder.read("told") == "started\n");
             CHECK(complaints == std::vector<std::string>{"one: was killed by signal 9"});
           });
}

TEST_CASE("a hook's program that fails is noticed where SIGCHLD is ignored when we are started") {
  auto* const before = std::signal(SIGCHLD, SIG_IGN);
  run_hook("exit 3", [](exec_hook& hook, const temp_dir&, auto& complaints) -> net::awaitable<void> {
    exec_call call;
    call.name = "one";
    hook.push(std::move(call));
    (void)co_await hook.wait_until_idle(net::event::clock::now() + 10s);
    CHECK(complaints == std::vector<std::string>{"one: exited with 3"});
  });
  (void)std::signal(SIGCHLD, before);
}
