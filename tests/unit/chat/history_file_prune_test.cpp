// What a history forgets.
#include <algorithm>
#include <filesystem>
#include <string>

#include "history_rig.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"
#include "tcptools/chat/history_file.hpp"

namespace fs = std::filesystem;
using namespace tcptools::chat;
using namespace tcptools::testing;

TEST_CASE("a forgotten room takes its messages and keys with it, and its name may be used again") {
  const temp_dir dir;
  const std::string path = dir / "h.db";
  {
    const auto file = open_history(path);
    REQUIRE(file->commit(new_room("one")));
    REQUIRE(file->commit(new_room("two", other_epoch)));
    REQUIRE(file->commit(messages("one", 1, 3, "k")));
    REQUIRE(file->commit(messages("two", 1, 1, "k")));
    history_batch again = messages("one", 1, 1);
    again.forgotten = {"one", "never.was"};
    again.rooms = {{"one", "00000000000000aa"}};
    REQUIRE(file->commit(again));
  }
  CHECK(loaded(path) ==
        "two fedcba9876543210 next 2: 1@1000 <alice> text 1;\n"
        "one 00000000000000aa next 2: 1@1000 <alice> text 1;\n"
        "key two k1 1@1000\n");
  CHECK(sql(path, "SELECT count(*) FROM message") == "2");
  CHECK(sql(path, "SELECT count(*) FROM key") == "1");
}

TEST_CASE("pruned messages are gone at once and deleted bit by bit, across restarts") {
  const temp_dir dir;
  const std::string path = dir / "h.db";
  const std::string expected =
      "lobby 0123456789abcdef next 6001: 5999@5999000 <alice> text 5999; "
      "6000@6000000 <alice> text 6000;\n";
  const auto rows = [&] { return std::stoi(sql(path, "SELECT count(*) FROM message")); };
  {
    const auto file = open_history(path);
    REQUIRE(file->commit(new_room("lobby")));
    REQUIRE(file->commit(messages("lobby", 1, 6000)));
    history_batch prune;
    prune.pruned = {{"lobby", 5999}, {"never.was", 3}};
    REQUIRE(file->commit(prune));
    CHECK(loaded(*file) == expected);
    CHECK(rows() == 5000);
    prune.pruned = {{"lobby", 7}};  // back is no direction
    REQUIRE(file->commit(prune));
    CHECK(loaded(*file) == expected);
    CHECK(rows() == 4000);
  }
  {
    const auto file = open_history(path);
    CHECK(loaded(*file) == expected);
    REQUIRE(file->commit(messages("lobby", 6001, 500)));
    CHECK(rows() == 2500);
    while (rows() > 502) {
      const int before = rows();
      REQUIRE(file->commit({}));
      REQUIRE(rows() < before);
    }
    CHECK(rows() == 502);
  }
  // Room was made for what is new.
  const auto size = fs::file_size(path);
  const auto file = open_history(path);
  REQUIRE(file->commit(messages("lobby", 6501, 4000)));
  CHECK(sql(path, "PRAGMA wal_checkpoint").empty() == false);
  CHECK(fs::file_size(path) == size);
}

TEST_CASE("a room of which everything was pruned goes on counting") {
  const temp_dir dir;
  const std::string path = dir / "h.db";
  {
    const auto file = open_history(path);
    REQUIRE(file->commit(new_room("lobby")));
    REQUIRE(file->commit(messages("lobby", 1, 5)));
    history_batch prune;
    prune.pruned = {{"lobby", 1000}};
    REQUIRE(file->commit(prune));
  }
  const auto file = open_history(path);
  CHECK(loaded(*file) == "lobby 0123456789abcdef next 6:\n");
  REQUIRE(file->commit(messages("lobby", 6, 1)));
  CHECK(loaded(*file) == "lobby 0123456789abcdef next 7: 6@6000 <alice> text 6;\n");
}

TEST_CASE("a message may be sent and pruned in one batch") {
  const temp_dir dir;
  const auto file = open_history(dir / "h.db");
  history_batch batch = messages("lobby", 1, 3);
  batch.rooms = {{"lobby", some_epoch}};
  batch.pruned = {{"lobby", 3}};
  REQUIRE(file->commit(batch));
  CHECK(loaded(*file) == "lobby 0123456789abcdef next 4: 3@3000 <alice> text 3;\n");
}

TEST_CASE("keys outlive their messages until they are old") {
  const temp_dir dir;
  const auto file = open_history(dir / "h.db");
  REQUIRE(file->commit(new_room("lobby")));
  REQUIRE(file->commit(messages("lobby", 1, 3, "k")));
  history_batch batch;
  batch.pruned = {{"lobby", 4}};
  batch.keys_from = 2000;
  REQUIRE(file->commit(batch));
  CHECK(loaded(*file) == "lobby 0123456789abcdef next 4:\nkey lobby k2 2@2000\nkey lobby k3 3@3000\n");
}

TEST_CASE("a key that is used again is that of the later message") {
  const temp_dir dir;
  const auto file = open_history(dir / "h.db");
  REQUIRE(file->commit(new_room("lobby")));
  REQUIRE(file->commit(new_room("other")));
  history_batch batch;
  batch.messages = {{"lobby", 1, 10, "a", "x", "k"}, {"lobby", 2, 20, "a", "y", "k"}, {"other", 1, 15, "a", "z", "k"}};
  batch.keys_from = 15;
  REQUIRE(file->commit(batch));
  CHECK(loaded(*file).ends_with("key other k 1@15\nkey lobby k 2@20\n"));
}

TEST_CASE("many old keys are deleted bit by bit, even if all are of one moment") {
  const temp_dir dir;
  const std::string path = dir / "h.db";
  const auto file = open_history(path);
  REQUIRE(file->commit(new_room("lobby")));
  history_batch batch = messages("lobby", 1, 5000, "k");
  const bool at_once = GENERATE(false, true);
  if (at_once) std::ranges::for_each(batch.messages, [](stored_message& one) { one.time = 7; });
  REQUIRE(file->commit(batch));
  history_batch old;
  old.keys_from = 4'990'000;
  const auto rows = [&] { return std::stoi(sql(path, "SELECT count(*) FROM key")); };
  REQUIRE(file->commit(old));
  CHECK(rows() == (at_once ? 0 : 3999));
  for (int more = 0; more < 4; ++more) REQUIRE(file->commit(old));
  CHECK(rows() == (at_once ? 0 : 11));
}
