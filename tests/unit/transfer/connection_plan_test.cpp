#include "tcptools/transfer/connection_plan.hpp"

#include "support/catch.hpp"

using namespace tcptools::transfer;
using namespace std::chrono_literals;

namespace {

// Looks at a way on which so many bytes a second arrive.
class traveller {
 public:
  explicit traveller(connection_plan plan, std::chrono::microseconds round_trip) : plan_{plan}, trip_{round_trip} {}

  traveller& go(std::chrono::milliseconds time, double bytes_per_second, bool waits_for_network = true) {
    for (const auto end = now_ + time; now_ < end; now_ += connection_plan::look_every) {
      plan_.on_sight({static_cast<std::uint64_t>(bytes_), trip_, waits_for_network}, now_);
      bytes_ += bytes_per_second * std::chrono::duration<double>{connection_plan::look_every}.count();
    }
    return *this;
  }
  [[nodiscard]] unsigned wanted() const { return plan_.wanted(); }
  [[nodiscard]] bool is_settled() const { return plan_.is_settled(); }

 private:
  connection_plan plan_;
  std::chrono::microseconds trip_;
  connection_plan::clock::time_point now_;
  double bytes_ = 0;
};

}  // namespace

TEST_CASE("a number that was asked for is there at once", "[transfer]") {
  CHECK(connection_plan{4, true}.wanted() == 4);
  CHECK(connection_plan{4, true}.is_settled());
  CHECK(connection_plan{1, false}.is_settled());
}

TEST_CASE("over a long way there are eight connections within half a second", "[transfer]") {
  traveller way{connection_plan{8, false}, 100ms};
  CHECK(way.wanted() == 1);
  CHECK(way.go(250ms, 1e6).wanted() == 4);
  CHECK(way.go(200ms, 4e6).wanted() == 8);
  CHECK(way.is_settled());
}

TEST_CASE("a step that brings nothing is the last", "[transfer]") {
  traveller way{connection_plan{8, false}, 20ms};
  CHECK(way.go(150ms, 1e6).wanted() == 4);
  CHECK_FALSE(way.go(500ms, 1e6).is_settled());
  CHECK(way.go(1s, 1e6).is_settled());
  CHECK(way.go(10s, 9e6).wanted() == 4);
}

TEST_CASE("a new connection has some round trips to bring something", "[transfer]") {
  traveller way{connection_plan{8, false}, 100ms};
  CHECK(way.go(250ms, 1e6).wanted() == 4);
  CHECK(way.go(800ms, 1.05e6).wanted() == 4);
  CHECK(way.go(200ms, 2e6).wanted() == 8);
}

TEST_CASE("over a short way one connection does", "[transfer]") {
  CHECK(traveller{connection_plan{8, false}, 800us}.go(10s, 1e8).wanted() == 1);
  CHECK(traveller{connection_plan{8, false}, 0us}.go(10s, 1e8).wanted() == 1);
}

TEST_CASE("a slow source and a slow disk are no reason for more", "[transfer]") {
  traveller way{connection_plan{8, false}, 50ms};
  CHECK(way.go(10s, 1e6, false).wanted() == 1);
  for (int i = 0; i < 20; ++i) way.go(50ms, 1e6).go(50ms, 1e6, false);
  CHECK(way.wanted() == 1);
  CHECK(way.go(200ms, 1e6).wanted() == 4);
}

TEST_CASE("more than allowed are never wanted", "[transfer]") {
  CHECK(traveller{connection_plan{3, false}, 50ms}.go(200ms, 1e6).go(10s, 9e6).wanted() == 3);
}
