#include "tcptools/net/deadline.hpp"

#include <asio/io_context.hpp>
#include <chrono>
#include <optional>

#include "support/catch.hpp"

using namespace std::chrono_literals;
using tcptools::net::deadline;

namespace {

constexpr auto patience = 30s;

}  // namespace

TEST_CASE("a deadline that passes is told, once") {
  asio::io_context io{1};
  int fired = 0;
  deadline limit{io.get_executor(), [&] { ++fired; }};
  CHECK_FALSE(limit.expired());
  const auto when = deadline::clock::now() + 20ms;
  limit.set(when);
  CHECK_FALSE(limit.expired());
  io.run_for(patience);
  REQUIRE(io.stopped());
  CHECK(deadline::clock::now() >= when);
  CHECK(limit.expired());
  CHECK(fired == 1);
}

TEST_CASE("a deadline moved forward passes later") {
  asio::io_context io{1};
  int fired = 0;
  deadline limit{io.get_executor(), [&] { ++fired; }};
  limit.set(deadline::clock::now() + 10ms);
  const auto when = deadline::clock::now() + 80ms;
  limit.set(when);
  io.run_for(patience);
  REQUIRE(io.stopped());
  CHECK(deadline::clock::now() >= when);
  CHECK(fired == 1);
}

TEST_CASE("a deadline moved back passes earlier") {
  asio::io_context io{1};
  int fired = 0;
  deadline limit{io.get_executor(), [&] { ++fired; }};
  limit.set(deadline::clock::now() + 1h);
  limit.set(deadline::clock::now() + 10ms);
  io.run_for(patience);
  REQUIRE(io.stopped());
  CHECK(fired == 1);
}

TEST_CASE("a deadline that has passed can be set again") {
  asio::io_context io{1};
  int fired = 0;
  std::optional<deadline> limit;
  limit.emplace(io.get_executor(), [&] {
    if (++fired < 3) limit->set(deadline::clock::now() + 10ms);
  });
  limit->set(deadline::clock::now() - 1ms);
  CHECK(limit->expired());
  io.run_for(patience);
  REQUIRE(io.stopped());
  CHECK(fired == 3);
}

TEST_CASE("a cleared deadline does not pass") {
  asio::io_context io{1};
  int fired = 0;
  deadline limit{io.get_executor(), [&] { ++fired; }};
  limit.set(deadline::clock::now() + 10ms);
  limit.clear();
  io.run_for(patience);
  REQUIRE(io.stopped());
  CHECK_FALSE(limit.expired());
  CHECK(fired == 0);
}

TEST_CASE("a deadline that is gone is never told") {
  asio::io_context io{1};
  int fired = 0;
  {
    deadline limit{io.get_executor(), [&] { ++fired; }};
    limit.set(deadline::clock::now());
  }
  {
    deadline limit{io.get_executor(), [&] { ++fired; }};
    limit.set(deadline::clock::now() + 1h);
  }
  io.run_for(patience);
  CHECK(io.stopped());
  CHECK(fired == 0);
}
