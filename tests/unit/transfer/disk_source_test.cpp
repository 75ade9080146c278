#include "tcptools/transfer/disk_source.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
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

errc make_fails(source_options options) {
  const auto source = disk_source::make(std::move(options));
  REQUIRE_FALSE(source);
  return source.error().code();
}

}  // namespace

TEST_CASE("a named file becomes its base name") {
  const temp_dir dir;
  const std::string file = dir.write("x/a file.txt", "content");
  REQUIRE(::chmod(file.c_str(), 0640) == 0);
  const std::array<timespec, 2> times{{{1, 2}, {-5, 123'456'789}}};
  REQUIRE(::utimensat(AT_FDCWD, file.c_str(), times.data(), 0) == 0);

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
  CHECK(make_fails({.paths = {a}, .name = "../n", .into = {}, .excludes = {}}) == errc::usage);
  CHECK(make_fails({.paths = {a}, .name = "", .into = {}, .excludes = {}}) == errc::usage);
  CHECK(make_fails({.paths = {a}, .name = {}, .into = "/abs", .excludes = {}}) == errc::usage);
  CHECK(make_fails({.paths = {a}, .name = {}, .into = "/", .excludes = {}}) == errc::usage);
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

TEST_CASE("standard input is a stream with a name") {
  const walked found = walk({.paths = {"-"}, .name = "backup.tar", .into = "in", .excludes = {}});
  CHECK(found.paths() == paths{"in/backup.tar"});
  CHECK(found.items[0].origin == "-");
  CHECK(found.items[0].item.kind == entry_kind::stream);
  CHECK(found.items[0].item.block_log2 == limits::stream_block_log2);
}
