#include "tcptools/net/lookup.hpp"

#include <algorithm>
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>

#include "support/catch.hpp"
#include "support/loop.hpp"
#include "tcptools/net/sleep.hpp"
#include "tcptools/net/task_group.hpp"

using namespace std::chrono_literals;
using namespace tcptools;
using namespace tcptools::net;
using namespace tcptools::testing;
using tcptools::testing::run_test_loop;

namespace {

using addresses = std::vector<asio::ip::address>;

}  // namespace

TEST_CASE("the system knows this machine") {
  const auto found = ask_system("localhost");
  REQUIRE(found);
  CHECK(std::all_of(found->begin(), found->end(), [](const asio::ip::address& one) { return one.is_loopback(); }));
  CHECK(ask_system("127.0.0.1").value() == addresses{asio::ip::address_v4::loopback()});
  CHECK(ask_system("::1").value() == addresses{asio::ip::address_v6::loopback()});
}

TEST_CASE("what is no name has no address") {
  const auto found = ask_system("");
  REQUIRE_FALSE(found);
  CHECK(found.error().code() == errc::connect_failed);
  CHECK_FALSE(found.error().text().empty());
}

TEST_CASE("a name is looked up in another thread, again and again") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    std::thread::id there;
    lookup names{executor, [&there](const std::string& host) -> result<addresses> {
                   there = std::this_thread::get_id();
                   if (host == "bug") throw std::runtime_error{"a bug"};
                   if (host != "here") return error{errc::connect_failed, host + " is unknown"};
                   return addresses{asio::ip::address_v4::loopback()};
                 }};
    for (int i = 0; i < 3; ++i) {
      const auto found = co_await names.run("here");
      REQUIRE(found);
      CHECK(*found == addresses{asio::ip::address_v4::loopback()});
      CHECK(there != std::this_thread::get_id());
    }
    const auto unknown = co_await names.run("there");
    CHECK(unknown.error() == error{errc::connect_failed, "there is unknown"});
    const auto failed = co_await names.run("bug");
    CHECK(failed.error() == error{errc::connect_failed, "a bug"});
  });
}

TEST_CASE("a look-up that blocks is left alone") {
  const auto end = std::make_shared<std::promise<void>>();
  const auto ended = std::make_shared<std::promise<void>>();
  run_test_loop([&](any_executor executor) -> awaitable<void> {
    lookup names{executor, [end, ended](const std::string&) -> result<addresses> {
                   end->get_future().wait();
                   ended->set_value();
                   return error{errc::connect_failed};
                 }};
    task_group tasks{executor, on_exception};
    std::optional<errc> how;
    const auto ask = [&]() -> awaitable<void> {
      const auto found = co_await names.run("slow");
      how = found.error().code();
    };
    tasks.spawn("ask", ask());
    const bool has_ended = co_await tasks.join_until(task_group::clock::now() + 10ms);
    CHECK_FALSE(has_ended);
    names.cancel();
    co_await tasks.join();
    CHECK(how == errc::cancelled);
  });
  end->set_value();
  ended->get_future().wait();
}
