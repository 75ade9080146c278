#include "tcptools/base/retry_policy.hpp"

#include "support/catch.hpp"

using namespace tcptools;
using namespace std::chrono_literals;

namespace {

const error connection_loss{errc::connection_lost};
const retry_policy::clock::time_point some_time{};

}  // namespace

TEST_CASE("a first connection that fails is not tried again unless asked for", "[base]") {
  retry_policy policy{{0ms, 30s}};
  CHECK_FALSE(policy.after(error{errc::connect_failed}, some_time, 0.0));
}

TEST_CASE("what the other side refused is never tried again", "[base]") {
  for (const errc code :
       {errc::refused, errc::storage_full, errc::conflict, errc::verify_failed, errc::source_changed, errc::usage}) {
    retry_policy policy{{1h, 1h}};
    policy.on_connected();
    CHECK_FALSE(policy.after(error{code}, some_time, 0.0));
  }
}

TEST_CASE("waits double up to ten seconds and end with the time", "[base]") {
  retry_policy policy{{60s, 60s}};
  auto now = some_time;
  retry_policy::duration expected = 250ms;
  retry_policy::duration waited{0};
  while (const auto wait = policy.after(connection_loss, now, 0.0)) {
    CHECK(*wait == std::min(expected, 60'000ms - waited));
    expected = std::min<retry_policy::duration>(expected * 2, 10s);
    waited += *wait;
    now += *wait;
  }
  CHECK(waited == 60s);
}

TEST_CASE("chance shortens a wait by at most half", "[base]") {
  retry_policy policy{{60s, 60s}};
  const auto wait = policy.after(connection_loss, some_time, 0.999);
  REQUIRE(wait);
  CHECK(*wait >= 125ms);
  CHECK(*wait < 130ms);
}

TEST_CASE("progress starts the time anew, from the next failure", "[base]") {
  retry_policy policy{{0ms, 30s}};
  policy.on_connected();
  CHECK(policy.after(connection_loss, some_time, 0.0));
  CHECK_FALSE(policy.after(connection_loss, some_time + 30s, 0.0));
  policy.on_progress();
  CHECK(policy.after(connection_loss, some_time + 1h, 0.0) == 250ms);
  CHECK_FALSE(policy.after(connection_loss, some_time + 1h + 30s, 0.0));
}
