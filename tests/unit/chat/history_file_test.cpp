#include "tcptools/chat/history_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "history_rig.hpp"
#include "support/catch.hpp"
#include "support/memory_history.hpp"
#include "support/temp_dir.hpp"
#include "tcptools/chat/limits.hpp"

namespace fs = std::filesystem;
using namespace tcptools::chat;
using namespace tcptools::testing;
using tcptools::errc;
using tcptools::result;

namespace {

std::string failure_of(const result<void>& outcome, errc cause = errc::storage_failed) {
  REQUIRE_FALSE(outcome);
  CHECK(outcome.error().code() == cause);
  CHECK(outcome.error().text().find('\n') == std::string::npos);
  return outcome.error().text();
}

std::vector<std::string> names_in(const temp_dir& dir) {
  std::vector<std::string> names;
  for (const auto& [name, content] : snapshot(dir)) names.push_back(name);
  return names;
}

}  // namespace

TEST_CASE("a new history is empty, and for its owner alone") {
  const temp_dir dir;
  const std::string path = dir / "h.db";
  dir.write("h.db." + std::to_string(::getpid()) + ".tmp", "left by one that was killed");
  CHECK(loaded(path).empty());
  struct stat status{};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
  CHECK(names_in(dir) == std::vector<std::string>{"h.db"});
  CHECK(loaded(path).empty());
}

TEST_CASE("what was committed is there after a restart") {
  const temp_dir dir;
  const std::string path = dir / "h.db";
  const std::string long_text(3000, 'x');
  history_batch batch;
  batch.rooms = {{"lobby", some_epoch}, {"a.room_with-32-bytes-in-its-name", other_epoch}};
  batch.messages = {
      {"lobby", 1, 1'700'000'000'123, "alice", "hello\tthere", "k1"},
      {"a.room_with-32-bytes-in-its-name", 1, 0, "[::1]:4711", long_text, ""},
      {"lobby", 2, 7, "127.0.0.1:4711", "caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80 ' \" \\ %", "k2"},
      {"lobby", 3, -5, "operator", "x", ""},
  };
  const std::string expected =
      "lobby 0123456789abcdef next 4: 1@1700000000123 <alice> hello\\tthere; 2@7 <127.0.0.1:4711> "
      "caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80 ' \" \\\\ %; 3@-5 <operator> x;\n"
      "a.room_with-32-bytes-in-its-name fedcba9876543210 next 2: 1@0 <[::1]:4711> " +
      long_text + ";\nkey lobby k2 2@7\nkey lobby k1 1@1700000000123\n";
  {
    const auto file = open_history(path);
    REQUIRE(file->commit(batch));
    CHECK(loaded(*file) == expected);
  }
  CHECK(names_in(dir) == std::vector<std::string>{"h.db"});
  CHECK(loaded(path) == expected);
  CHECK(sql(path, "PRAGMA integrity_check") == "ok");
}

TEST_CASE("the longest text and the longest key are kept") {
  const temp_dir dir;
  const auto file = open_history(dir / "h.db");
  history_batch batch = new_room("lobby");
  batch.messages = {{"lobby", 1, 1, "a", std::string(limits::text, 'x'), std::string(limits::owned_key, 'k')}};
  REQUIRE(file->commit(batch));
  const auto contents = file->load();
  REQUIRE(contents);
  CHECK(contents->rooms[0].messages[0].text.size() == limits::text);
  CHECK(contents->keys[0].key.size() == limits::owned_key);
}

TEST_CASE("a batch with nothing in it changes nothing") {
  const temp_dir dir;
  const auto file = open_history(dir / "h.db");
  REQUIRE(file->commit(new_room("lobby")));
  REQUIRE(file->commit(messages("lobby", 1, 3, "k")));
  const std::string before = loaded(*file);
  REQUIRE(file->commit({}));
  CHECK(loaded(*file) == before);
}

