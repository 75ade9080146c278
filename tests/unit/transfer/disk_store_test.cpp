#include "tcptools/transfer/disk_store.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "disk_store_rig.hpp"
#include "support/catch.hpp"
#include "tcptools/transfer/limits.hpp"

namespace fs = std::filesystem;
using namespace tcptools::testing;
using namespace tcptools::transfer;
using tcptools::as_bytes;
using tcptools::byte_buffer;
using tcptools::errc;
using tcptools::result;
using tcptools::unique_fd;

TEST_CASE("a store opens on a directory that can be written, and nowhere else") {
  const temp_dir dir;
  dir.write("file", "");
  for (const std::string& path : {dir / "missing", dir / "file", std::string{"/proc"}}) {
    CAPTURE(path);
    CHECK(failed_with(disk_store::open(path, quick_options()), errc::usage));
  }
  REQUIRE(disk_store::open(dir.path(), quick_options()));
  CHECK((fs::status(dir / ".tcpsend").permissions() & fs::perms::mask) == fs::perms::owner_all);
  CHECK(disk_store::open(dir.path(), quick_options()));
}

TEST_CASE("a store does not open where .tcpsend is no directory of its own") {
  const temp_dir dir;
  fs::create_directory(dir / "in");
  fs::create_directory(dir / "outside");
  fs::create_directory(dir / "in/other");
  const std::string place = dir / "in/.tcpsend";
  SECTION("a link out") { fs::create_directory_symlink(dir / "outside", place); }
  SECTION("a link within") { fs::create_directory_symlink("other", place); }
  SECTION("a dangling link") { fs::create_symlink("../new", place); }
  SECTION("a file") { dir.write("in/.tcpsend", ""); }
  CHECK(failed_with(disk_store::open(dir / "in", quick_options()), errc::usage));
  CHECK(fs::is_empty(dir / "outside"));
  CHECK_FALSE(fs::exists(dir / "new"));
}

