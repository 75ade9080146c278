#include "tcptools/chat/presence.hpp"

#include <chrono>
#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace tcptools::chat;
using namespace std::chrono_literals;

namespace {

using told_names = std::vector<std::string>;

constexpr presence::clock::time_point presence_start{1000h};

bool has_nothing(const events::presence& what) { return what.joined.empty() && what.left.empty() && what.more == 0; }

std::string nth_name(int number) { return "name" + std::to_string(number); }

}  // namespace

TEST_CASE("nothing is due where nobody came or went") {
  presence there;
  CHECK_FALSE(there.due());
  CHECK(has_nothing(there.take(presence_start)));
  CHECK_FALSE(there.due());
}

TEST_CASE("who came is told of soon, so that who comes along is told of in the same line") {
  presence there;
  there.came("alice", presence_start);
  CHECK(there.due() == presence_start + 100ms);
  there.came("bob", presence_start + 50ms);
  CHECK(there.due() == presence_start + 100ms);
  const events::presence told = there.take(presence_start + 100ms);
  CHECK(told.joined == told_names{"alice", "bob"});
  CHECK(told.left.empty());
  CHECK(told.more == 0);
  CHECK_FALSE(there.due());
}

TEST_CASE("the next line comes a second after the last one at the earliest") {
  presence there;
  there.came("alice", presence_start);
  (void)there.take(presence_start + 100ms);
  there.went("alice", presence_start + 200ms);
  CHECK(there.due() == presence_start + 1100ms);
  CHECK(there.take(presence_start + 1100ms).left == told_names{"alice"});
  there.came("alice", presence_start + 1h);
  CHECK(there.due() == presence_start + 1h + 100ms);
}

TEST_CASE("who came and went, or went and came, within one line is not told of") {
  presence there;
  there.came("alice", presence_start);
  there.went("alice", presence_start);
  there.went("bob", presence_start);
  there.came("bob", presence_start);
  there.came("carol", presence_start);
  const events::presence told = there.take(presence_start + 100ms);
  CHECK(told.joined == told_names{"carol"});
  CHECK(told.left.empty());
  CHECK(told.more == 0);
}

TEST_CASE("eight names each are told, and how many others there were") {
  presence there;
  for (int i = 0; i < 20; ++i) there.came(nth_name(i), presence_start);
  for (int i = 100; i < 109; ++i) there.went(nth_name(i), presence_start);
  const events::presence told = there.take(presence_start + 100ms);
  CHECK(told.joined == told_names{nth_name(0), nth_name(1), nth_name(2), nth_name(3), nth_name(4), nth_name(5),
                                  nth_name(6), nth_name(7)});
  CHECK(told.left.size() == 8);
  CHECK(told.more == 12 + 1);
  CHECK(has_nothing(there.take(presence_start + 2s)));
}

TEST_CASE("a crowd that comes and goes within one line is not told of, either") {
  presence there;
  for (int i = 0; i < 100; ++i) there.came(nth_name(i), presence_start);
  for (int i = 0; i < 100; ++i) there.went(nth_name(i), presence_start);
  CHECK(has_nothing(there.take(presence_start + 100ms)));
}

TEST_CASE("however many come, they are counted") {
  presence there;
  for (int i = 0; i < 100'000; ++i) there.came(nth_name(i), presence_start);
  CHECK(there.take(presence_start + 100ms).more == 100'000 - 8);
}
