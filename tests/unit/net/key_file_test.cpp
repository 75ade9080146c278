#include "tcptools/net/key_file.hpp"

#include <sys/stat.h>

#include <string>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

using namespace tcptools;
using namespace tcptools::net;
using tcptools::testing::temp_dir;

namespace {

std::string fresh_line(std::string_view name) { return std::string{as_text(make_key_line(name).value())} + " admin\n"; }

std::string write_keys(const temp_dir& dir, const std::string& text) {
  std::string file = dir.write("keys", text);
  REQUIRE(::chmod(file.c_str(), 0600) == 0);
  return file;
}

result<void> take_any_right(const key_right& /*right*/) { return {}; }
result<void> take_no_right(const key_right& right) { return error{errc::usage, "'" + right.name + "' is not known"}; }

}  // namespace

TEST_CASE("a server's keys are read from their file") {
  const temp_dir dir;
  const auto keys = read_key_file(write_keys(dir, fresh_line("a") + fresh_line("b")), take_any_right);
  REQUIRE(keys);
  CHECK(keys->size() == 2);
}

TEST_CASE("what is wrong with a key file names it") {
  const temp_dir dir;
  const std::string file = write_keys(dir, fresh_line("a"));
  CHECK(read_key_file(file, take_no_right).error().text() == "'" + file + "': line 1: 'admin' is not known");
  REQUIRE(::chmod(file.c_str(), 0644) == 0);
  CHECK(read_key_file(file, take_any_right).error().text() ==
        "'" + file + "' may be read or written by others than its owner; chmod 600 '" + file + "'");
  CHECK(read_own_key(file).error().code() == errc::usage);
}

TEST_CASE("a client's key is the only one in its file, whatever it entitles to") {
  const temp_dir dir;
  const auto own = read_own_key(write_keys(dir, fresh_line("a")));
  REQUIRE(own);
  CHECK(own->name == "a");
  const std::string file = write_keys(dir, fresh_line("a") + fresh_line("b"));
  CHECK(read_own_key(file).error().text() == "'" + file + "' holds 2 keys; a client's key file holds its own alone");
}

TEST_CASE("a key where the name of its file belongs is not shown") {
  const std::string line = fresh_line("a");
  const std::string value = line.substr(2, line.find(' ') - 2);
  for (const std::string& given : {line, line + fresh_line("b"), "a:" + value, value}) {
    const std::string said = read_own_key(given).error().text();
    CHECK(said.find(value.substr(0, 8)) == std::string::npos);
    CHECK(said.find("the name of a file") != std::string::npos);
  }
  CHECK(read_own_key("no/such/file").error().text() == "'no/such/file' cannot be read: No such file or directory");
}
