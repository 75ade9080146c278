// What others do with a history that is in use.
#include <filesystem>
#include <string>

#include "history_rig.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"
#include "tcptools/base/unique_fd.hpp"
#include "tcptools/chat/history_file.hpp"

namespace fs = std::filesystem;
using namespace tcptools::chat;
using namespace tcptools::testing;
using tcptools::errc;
using tcptools::result;

TEST_CASE("somebody may read the database while it is in use, and stay beyond a restart") {
  const temp_dir dir;
  const std::string path = dir / "h.db";
  auto file = open_history(path);
  REQUIRE(file->commit(new_room("lobby")));
  const sqlite_user user{path};
  user("BEGIN");
  CHECK(user("SELECT count(*) FROM message") == "0");
  REQUIRE(file->commit(messages("lobby", 1, 1)));
  CHECK(user("SELECT count(*) FROM message") == "0");
  file.reset();
  file = open_history(path);
  CHECK(loaded(*file) == "lobby 0123456789abcdef next 2: 1@1000 <alice> text 1;\n");
  REQUIRE(file->commit(messages("lobby", 2, 1)));
  user("COMMIT");
  CHECK(user("SELECT count(*) FROM message") == "2");
  file.reset();
  CHECK(file_size(path + "-wal") == 0);
}

TEST_CASE("nothing is acknowledged that went to a file which is no longer there") {
  const temp_dir dir;
  const std::string path = dir / "h.db";
  const auto file = open_history(path);
  REQUIRE(file->commit(new_room("lobby")));
  fs::rename(path, dir / "old.db");
  if (GENERATE(false, true)) dir.write("h.db", "something else");
  const result<void> done = file->commit(messages("lobby", 1, 1));
  REQUIRE_FALSE(done);
  CHECK(done.error().code() == errc::storage_failed);
  CHECK(done.error().text() == "cannot write '" + path + "': it was removed or replaced, which needs a restart");
}