TEST_CASE("a batch that does not fit changes nothing, and the next one is committed") {
  const temp_dir dir;
  const std::string path = dir / "h.db";
  auto file = open_history(path);
  REQUIRE(file->commit(new_room("lobby")));
  REQUIRE(file->commit(messages("lobby", 1, 2, "k")));
  const std::string before = loaded(*file);

  history_batch batch;
  batch.forgotten = {"lobby"};
  batch.rooms = {{"lobby", other_epoch}, {"next", other_epoch}};
  batch.messages = {{"next", 1, 1, "a", "x", "k"}};
  batch.pruned = {{"next", 2}};
  const auto wrong = [&](auto change) {
    history_batch changed = batch;
    change(changed);
    const std::string text = failure_of(file->commit(changed));
    CHECK(loaded(*file) == before);
    CHECK(text.starts_with("cannot write '" + path + "': "));
    return text.substr(text.find("': ") + 3);
  };
  const auto message = [&](stored_message one) {
    return wrong([&](history_batch& changed) { changed.messages.push_back(std::move(one)); });
  };
  const std::string kept = "there is a message that cannot be kept in the room 'next'";
  CHECK(message({"next", 3, 1, "a", "x", ""}) == "there is a gap before message 3 of the room 'next'");
  CHECK(message({"next", 1, 1, "a", "x", ""}) == "there is a gap before message 1 of the room 'next'");
  CHECK(message({"no", 1, 1, "a", "x", ""}) == "there is a message for the unknown room 'no'");
  CHECK(message({"next", 2, 1, "a", "", ""}) == kept);
  CHECK(message({"next", 2, 1, "", "x", ""}) == kept);
  CHECK(message({"next", 2, 1, "a b", "x", ""}) == kept);
  CHECK(message({"next", 2, 1, "a", "two\nlines", ""}) == kept);
  CHECK(message({"next", 2, 1, "a", std::string{"a\0b", 3}, ""}) == kept);
  CHECK(message({"next", 2, 1, "a", "\xFF", ""}) == kept);
  CHECK(message({"next", 2, 1, "a", std::string(limits::text + 1, 'x'), ""}) == kept);
  CHECK(message({"next", 2, 1, "a", "x", std::string(limits::owned_key + 1, 'k')}) == kept);
  CHECK(wrong([](history_batch& changed) { changed.rooms.push_back({"Upper", some_epoch}); }) ==
        "no room may be called 'Upper'");
  CHECK_FALSE(wrong([](history_batch& changed) { changed.rooms.push_back({"x", "short"}); }).empty());
  CHECK_FALSE(wrong([](history_batch& changed) { changed.rooms.push_back({"next", some_epoch}); }).empty());

  REQUIRE(file->commit(batch));
  const std::string after = "lobby fedcba9876543210 next 1:\nnext fedcba9876543210 next 2:\nkey next k 1@1\n";
  CHECK(loaded(*file) == after);
  file.reset();
  CHECK(loaded(path) == after);
}

TEST_CASE("a file holds what a history in memory holds, whatever happens") {
  const temp_dir dir;
  const std::string path = dir / "h.db";
  auto file = open_history(path);
  memory_history memory;
  std::mt19937 random{GENERATE(1U, 2U, 3U)};
  const auto below = [&](unsigned bound) { return static_cast<unsigned>(random() % bound); };
  std::int64_t now = 1'700'000'000'000;
  for (int step = 0; step < 150; ++step) {
    history_batch batch;
    history_contents state = memory.contents();
    const auto find = [&](const std::string& name) { return std::ranges::find(state.rooms, name, &stored_room::name); };
    for (const char* const name : {"one", "two", "three"}) {
      auto room = find(name);
      if (room != state.rooms.end() && below(12) == 0) {
        batch.forgotten.emplace_back(name);
        state.rooms.erase(room);
        room = state.rooms.end();
      }
      if (room == state.rooms.end() && below(3) == 0) {
        batch.rooms.push_back({name, some_epoch});
        state.rooms.push_back({name, some_epoch, 1, {}});
      }
    }
    for (unsigned count = below(20); count > 0 && !state.rooms.empty(); --count) {
      stored_room& room = state.rooms[below(static_cast<unsigned>(state.rooms.size()))];
      now += below(3);
      batch.messages.push_back({room.name, room.next++, now, "alice", std::string(1 + below(3000), 'x'),
                                below(2) == 0 ? "" : "k" + std::to_string(below(200))});
    }
    for (const stored_room& room : state.rooms) {
      if (below(4) == 0) batch.pruned.push_back({room.name, room.next - std::min<std::uint64_t>(below(8), room.next)});
    }
    batch.keys_from = now - 200;
    REQUIRE(file->commit(batch));
    REQUIRE(memory.commit(batch));
    if (below(10) == 0) {
      file.reset();
      file = open_history(path);
    }
    // Keys of one moment and room are in the order of ids in both.
    REQUIRE(loaded(*file) == show(memory.contents()));
  }
  CHECK(sql(path, "PRAGMA integrity_check") == "ok");
}

TEST_CASE("a link to a history is followed") {
  const temp_dir dir;
  fs::create_directory(dir / "real");
  const std::string path = dir / "link";
  {
    const auto file = open_history(dir / "real/h.db");
    REQUIRE(file->commit(new_room("lobby")));
  }
  fs::create_symlink("real/h.db", path);
  CHECK(loaded(path) == "lobby 0123456789abcdef next 1:\n");
  CHECK(fs::is_symlink(path));
  CHECK(names_in(dir) == std::vector<std::string>{"link", "real"});
}

TEST_CASE("paths may hold what means something to SQLite") {
  const temp_dir dir;
  for (const char* const name : {"a?b", "a#b", "a%41b", "file:x", " ", "'", "h\xC3\xA9", ":memory:"}) {
    const std::string path = dir / name;
    CAPTURE(path);
    REQUIRE(open_history(path)->commit(new_room("lobby")));
    CHECK(fs::exists(path));
    CHECK(loaded(path) == "lobby 0123456789abcdef next 1:\n");
  }
  const fs::path before = fs::current_path();
  fs::current_path(dir.path());
  CHECK(loaded("a?b") == "lobby 0123456789abcdef next 1:\n");
  CHECK(loaded(":memory:") == "lobby 0123456789abcdef next 1:\n");
  fs::current_path(before);
}
