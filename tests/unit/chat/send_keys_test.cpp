#include "tcptools/chat/send_keys.hpp"

#include <chrono>
#include <optional>
#include <string>

#include "support/catch.hpp"

using namespace tcptools::chat;

namespace {

constexpr wall_time keys_start = 1'700'000'000'000;
constexpr wall_time key_life = 24LL * 3600 * 1000;

std::string nth_key(int number) { return "key" + std::to_string(number); }

}  // namespace

TEST_CASE("a key names a message of its room") {
  send_keys keys{10};
  keys.add("lobby", "a", 7, keys_start);
  keys.add("ops", "a", 8, keys_start);
  CHECK(keys.find("lobby", "a") == 7U);
  CHECK(keys.find("ops", "a") == 8U);
  CHECK(keys.find("lobby", "b") == std::nullopt);
  CHECK(keys.find("lob", "bya") == std::nullopt);
  CHECK(keys.size() == 2);
}

TEST_CASE("the first message with a key stays the one it names") {
  send_keys keys{10};
  keys.add("lobby", "a", 7, keys_start);
  keys.add("lobby", "a", 9, keys_start + 1);
  CHECK(keys.find("lobby", "a") == 7U);
  CHECK(keys.size() == 1);
}

TEST_CASE("no more keys are kept than there may be, the newest ones") {
  send_keys keys{100};
  for (int i = 0; i < 1000; ++i) keys.add("lobby", nth_key(i), static_cast<std::uint64_t>(i), keys_start);
  CHECK(keys.size() == 100);
  CHECK(keys.find("lobby", nth_key(899)) == std::nullopt);
  CHECK(keys.find("lobby", nth_key(900)) == 900U);
}

TEST_CASE("a key lives for a day") {
  send_keys keys{10};
  keys.add("lobby", "a", 1, keys_start);
  keys.add("lobby", "b", 2, keys_start + 1);
  CHECK(keys.expire(keys_start + key_life) == keys_start);
  CHECK(keys.find("lobby", "a") == 1U);
  CHECK(keys.expire(keys_start + key_life + 1) == keys_start + 1);
  CHECK(keys.find("lobby", "a") == std::nullopt);
  CHECK(keys.find("lobby", "b") == 2U);
  keys.add("lobby", "a", 3, keys_start + key_life + 1);
  CHECK(keys.find("lobby", "a") == 3U);
}

TEST_CASE("a forgotten room's keys are forgotten, and no others") {
  send_keys keys{10};
  keys.add("lobby", "a", 1, keys_start);
  keys.add("lobby2", "a", 2, keys_start);
  keys.forget_room("lobby");
  CHECK(keys.find("lobby", "a") == std::nullopt);
  CHECK(keys.find("lobby2", "a") == 2U);
  CHECK(keys.size() == 1);
}

TEST_CASE("keys of a room that was forgotten do not take away those of a new room of that name") {
  send_keys keys{3};
  keys.add("lobby", "a", 1, keys_start);
  keys.forget_room("lobby");
  keys.add("lobby", "a", 5, keys_start + key_life);
  (void)keys.expire(keys_start + key_life + 1);
  CHECK(keys.find("lobby", "a") == 5U);
  keys.add("ops", "b", 6, keys_start + key_life);
  keys.add("ops", "c", 7, keys_start + key_life);
  CHECK(keys.find("lobby", "a") == 5U);
  CHECK(keys.size() == 3);
}