TEST_CASE("a small file gets its content, mode and time") {
  for (const bool fsync : {false, true}) {
    store_options options = quick_options();
    options.fsync = fsync;
    const store_rig rig{options};
    CHECK(is_new(rig.put("f", "content"), "f"));
    CHECK(rig.read("f") == "content");
    CHECK(rig.mode("f") == 0640);
    CHECK(rig.modified("f") == timestamp{1'700'000'000, 5});

    CHECK(is_new(rig.put("a/b/c/f", "deep"), "a/b/c/f"));
    CHECK(rig.read("a/b/c/f") == "deep");
    CHECK(is_new(rig.put("a/empty", ""), "a/empty"));
    CHECK(rig.read("a/empty").empty());
    CHECK(rig.unfinished() == 0);
  }
}

TEST_CASE("only permission bits are taken over") {
  const store_rig rig;
  entry item = file_entry("f", 1);
  for (const unsigned mode : {0U, 0400U, 0777U, 04755U, 02755U, 01755U, 06777U, 0177777U}) {
    CAPTURE(mode);
    item.mode = static_cast<std::uint16_t>(mode);
    REQUIRE(rig.put(item, as_bytes("x")));
    CHECK(rig.mode("f") == (mode & 0777U));
    fs::remove(rig / "f");
  }
}

TEST_CASE("the times of files reach far") {
  const store_rig rig;
  for (const timestamp time : {timestamp{0, 0}, timestamp{-1, 999'999'999}, timestamp{-1'000'000'000, 1},
                               timestamp{4'000'000'000, 123'456'789}}) {
    entry item = file_entry("f", 1);
    item.modified = time;
    REQUIRE(rig.put(item, as_bytes("x")));
    CHECK(rig.modified("f") == time);
  }
}

TEST_CASE("the answers come in the order of the files") {
  const store_rig rig;
  rig.write("taken/x", "");
  std::vector<entry> items;
  std::vector<std::string> contents;
  for (int i = 0; i < 150; ++i) {
    const std::string number = std::to_string(i);
    contents.push_back("content of " + number);
    items.push_back(
        file_entry(i % 50 == 20 ? "taken" : "dir" + std::to_string(i % 7) + "/" + number, contents.back().size()));
  }
  std::vector<small_file> files;
  for (std::size_t i = 0; i < items.size(); ++i) {
    files.push_back({&items[i], as_bytes(contents[i]), digest_of(as_bytes(contents[i]))});
    if (i % 50 == 40) files.back().content_digest.bytes[0] ^= std::byte{1};
  }
  const std::vector<result<placed>> outcomes = rig.store->put(files);
  REQUIRE(outcomes.size() == items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    CAPTURE(i);
    if (i % 50 == 20) {
      CHECK(failed_with(outcomes[i], errc::conflict));
    } else if (i % 50 == 40) {
      CHECK(failed_with(outcomes[i], errc::verify_failed));
      CHECK_FALSE(rig.exists(items[i].path));
    } else {
      CHECK(is_new(outcomes[i], items[i].path));
      CHECK(rig.read(items[i].path) == contents[i]);
    }
  }
  CHECK(rig.unfinished() == 0);
}

TEST_CASE("of two files of one name in one batch the later one stays") {
  const store_rig rig;
  const entry item = file_entry("f", 1);
  const std::vector<small_file> files{{&item, as_bytes("a"), digest_of(as_bytes("a"))},
                                      {&item, as_bytes("b"), digest_of(as_bytes("b"))}};
  for (const result<placed>& outcome : rig.store->put(files)) CHECK(is_new(outcome, "f"));
  CHECK(rig.read("f") == "b");
}

TEST_CASE("an identical file stays and gets mode and time") {
  const store_rig rig;
  REQUIRE(rig.put("f", "content"));
  const ino_t before = rig.status("f").st_ino;
  REQUIRE(::chmod((rig / "f").c_str(), 04700) == 0);
  entry item = file_entry("f", 7);
  item.modified = {1'000, 9};
  bool by_digest = false;
  SECTION("found by its content") { CHECK(is_unchanged(rig.put(item, as_bytes("content")), "f")); }
  SECTION("found by its digest") { by_digest = true; }
  if (by_digest) {
    const auto found = look_up(*rig.store, item, digest_of(as_bytes("content")));
    REQUIRE(found);
    REQUIRE(*found);
    CHECK((*found)->unchanged);
    CHECK((*found)->path == "f");
  }
  CHECK(rig.status("f").st_ino == before);
  CHECK(rig.mode("f") == 0640);
  CHECK(rig.modified("f") == timestamp{1'000, 9});
}

TEST_CASE("only an identical file is found") {
  const store_rig rig;
  REQUIRE(rig.put("f", "content"));
  const auto is_found = [&rig](const char* path, std::string_view content) {
    const auto found = look_up(*rig.store, file_entry(path, content.size()), digest_of(as_bytes(content)));
    REQUIRE(found);
    return found->has_value();
  };
  CHECK(is_found("f", "content"));
  CHECK_FALSE(is_found("f", "Content"));
  CHECK_FALSE(is_found("f", "content "));
  CHECK_FALSE(is_found("g", "content"));
  CHECK_FALSE(is_found("d/f", "content"));
  fs::create_symlink("f", rig / "link");
  CHECK_FALSE(is_found("link", "content"));
  CHECK(rig.modified("f") == timestamp{1'700'000'000, 5});
  fs::create_directory(rig / "dir");
  CHECK(failed_with(look_up(*rig.store, file_entry("dir", 1), digest{}), errc::conflict));
}

TEST_CASE("what is in the way of a file") {
  const store_rig rig;
  rig.write("outside", "not to be touched");
  SECTION("a link is replaced, and what it leads to is left alone") {
    fs::create_symlink("outside", rig / "f");
    CHECK(is_new(rig.put("f", "content"), "f"));
    CHECK_FALSE(fs::is_symlink(rig / "f"));
    CHECK(rig.read("outside") == "not to be touched");
  }
  SECTION("a fifo is replaced, without waiting for a writer") {
    REQUIRE(::mkfifo((rig / "f").c_str(), 0600) == 0);
    CHECK(is_new(rig.put("f", "content"), "f"));
  }
  SECTION("a directory is not") {
    fs::create_directory(rig / "f");
    CHECK(failed_with(rig.put("f", "content"), errc::conflict));
    CHECK(failed_with(rig.store->open(file_entry("f", 100'000)), errc::conflict));
    CHECK(failed_with(rig.store->open(stream_entry("f")), errc::conflict));
    CHECK(failed_with(rig.store->make_symlink(link_entry("f", "x")), errc::conflict));
  }
  SECTION("nor is a file where a directory should be") {
    CHECK(failed_with(rig.put("outside/f", "content"), errc::conflict));
    CHECK(failed_with(rig.store->make_directory(directory_entry("outside")), errc::conflict));
    CHECK(failed_with(rig.store->make_directory(directory_entry("outside/d")), errc::conflict));
    CHECK(failed_with(rig.store->make_symlink(link_entry("outside/l", "x")), errc::conflict));
    CHECK(failed_with(rig.store->open(file_entry("outside/f", 100'000)), errc::conflict));
    CHECK(failed_with(look_up(*rig.store, file_entry("outside/f", 1), digest{}), errc::conflict));
    CHECK(rig.read("outside") == "not to be touched");
  }
  CHECK(rig.unfinished() == 0);
}

TEST_CASE("no way leads out of the directory") {
  for (const resolution how : {resolution::automatic, resolution::stepwise}) {
    store_options options = quick_options();
    options.paths = how;
    const store_rig rig{options};
    fs::create_directory(rig.dir / "outside");
    fs::create_directory_symlink(rig.dir / "outside", rig / "absolute");
    fs::create_directory_symlink("../outside", rig / "relative");
    for (const std::string above : {"absolute", "relative"}) {
      CAPTURE(above);
      CHECK_FALSE(rig.put(above + "/f", "content"));
      CHECK_FALSE(rig.put(above + "/new/f", "content"));
      CHECK_FALSE(look_up(*rig.store, file_entry(above + "/f", 1), digest{}));
      CHECK_FALSE(rig.store->make_directory(directory_entry(above + "/d")));
      CHECK_FALSE(rig.store->make_directory(directory_entry(above)));
      CHECK_FALSE(rig.store->make_symlink(link_entry(above + "/l", "x")));
      CHECK_FALSE(rig.store->open(file_entry(above + "/f", 100'000)));
      CHECK_FALSE(rig.store->open(stream_entry(above + "/s")));
    }
    CHECK(fs::is_empty(rig.dir / "outside"));
    CHECK(rig.unfinished() == 0);
  }
}

TEST_CASE("a way that is turned out of the directory during a transfer ends it") {
  const store_rig rig;
  fs::create_directory(rig.dir / "outside");
  const byte_buffer content = noise(100'000, 1);
  const auto file = rig.open(file_entry("d/f", content.size()));
  const auto stream = rig.open(stream_entry("d/s"));
  REQUIRE(stream->write(0, block_of(content, 1), digest_of(block_of(content, 1))));
  fs::create_directory_symlink("../outside", rig / "d");
  CHECK_FALSE(complete(*file, file_entry("d/f", content.size()), content).outcome);
  CHECK_FALSE(stream->commit(block_of(content, 1).size()));
  CHECK(fs::is_empty(rig.dir / "outside"));
}

TEST_CASE("directories are made with mode and time, or get them") {
  for (const bool fsync : {false, true}) {
    store_options options = quick_options();
    options.fsync = fsync;
    const store_rig rig{options};
    CHECK(is_new(rig.store->make_directory(directory_entry("a/b/c")), "a/b/c"));
    CHECK(rig.mode("a/b/c") == 0750);
    CHECK(rig.modified("a/b/c") == timestamp{1'600'000'000, 7});
    REQUIRE(rig.put("a/f", "content"));
    entry item = directory_entry("a");
    item.mode = 06700;
    CHECK(is_unchanged(rig.store->make_directory(item), "a"));
    CHECK(rig.mode("a") == 0700);
    CHECK(rig.modified("a") == timestamp{1'600'000'000, 7});
    CHECK(rig.read("a/f") == "content");
  }
}

TEST_CASE("links are made as they are, wherever they lead") {
  for (const bool fsync : {false, true}) {
    store_options options = quick_options();
    options.fsync = fsync;
    const store_rig rig{options};
    for (const std::string& target : {std::string{"nothing"}, std::string{"../../up"}, std::string{"/etc/passwd"},
                                      std::string{"d"}, std::string(limits::link_target, 't')}) {
      CHECK(is_new(rig.store->make_symlink(link_entry("d/link", target)), "d/link"));
      CHECK(fs::read_symlink(rig / "d/link").string() == target);
      CHECK(rig.modified("d/link") == timestamp{1'600'000'000, 7});
    }
    CHECK(rig.unfinished() == 0);
  }
}

TEST_CASE("a link that is there already gets its time") {
  const store_rig rig;
  REQUIRE(rig.store->make_symlink(link_entry("link", "target")));
  const ino_t before = rig.status("link").st_ino;
  entry item = link_entry("link", "target");
  item.modified = {1'000, 9};
  CHECK(is_unchanged(rig.store->make_symlink(item), "link"));
  CHECK(rig.status("link").st_ino == before);
  CHECK(rig.modified("link") == timestamp{1'000, 9});
}

TEST_CASE("a link takes the place of a file and of another link") {
  const store_rig rig;
  rig.write("f", "content");
  CHECK(is_new(rig.store->make_symlink(link_entry("f", "one")), "f"));
  CHECK(is_new(rig.store->make_symlink(link_entry("f", "one and more")), "f"));
  CHECK(fs::read_symlink(rig / "f") == "one and more");
  CHECK(is_new(rig.put("f", "content"), "f"));
  CHECK(rig.read("f") == "content");
}

TEST_CASE("what is larger than allowed is refused") {
  store_options options = quick_options();
  options.max_file_size = 200'000;
  const store_rig rig{options};
  CHECK(rig.store->largest_file() == 200'000);
  CHECK(failed_with(rig.store->open(file_entry("f", 200'001)), errc::too_large));
  CHECK(failed_with(rig.store->open(file_entry("f", std::numeric_limits<std::uint64_t>::max() - 1)), errc::too_large));
  CHECK(rig.unfinished() == 0);
  const byte_buffer content = noise(200'000, 1);
  CHECK(is_new(rig.send(file_entry("f", content.size()), content).outcome, "f"));
}

TEST_CASE("the space that is to be kept free is kept free") {
  store_options options = quick_options();
  options.min_free = std::uint64_t{1} << 60U;
  const store_rig rig{options};
  CHECK(failed_with(rig.store->open(file_entry("f", 100'000)), errc::storage_full));
  CHECK(failed_with(rig.store->open(stream_entry("s")), errc::storage_full));
  CHECK(failed_with(rig.put("f", "content"), errc::storage_full));
  CHECK(failed_with(rig.store->make_directory(directory_entry("d/sub")), errc::storage_full));
  CHECK(failed_with(rig.store->make_symlink(link_entry("d/link", "target")), errc::storage_full));
  CHECK(rig.unfinished() == 0);
  for (const char* const path : {"f", "d"}) CHECK_FALSE(rig.exists(path));
  // What is there already takes none.
  fs::create_directory(rig / "d");
  fs::create_symlink("target", rig / "d/link");
  CHECK(is_unchanged(rig.store->make_directory(directory_entry("d")), "d"));
  CHECK(is_unchanged(rig.store->make_symlink(link_entry("d/link", "target")), "d/link"));
}

TEST_CASE("a file that cannot fit is refused at once, unless most of it is holes") {
  store_options options = quick_options();
  options.max_file_size = std::uint64_t{1} << 62U;
  const store_rig rig{options};
  entry item = file_entry("f", std::uint64_t{1} << 60U, 24);
  CHECK(failed_with(rig.store->open(item), errc::storage_full));
  item.allocated = 1U << 20U;
  CHECK(rig.store->open(item));
}

TEST_CASE("what a receiver left that was killed is removed, what is in work is not") {
  store_rig rig;
  rig.write(".tcpsend/0123456789abcdef.tmp", "left");
  rig.write(".tcpsend/x.tmp", "");
  rig.write(".tcpsend/other", "not ours");
  rig.write(".tcpsend/00.part", "kept");
  const std::string locked = rig.write(".tcpsend/locked.tmp", "in work");
  const unique_fd holder{::open(locked.c_str(), O_RDWR | O_CLOEXEC)};
  REQUIRE(::flock(holder.get(), LOCK_EX | LOCK_NB) == 0);
  const auto stream = rig.open(stream_entry("s"));
  REQUIRE(rig.unfinished() == 6);

  const auto second = disk_store::open(rig / "", quick_options());
  REQUIRE(second);
  CHECK_FALSE(rig.exists(".tcpsend/0123456789abcdef.tmp"));
  CHECK_FALSE(rig.exists(".tcpsend/x.tmp"));
  CHECK(rig.exists(".tcpsend/other"));
  CHECK(rig.exists(".tcpsend/00.part"));
  CHECK(rig.exists(".tcpsend/locked.tmp"));
  CHECK(rig.unfinished() == 4);
  REQUIRE(stream->write(0, as_bytes("abc"), digest_of(as_bytes("abc"))));
  CHECK(is_new(stream->commit(3), "s"));
  CHECK(rig.read("s") == "abc");
}

TEST_CASE("links that a receiver left that was killed are removed, and what they lead to is not") {
  store_rig rig;
  rig.write("target", "content");
  fs::create_symlink("../target", rig / ".tcpsend/0123456789abcdef.tmp");
  fs::create_symlink("nothing", rig / ".tcpsend/fedcba9876543210.tmp");
  rig.reopen();
  CHECK(rig.read("target") == "content");
  CHECK(rig.unfinished() == 0);
}

TEST_CASE("the longest path is taken for everything") {
  const store_rig rig;
  std::string above(255, 'd');
  for (int i = 0; i < 14; ++i) above += "/" + std::string(255, 'd');
  above += "/d";
  const std::string longest = above + "/" + std::string(limits::path - above.size() - 1, 'l');
  REQUIRE(longest.size() == limits::path);
  const byte_buffer content = noise(100'000, 1);
  const auto renamed = [&longest](char last) { return longest.substr(0, longest.size() - 1) + last; };
  CHECK(is_new(rig.put(renamed('a'), "content"), renamed('a')));
  CHECK(is_unchanged(rig.put(renamed('a'), "content"), renamed('a')));
  CHECK(is_new(rig.send(file_entry(renamed('b'), content.size()), content).outcome, renamed('b')));
  CHECK(is_new(rig.store->make_symlink(link_entry(renamed('c'), "x")), renamed('c')));
  CHECK(is_new(rig.store->make_directory(directory_entry(renamed('d'))), renamed('d')));
}

TEST_CASE("names of all kinds are taken as they are") {
  const store_rig rig;
  for (const std::string name :
       {"a b", "-rf", "\\", "\n", "\x1B[2J", "\xF0\x9F\x98\x80", "x.part", "x.tmp", "...", "*"}) {
    CAPTURE(name);
    CHECK(is_new(rig.put(name, name), name));
    CHECK(rig.read(name) == name);
  }
}
