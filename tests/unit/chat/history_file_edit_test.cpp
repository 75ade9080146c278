// Histories that somebody edited with SQL.
#include <string>

#include "history_rig.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"
#include "tcptools/chat/history_file.hpp"

using namespace tcptools::chat;
using namespace tcptools::testing;
using tcptools::errc;

namespace {

// A copy of a history is changed by SQL; gives what open() or load() says about it.
std::string edited(const std::string& statements) {
  const temp_dir dir;
  const std::string path = dir / "h.db";
  make_some(path);
  sql(path, statements);
  sql(path, "PRAGMA wal_checkpoint(TRUNCATE)");
  const auto before = snapshot(dir);
  const auto file = history_file::open(path);
  if (!file) {
    CHECK(snapshot(dir) == before);
    return file.error().text();
  }
  const auto contents = (*file)->load();
  if (contents) return "fine";
  CHECK(contents.error().code() == errc::storage_failed);
  const std::string start = "cannot use the chat history '" + path + "': ";
  CHECK(contents.error().text().starts_with(start));
  return contents.error().text().substr(start.size());
}

}  // namespace

TEST_CASE("a history with more or less in it than ours is refused") {
  for (const char* const statements :
       {"CREATE TABLE more(x)", "CREATE INDEX more ON message(time)", "CREATE VIEW more AS SELECT 1",
        "CREATE TRIGGER more AFTER INSERT ON message BEGIN DELETE FROM key; END"}) {
    CAPTURE(statements);
    const std::string text = edited(statements);
    CHECK(text.starts_with("the chat history '"));
    CHECK(text.ends_with("is damaged ('more' in it is not a history's): put a copy in its place"));
  }
  CHECK(edited("DROP TABLE key").find("is damaged (tables are missing)") != std::string::npos);
  CHECK(edited("DROP INDEX key_by_time").find("is damaged (tables are missing)") != std::string::npos);
  CHECK(edited("ALTER TABLE room ADD COLUMN x TEXT").find("is damaged ('room' in it") != std::string::npos);
  CHECK(edited("ANALYZE") == "fine");
  CHECK(edited("VACUUM") == "fine");
  CHECK(edited("PRAGMA journal_mode = DELETE") == "fine");
}

TEST_CASE("what was edited into nonsense is refused, and says in which room") {
  const auto room = [](const std::string& set) {
    return edited("UPDATE room SET " + set + ", sum = NULL WHERE name = 'other'");
  };
  CHECK(room("name = 'Other'") == "room 'Other': no room may have this name");
  CHECK(room("name = ''") == "room '': no room may have this name");
  CHECK(room("name = 'a' || char(10)") == "room 'a\\n': no room may have this name");
  CHECK(room("epoch = upper(epoch)") == "room 'other': its epoch is not 16 hexadecimal digits in small letters");
  CHECK(room("epoch = 'x'") == "room 'other': its epoch is not 16 hexadecimal digits in small letters");
  CHECK(room("oldest = 0") == "room 'other': its numbers do not go together");
  CHECK(room("oldest = 5") == "room 'other': its numbers do not go together");
  CHECK(room("oldest = -1, next = -1") == "room 'other': its numbers do not go together");
  CHECK(room("oldest = 1 << 60, next = 1 << 60") == "room 'other': its numbers do not go together");
  CHECK(room("next = 5") == "room 'other': message 4 is missing");
  CHECK(room("next = 3") == "room 'other': message 3 was never sent");
  CHECK(edited("UPDATE room SET next = 5 WHERE name = 'other'") == "room 'other': its checksum is wrong");

  const auto message = [](const std::string& set) {
    return edited("UPDATE message SET " + set + ", sum = NULL WHERE room = 2 AND id = 2");
  };
  CHECK(message("id = 7") == "room 'other': message 2 is missing");
  CHECK(message("id = -7") == "room 'other': message 18446744073709551609 was never sent");
  CHECK(message("text = ''") == "room 'other': message 2 has a text that is not allowed");
  CHECK(message("text = 'a' || char(10)") == "room 'other': message 2 has a text that is not allowed");
  CHECK(message("text = CAST(x'ff' AS TEXT)") == "room 'other': message 2 has a text that is not allowed");
  CHECK(message("text = hex(zeroblob(8193))") == "room 'other': message 2 has a text that is not allowed");
  CHECK(message("sender = 'a b'") == "room 'other': message 2 has a sender that nobody can be");
  CHECK(edited("UPDATE message SET text = 'y' WHERE room = 2 AND id = 2") ==
        "room 'other': message 2 has a wrong checksum");
  CHECK(edited("DELETE FROM message WHERE room = 2 AND id = 3") == "room 'other': message 3 is missing");
  CHECK(edited("DELETE FROM message WHERE room = 2 AND id = 1") == "room 'other': message 1 is missing");

  CHECK(edited("DELETE FROM room WHERE id = 2") == "there are messages that belong to no room");
  CHECK(edited("DELETE FROM room WHERE id = 2; DELETE FROM message WHERE room = 2") ==
        "there are keys that belong to no room");
  CHECK(edited("UPDATE key SET id = 9, sum = NULL WHERE room = 2 AND id = 2") ==
        "room 'other': the key 'k2' is not as it was");
  CHECK(edited("UPDATE key SET time = 9 WHERE room = 2 AND id = 2") == "room 'other': the key 'k2' is not as it was");
  CHECK(edited("UPDATE key SET key = '', sum = NULL WHERE room = 2 AND id = 2") ==
        "room 'other': the key '' is not as it was");
}

TEST_CASE("what was edited with care is taken") {
  const temp_dir dir;
  const std::string path = dir / "h.db";
  make_some(path);
  sql(path,
      "PRAGMA foreign_keys = ON; DELETE FROM room WHERE name = 'other';"
      "UPDATE message SET text = '[removed]', sum = NULL WHERE room = 1 AND id = 6;"
      "UPDATE room SET oldest = 6, sum = NULL WHERE id = 1; DELETE FROM key WHERE id < 6");
  const auto file = open_history(path);
  CHECK(loaded(*file) == "lobby 0123456789abcdef next 7: 6@6000 <alice> [removed];\nkey lobby k6 6@6000\n");
  REQUIRE(file->commit(messages("lobby", 7, 1)));
  CHECK(sql(path, "SELECT count(*) FROM message") == "2");
  CHECK(sql(path, "SELECT count(*) FROM room WHERE sum IS NULL") == "0");
}
