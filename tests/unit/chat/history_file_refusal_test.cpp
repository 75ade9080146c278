// Files that are no histories, or none of ours: refused with one line and left as they are.
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "history_rig.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"
#include "tcptools/chat/history_file.hpp"

namespace fs = std::filesystem;
using namespace tcptools::chat;
using namespace tcptools::testing;
using tcptools::errc;

namespace {

void as_nobody(const temp_dir& dir, auto function) {
  if (::geteuid() == 0) {
    for (const auto& one : fs::directory_iterator{dir.path()})
      must(::chown(one.path().c_str(), 65534, 65534) == 0, "cannot be given away");
    must(::chown(dir.path().c_str(), 65534, 65534) == 0, "cannot be given away");
  }
  in_child([&] {
    if (::geteuid() == 0) must(::setgid(65534) == 0 && ::setuid(65534) == 0, "cannot be nobody");
    function();
  });
}

}  // namespace

TEST_CASE("what is not a history is refused and left as it is") {
  const temp_dir dir;
  const std::string path = dir / "h.db";
  const std::string start = "'" + path + "' is not a chat history: ";

  dir.write("h.db", "");
  CHECK(refused(dir, path) == start + "it is empty; remove it to begin a new one");
  for (const std::string& text : {std::string{"x"}, std::string{"SQLite format 3"}, std::string(5000, '\0'),
                                  "SQLite format 3" + std::string(60, '\0')}) {
    dir.write("h.db", text);
    CHECK(refused(dir, path) == start + "it is no SQLite database");
  }

  fs::remove(path);
  sql(path, "CREATE TABLE t(x)");
  CHECK(refused(dir, path) == start + "it is another program's database");
  sql(path, "PRAGMA application_id = 7");
  CHECK(refused(dir, path) == start + "it is another program's database");

  fs::remove(path);
  fs::create_directory(path);
  CHECK(refused(dir, path) == start + "it is a directory");
  CHECK(refused(dir, path + "/") == "'" + path + "/' is not a chat history: it is a directory");
  fs::remove(path);
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  CHECK(refused(dir, path) == start + "it is not a file");
  CHECK(refused(dir, "/dev/null") == "'/dev/null' is not a chat history: it is not a file");
}

TEST_CASE("another program's database that is in use is left alone with its log") {
  const temp_dir dir;
  const std::string path = dir / "h.db";
  const sqlite_user user{path};
  user("PRAGMA journal_mode = WAL; CREATE TABLE t(x); INSERT INTO t VALUES(1)");
  CHECK(refused(dir, path).ends_with("it is another program's database"));
  CHECK(user("SELECT x FROM t") == "1");
}

TEST_CASE("paths that cannot be a history's are refused") {
  const temp_dir dir;
  fs::create_symlink("nowhere", dir / "link");
  fs::create_symlink("loop", dir / "loop");
  dir.write("file", "x");
  CHECK(refused(dir, "", errc::usage) == "'' does not name a file");
  CHECK(refused(dir, dir / "no/", errc::usage) == "'" + dir / "no/" + "' does not name a file");
  CHECK(refused(dir, dir / "no/h.db", errc::usage) == "there is no directory '" + dir / "no" + "'");
  CHECK(refused(dir, dir / "link", errc::usage) == "'" + dir / "link" + "' is a link that leads nowhere");
  CHECK(refused(dir, dir / "file/h.db") == "cannot open '" + dir / "file/h.db" + "': Not a directory");
  CHECK(refusal(dir, dir / "loop").text().starts_with("cannot open"));
  const std::string deep = dir / std::string(200, 'd');
  fs::create_directory(deep);
  fs::create_directory(deep + "/" + std::string(200, 'e'));
  const std::string path = deep + "/" + std::string(200, 'e') + "/" + std::string(100, 'f');
  CHECK(refused(dir, path, errc::usage).ends_with("is too long a path for a database"));
  CHECK(refused(dir, dir / std::string(300, 'f'), errc::name_rejected).ends_with("File name too long"));
}

TEST_CASE("what may not be read or written is refused") {
  const temp_dir dir;
  const std::string path = dir / "h.db";
  make_some(path);
  const mode_t mode = GENERATE(0400U, 0200U, 0000U);
  REQUIRE(::chmod(path.c_str(), mode) == 0);
  as_nobody(dir, [&] {
    const auto file = history_file::open(path);
    must(!file && file.error().code() == errc::storage_read_only, "it is opened");
    must(file.error().text() == "cannot open '" + path + "': Permission denied", file.error().text());
  });
  CHECK(snapshot(dir).size() == 1);

  REQUIRE(::chmod(path.c_str(), 0600) == 0);
  REQUIRE(::chmod(dir.path().c_str(), 0500) == 0);
  as_nobody(dir, [&] {
    for (const std::string& one : {path, dir / "new.db"}) {
      const auto file = history_file::open(one);
      must(!file && file.error().code() == errc::storage_read_only, "it is opened");
      must(file.error().text() == "cannot make '" + one + ".lock': Permission denied", file.error().text());
    }
  });
  REQUIRE(::chmod(dir.path().c_str(), 0700) == 0);
  CHECK(snapshot(dir).size() == 1);
}

TEST_CASE("a history of a later version is refused") {
  const temp_dir dir;
  const std::string path = dir / "h.db";
  make_some(path);
  sql(path, "PRAGMA user_version = 2; PRAGMA wal_checkpoint(TRUNCATE)");
  CHECK(refused(dir, path, errc::version_unsupported) ==
        "the chat history '" + path + "' is of version 2, this program knows version 1: update it");
}

TEST_CASE("a change that another program did not finish is not finished in passing") {
  const temp_dir dir;
  const std::string path = dir / "h.db";
  make_some(path);
  dir.write("h.db-journal", std::string(600, '\x01'));
  CHECK(refused(dir, path) == "another program left a change of '" + path + "' unfinished ('" + path +
                                  "-journal'): open it with sqlite3 once");
}
