#include "tcptools/chat/room_log.hpp"

#include <array>
#include <string>

#include "support/catch.hpp"

using namespace tcptools;
using namespace tcptools::chat;

namespace {

constexpr wall_time start_time = 1'700'000'000'000;

since after(std::uint64_t id, std::string epoch = {}) { return {id, std::move(epoch), {}}; }
since younger_than(std::chrono::seconds age) { return {{}, {}, age}; }

// A log of so many messages, a second apart, the first with the id `first`.
room_log filled(memory_use& use, int count, history_bounds bounds = {}, std::uint64_t first = 1) {
  room_log log{use, "lobby", "00000000000000aa", first, bounds};
  for (int i = 0; i < count; ++i) log.append(start_time + i * 1000, "alice", "text " + std::to_string(i));
  return log;
}

std::string line_at(const room_log& log, std::uint64_t id) {
  std::array<byte_view, 1> piece;
  const line_log::cursor at = log.structured().cursor_at(log.position_of(id));
  if (at.pieces(log.structured().head(), piece) == 0) return {};
  const std::string_view text = as_text(piece[0]);
  return std::string{text.substr(0, text.find('\n'))};
}

}  // namespace

TEST_CASE("ids are positions without gaps, and find their lines") {
  memory_use use;
  const room_log log = filled(use, 500);
  CHECK(log.oldest() == 1);
  CHECK(log.next() == 501);
  for (const std::uint64_t id : {1U, 2U, 250U, 500U}) {
    CHECK(line_at(log, id).find("\"id\":" + std::to_string(id) + ",") != std::string::npos);
  }
  CHECK(log.position_of(501) == log.structured().head());
}

TEST_CASE("a log keeps no more messages and bytes than its bounds say, the newest ones") {
  memory_use use;
  const room_log by_count = filled(use, 1000, {100, 1U << 20U});
  CHECK(by_count.oldest() == 901);
  CHECK(line_at(by_count, 901).find("text 900") != std::string::npos);
  const room_log by_bytes = filled(use, 1000, {10'000, 5000});
  CHECK(by_bytes.kept_bytes() <= 5000);
  CHECK(by_bytes.kept_bytes() > 4500);
  const room_log nothing = filled(use, 1000, {0, 5000});
  CHECK(nothing.oldest() == 1001);
  CHECK(nothing.empty());
}

TEST_CASE("who was here before continues after the last message seen") {
  memory_use use;
  const room_log log = filled(use, 1000, {100, 1U << 20U});
  const auto found = [&log](const since& from) {
    const room_log::start start = log.find(from, start_time + 1'000'000);
    return std::tuple{start.first, start.lost, start.resumed};
  };
  CHECK(found(after(950, log.epoch())) == std::tuple{951U, 0U, true});
  CHECK(found(after(1000, log.epoch())) == std::tuple{1001U, 0U, true});
  CHECK(found(after(900)) == std::tuple{901U, 0U, true});
  CHECK(found(after(899)) == std::tuple{901U, 1U, true});
  CHECK(found(after(1)) == std::tuple{901U, 899U, true});
  CHECK(found(after(0)) == std::tuple{901U, 0U, true});
  CHECK(found(after(5000)) == std::tuple{1001U, 0U, true});
  CHECK(found(after(950, "00000000000000bb")) == std::tuple{901U, 0U, false});
  CHECK(found(younger_than(std::chrono::seconds{10})) == std::tuple{991U, 0U, true});
  CHECK(found(younger_than(std::chrono::hours{10})) == std::tuple{901U, 0U, true});
  CHECK(found(younger_than(std::chrono::seconds{0})) == std::tuple{1001U, 0U, true});
  CHECK(log.find({}, start_time).first == 1001);
}

TEST_CASE("a clock that is set back does not put messages out of order") {
  memory_use use;
  room_log log = filled(use, 10);
  log.append(start_time - 50'000, "bob", "from the past");
  CHECK(line_at(log, 11).find("\"time\":" + std::to_string(start_time + 9000)) != std::string::npos);
}

TEST_CASE("the plain language is written only for those who read it, and not kept") {
  memory_use use;
  room_log log = filled(use, 10);
  CHECK(log.plain().head() == 0);
  log.write_plain(true);
  log.append(start_time, "bob", "hello");
  CHECK(log.plain().head() == std::string_view{"[bob] hello\n"}.size());
}

TEST_CASE("a log that continues another one's ids") {
  memory_use use;
  const room_log log = filled(use, 5, {}, 7001);
  CHECK(log.oldest() == 7001);
  CHECK(log.next() == 7006);
  CHECK(log.find(after(7003), start_time).first == 7004);
  CHECK(log.find(after(100), start_time).lost == 6900);
}

TEST_CASE("half of a history can be forgotten, down to nothing") {
  memory_use use;
  room_log log = filled(use, 1000);
  log.forget_half();
  CHECK(log.oldest() == 501);
  for (int i = 0; i < 10; ++i) log.forget_half();
  CHECK(log.empty());
  CHECK(log.next() == 1001);
}
