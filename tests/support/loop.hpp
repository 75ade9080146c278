// The event loop of a test.
#pragma once

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <chrono>
#include <exception>
#include <functional>
#include <string_view>

#include "support/catch.hpp"
#include "tcptools/net/completion.hpp"

namespace tcptools::testing {

// For task_group: no task of a test is to throw.
inline void on_exception(std::string_view task, std::string_view what) { FAIL(task << ": " << what); }

// Runs `body(executor)`, a coroutine, and all that it started to the end. A requirement that fails in it fails the
// test, and so does an end that takes longer than `patience`.
inline void run_test_loop(const std::function<net::awaitable<void>(net::any_executor)>& body,
                          std::chrono::seconds patience = std::chrono::minutes{2}) {
  asio::io_context io{1};
  std::exception_ptr thrown;
  bool ended = false;
  net::awaitable<void> work = body(net::any_executor{io.get_executor()});
  asio::co_spawn(io, std::move(work), [&](const std::exception_ptr& exception) {
    ended = true;
    thrown = exception;
    if (thrown) io.stop();
  });
  io.run_for(patience);
  if (thrown) std::rethrow_exception(thrown);
  if (!ended) FAIL("the coroutine did not end in time");
  if (!io.stopped()) FAIL("what the coroutine started did not end in time");
}

}  // namespace tcptools::testing
