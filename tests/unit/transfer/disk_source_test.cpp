#include "tcptools/transfer/disk_source.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"
#include "tcptools/transfer/limits.hpp"

namespace fs = std::filesystem;
using tcptools::errc;
using tcptools::testing::temp_dir;
using namespace tcptools::transfer;

namespace {

struct walked {
  std::vector<source_item> items;
  std::vector<source_trouble> troubles;

  [[nodiscard]] std::vector<std::string> paths() const {
    std::vector<std::string> all;
    for (const source_item& one : items) all.push_back(one.item.path);
    return all;
  }
  [[nodiscard]] const source_item& at(const std::string& path) const {
    const auto found = std::ranges::find(items, path, [](const source_item& one) { return one.item.path; });
    REQUIRE(found != items.end());
    return *found;
  }
  // The only trouble.
  [[nodiscard]] const source_trouble& trouble() const {
    REQUIRE(troubles.size() == 1);
    return troubles[0];
  }
};

walked walk(source_options options, std::size_t most = 1000) {
  auto source = disk_source::make(std::move(options));
  REQUIRE(source);
  walked all;
  for (;;) {
    source_batch batch = (*source)->next(most);
    CHECK(batch.items.size() + batch.troubles.size() <= most);
    std::ranges::move(batch.items, std::back_inserter(all.items));
    std::ranges::move(batch.troubles, std::back_inserter(all.troubles));
    if (batch.last) return all;
  }
}

walked walk(const std::string& path, links_policy links = links_policy::automatic) {
  return walk({.paths = {path}, .name = {}, .into = {}, .excludes = {}, .links = links});
}

errc make_fails(source_options options) {
  const auto source = disk_source::make(std::move(options));
  REQUIRE_FALSE(source);
  return source.error().code();
}

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

TEST_CASE("a named file becomes its base name") {
  const temp_dir dir;
  const std::string file = dir.write("x/a file.txt", "content");
  REQUIRE(::chmod(file.c_str(), 0640) == 0);
  const timespec times[2] = {{1, 2}, {-5, 123'456'789}};
  REQUIRE(::utimensat(AT_FDCWD, file.c_str(), times, 0) == 0);

  const walked found = walk(file);
  CHECK(found.paths() == paths{"a file.txt"});
  CHECK(found.troubles.empty());
  const source_item& item = found.items[0];
  CHECK(item.origin == file);
  CHECK(item.item.kind == entry_kind::file);
  CHECK(item.item.mode == 0640);
  CHECK(item.item.modified == timestamp{-5, 123'456'789});
  CHECK(item.item.size == 7);
  CHECK(item.item.allocated <= 7);
  CHECK(item.item.block_log2 == choose_block_log2(7));
  CHECK(item.identity.inode != 0);
}

TEST_CASE("a tree comes sorted, depth first, children before their directory") {
  const temp_dir dir;
  for (const char* name :
       {"tree/b", "tree/a/2", "tree/a/1", "tree/a.txt", "tree/Z", "tree/a/deep/er/x", "tree/文/件"}) {
    dir.write(name, name);
  }
  fs::create_directory(dir / "tree/empty");

  const paths expected{"tree/Z",      "tree/a/1", "tree/a/2",   "tree/a/deep/er/x", "tree/a/deep/er",
                       "tree/a/deep", "tree/a",   "tree/a.txt", "tree/b",           "tree/empty",
                       "tree/文/件",  "tree/文",  "tree"};
  for (const std::size_t most : {1U, 2U, 7U, 1000U}) {
    CHECK(walk({.paths = {dir / "tree"}, .name = {}, .into = {}, .excludes = {}}, most).paths() == expected);
  }
  CHECK(walk(dir / "tree/").paths() == expected);
  CHECK(walk(dir / "tree//").paths() == expected);

  const walked found = walk(dir / "tree/");
  CHECK(found.at("tree/a").item.kind == entry_kind::directory);
  CHECK(found.at("tree/a").item.size == 0);
  CHECK(found.at("tree/a").item.block_log2 == 0);
  CHECK(found.at("tree/a/1").origin == dir / "tree/a/1");
}

TEST_CASE("the content of a directory comes without prefix") {
  const temp_dir dir;
  dir.write("tree/a/1", "1");
  dir.write("tree/b", "b");
  const paths expected{"a/1", "a", "b"};
  CHECK(walk(dir / "tree/.").paths() == expected);
  CHECK(walk(dir / "tree/./").paths() == expected);
  CHECK(walk(dir / "tree/a/..").paths() == expected);
  CHECK(walk({.paths = {dir / "tree/."}, .name = {}, .into = "SUB/DIR/", .excludes = {}}).paths() ==
        paths{"SUB/DIR/a/1", "SUB/DIR/a", "SUB/DIR/b"});
  CHECK(walk({.paths = {dir / "tree/."}, .name = "new", .into = {}, .excludes = {}}).paths() ==
        paths{"new/a/1", "new/a", "new/b", "new"});
}

TEST_CASE("a name and a directory change what a path becomes") {
  const temp_dir dir;
  const std::string file = dir.write("a", "a");
  dir.write("tree/b", "b");
  CHECK(walk({.paths = {file}, .name = "x/y.txt", .into = {}, .excludes = {}}).paths() == paths{"x/y.txt"});
  CHECK(walk({.paths = {file, dir / "tree"}, .name = {}, .into = "in", .excludes = {}}).paths() ==
        paths{"in/a", "in/tree/b", "in/tree"});
  CHECK(walk({.paths = {dir / "tree"}, .name = "t", .into = "in/", .excludes = {}}).paths() == paths{"in/t/b", "in/t"});
}

TEST_CASE("options that make no sense are refused") {
  const temp_dir dir;
  const std::string a = dir.write("1/a", "1");
  const std::string b = dir.write("2/a", "2");
  CHECK(make_fails({}) == errc::usage);
  CHECK(make_fails({.paths = {""}, .name = {}, .into = {}, .excludes = {}}) == errc::usage);
  CHECK(make_fails({.paths = {"-"}, .name = {}, .into = {}, .excludes = {}}) == errc::usage);
  CHECK(make_fails({.paths = {a, dir / "1"}, .name = "n", .into = {}, .excludes = {}}) == errc::usage);
  CHECK(make_fails({.paths = {a}, .name = {}, .into = {}, .excludes = {"/"}}) == errc::usage);
  CHECK(make_fails({.paths = {a, b}, .name = {}, .into = {}, .excludes = {}}) == errc::usage);
  CHECK(make_fails({.paths = {a}, .name = "../n", .into = {}, .excludes = {}}) == errc::name_rejected);
  CHECK(make_fails({.paths = {a}, .name = "", .into = {}, .excludes = {}}) == errc::name_rejected);
  CHECK(make_fails({.paths = {a}, .name = {}, .into = "/abs", .excludes = {}}) == errc::name_rejected);
  CHECK(make_fails({.paths = {a}, .name = {}, .into = "/", .excludes = {}}) == errc::name_rejected);
}

TEST_CASE("the same path twice counts once") {
  const temp_dir dir;
  const std::string file = dir.write("a", "a");
  CHECK(walk({.paths = {file, file}, .name = {}, .into = {}, .excludes = {}}).paths() == paths{"a"});
}

TEST_CASE("a path that is not there is a trouble and the others go on") {
  const temp_dir dir;
  const std::string file = dir.write("a", "a");
  const walked found = walk({.paths = {dir / "no\n", file}, .name = {}, .into = {}, .excludes = {}});
  CHECK(found.paths() == paths{"a"});
  CHECK(found.trouble().what.code() == errc::source_missing);
  CHECK(found.trouble().what.text() == "cannot find '" + (dir / "no\\n") + "': No such file or directory");
  CHECK(found.trouble().origin == dir / "no\n");
  CHECK_FALSE(found.trouble().only_a_warning);
  CHECK(walk(dir / "a/").trouble().what.code() == errc::source_missing);
}

TEST_CASE("a name the receiver would not take is a trouble") {
  const temp_dir dir;
  dir.write("tree/ok", "");
  dir.write("tree/bad\xFF/inside", "");
  const walked found = walk(dir / "tree");
  CHECK(found.paths() == paths{"tree/ok", "tree"});
  CHECK(found.trouble().what.code() == errc::name_rejected);
  CHECK(found.trouble().what.text().find("bad\\xFF") != std::string::npos);
  CHECK_FALSE(found.trouble().only_a_warning);

  dir.write(".tcpsend/x", "");
  CHECK(walk(dir / ".tcpsend").trouble().what.code() == errc::name_rejected);
}

TEST_CASE("excludes") {
  const temp_dir dir;
  for (const char* name : {"t/a.o", "t/a.c", "t/build/x", "t/src/build/y", "t/src/b.o", "t/src/keep.c", "t/build.c"}) {
    dir.write(name, "");
  }
  const auto left = [&](std::vector<std::string> excludes, const char* root = "t") {
    return walk({.paths = {dir / root}, .name = {}, .into = "in", .excludes = std::move(excludes)}).paths();
  };
  CHECK(left({"*.o", "build/"}) == paths{"in/t/a.c", "in/t/build.c", "in/t/src/keep.c", "in/t/src", "in/t"});
  CHECK(left({"/build", "src"}) == paths{"in/t/a.c", "in/t/a.o", "in/t/build.c", "in/t"});
  CHECK(left({"/build", "src"}, "t/.") == paths{"in/a.c", "in/a.o", "in/build.c"});
  CHECK(left({"**/build/**", "*.c", "*.o"}) == paths{"in/t/build", "in/t/src/build", "in/t/src", "in/t"});
  CHECK(left({"*"}) == paths{"in/t"});
  CHECK(left({"t"}).size() == 11);  // the root itself is never excluded
}

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

TEST_CASE("standard input is a stream with a name") {
  const walked found = walk({.paths = {"-"}, .name = "backup.tar", .into = "in", .excludes = {}});
  CHECK(found.paths() == paths{"in/backup.tar"});
  CHECK(found.items[0].origin == "-");
  CHECK(found.items[0].item.kind == entry_kind::stream);
  CHECK(found.items[0].item.block_log2 == limits::stream_block_log2);
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
