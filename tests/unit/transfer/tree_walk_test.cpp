#include "tcptools/transfer/tree_walk.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "disk_source_walks.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"
#include "tcptools/transfer/limits.hpp"

namespace fs = std::filesystem;
using namespace tcptools::transfer;
using tcptools::errc;
using tcptools::testing::temp_dir;
using tcptools::testing::walk;
using tcptools::testing::walked;

namespace {

using paths = std::vector<std::string>;

void make_socket(const std::string& path) {
  const tcptools::unique_fd listener{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  REQUIRE(path.size() < sizeof address.sun_path);
  std::memcpy(address.sun_path, path.c_str(), path.size());
  REQUIRE(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
}

}  // namespace

TEST_CASE("links are followed where they are named and skipped inside trees") {
  const temp_dir dir;
  dir.write("real/file", "content");
  fs::create_directory(dir / "tree");
  fs::create_symlink("../real/file", dir / "tree/file");
  fs::create_symlink("../real", dir / "tree/sub");

  CHECK(walk(dir / "tree/file").at("file").item.size == 7);
  CHECK(walk(dir / "tree/sub").paths() == paths{"sub/file", "sub"});
  const walked found = walk(dir / "tree");
  CHECK(found.paths() == paths{"tree"});
  REQUIRE(found.troubles.size() == 2);
  CHECK(found.troubles[0].only_a_warning);
  CHECK(found.troubles[0].what.text() == "'" + (dir / "tree/file") + "' is a symbolic link and was skipped");
}

TEST_CASE("links can be skipped, followed or kept wherever they are") {
  const temp_dir dir;
  dir.write("real/file", "content");
  fs::create_directory(dir / "tree");
  fs::create_symlink("../real/file", dir / "tree/file");
  fs::create_symlink("../real", dir / "tree/sub");

  CHECK(walk(dir / "tree/file", links_policy::skip).trouble().only_a_warning);
  CHECK(walk(dir / "tree", links_policy::skip).troubles.size() == 2);

  const walked followed = walk(dir / "tree", links_policy::follow);
  CHECK(followed.paths() == paths{"tree/file", "tree/sub/file", "tree/sub", "tree"});
  CHECK(followed.at("tree/file").item.size == 7);

  const walked kept = walk(dir / "tree", links_policy::keep);
  CHECK(kept.paths() == paths{"tree/file", "tree/sub", "tree"});
  CHECK(kept.at("tree/sub").item.kind == entry_kind::symlink);
  CHECK(kept.at("tree/sub").item.target == "../real");
  CHECK(kept.at("tree/sub").item.size == 0);
  CHECK(kept.at("tree/sub").item.block_log2 == 0);
  CHECK(walk(dir / "tree/file", links_policy::keep).at("file").item.target == "../real/file");
}

TEST_CASE("links that lead nowhere, around, or to what is not text") {
  const temp_dir dir;
  fs::create_directory(dir / "tree");
  fs::create_symlink("nothing", dir / "tree/dangling");
  CHECK(walk(dir / "tree/dangling").trouble().what.code() == errc::source_missing);
  CHECK(walk(dir / "tree", links_policy::follow).trouble().what.code() == errc::source_missing);
  CHECK_FALSE(walk(dir / "tree", links_policy::follow).trouble().only_a_warning);
  CHECK(walk(dir / "tree", links_policy::keep).at("tree/dangling").item.target == "nothing");
  fs::remove(dir / "tree/dangling");

  fs::create_directory(dir / "tree/sub");
  fs::create_symlink("..", dir / "tree/sub/up");
  const walked around = walk(dir / "tree", links_policy::follow);
  CHECK(around.paths() == paths{"tree/sub", "tree"});
  CHECK(around.trouble().only_a_warning);
  fs::remove(dir / "tree/sub/up");

  fs::create_symlink("self", dir / "tree/self");
  CHECK(walk(dir / "tree", links_policy::follow).trouble().what.code() == errc::source_unreadable);
  fs::remove(dir / "tree/self");

  fs::create_symlink("\xFF", dir / "tree/bytes");
  CHECK(walk(dir / "tree", links_policy::keep).trouble().what.code() == errc::name_rejected);
}

TEST_CASE("special files are skipped inside trees") {
  const temp_dir dir;
  fs::create_directory(dir / "t");
  REQUIRE(::mkfifo((dir / "t/fifo").c_str(), 0600) == 0);
  make_socket(dir / "t/socket");
  const walked found = walk(dir / "t");
  CHECK(found.paths() == paths{"t"});
  REQUIRE(found.troubles.size() == 2);
  CHECK(found.troubles[0].only_a_warning);
  CHECK(found.troubles[0].what.text() == "'" + (dir / "t/fifo") + "' is a special file and was skipped");
}

TEST_CASE("named fifos and devices are streams") {
  const temp_dir dir;
  REQUIRE(::mkfifo((dir / "fifo").c_str(), 0600) == 0);
  const walked found = walk(dir / "fifo");
  CHECK(found.paths() == paths{"fifo"});
  CHECK(found.items[0].item.kind == entry_kind::stream);
  CHECK(found.items[0].item.size == unknown_size);
  CHECK(found.items[0].item.allocated == 0);
  CHECK(found.items[0].item.block_log2 == limits::stream_block_log2);
  CHECK(found.items[0].item.modified.seconds > 1'500'000'000);
  CHECK(walk({.paths = {"/dev/null"}, .name = "n", .into = {}, .excludes = {}}).at("n").item.kind ==
        entry_kind::stream);

  make_socket(dir / "socket");
  CHECK(walk(dir / "socket").trouble().what.code() == errc::source_unreadable);
  CHECK_FALSE(walk(dir / "socket").trouble().only_a_warning);
}

TEST_CASE("a file is too large when it has too many blocks") {
  const temp_dir dir;
  const std::string file = dir.write("large", "");
  if (::truncate(file.c_str(), (off_t{1} << 44) + 1) != 0) return;  // the file system has smaller limits
  CHECK(walk(file).trouble().what.code() == errc::too_large);
  REQUIRE(::truncate(file.c_str(), off_t{1} << 44) == 0);
  CHECK(walk(file).at("large").item.block_log2 == limits::largest_block_log2);
}

TEST_CASE("what vanishes during the walk is a warning") {
  const temp_dir dir;
  dir.write("t/a", "");
  dir.write("t/b", "");
  auto source = disk_source::make({.paths = {dir / "t"}, .name = {}, .into = {}, .excludes = {}});
  REQUIRE(source);
  CHECK((*source)->next(2).items.size() == 1);  // t is entered, then t/a
  fs::remove(dir / "t/b");
  const source_batch rest = (*source)->next(10);
  REQUIRE(rest.troubles.size() == 1);
  CHECK(rest.troubles[0].only_a_warning);
  CHECK(rest.troubles[0].what.code() == errc::source_missing);
  CHECK(rest.last);
}

TEST_CASE("a directory that was entered cannot be swapped for another") {
  const temp_dir dir;
  dir.write("t/x", "inside");
  dir.write("secret/x", "not to be sent");
  auto source = disk_source::make({.paths = {dir / "t"}, .name = {}, .into = {}, .excludes = {}});
  REQUIRE(source);
  CHECK((*source)->next(1).items.empty());  // t is entered
  fs::rename(dir / "t", dir / "moved");
  fs::create_directory_symlink(dir / "secret", dir / "t");
  const source_batch rest = (*source)->next(100);
  REQUIRE(rest.items.size() == 2);
  CHECK(rest.items[0].item.size == 6);
  const auto opened = (*source)->open(rest.items[0]);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code() == errc::source_changed);
}

TEST_CASE("a directory with many names and a deep one") {
  const temp_dir dir;
  for (int i = 0; i < 2000; ++i) dir.write("many/" + std::to_string(i), "");
  CHECK(walk(dir / "many").items.size() == 2001);

  std::string deep = "deep";
  for (int i = 0; i < 100; ++i) deep += "/d";
  dir.write(deep + "/x", "");
  CHECK(walk(dir / "deep").items.size() == 102);
}
