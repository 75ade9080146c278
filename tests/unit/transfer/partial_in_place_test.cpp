// A file that is changed where it is, and when it is replaced even so.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>

#include "disk_store_rig.hpp"
#include "support/catch.hpp"
#include "support/file_size_limit.hpp"
#include "tcptools/base/unique_fd.hpp"

namespace fs = std::filesystem;
using namespace tcptools::testing;
using namespace tcptools::transfer;
using tcptools::as_text;
using tcptools::byte_buffer;
using tcptools::byte_view;
using tcptools::errc;

namespace {

constexpr std::uint64_t blocks_there = 10;
constexpr std::size_t size_there = 9 * smallest_block + 100;

store_options in_place(bool fsync = false) {
  store_options options = quick_options();
  options.in_place = true;
  options.fsync = fsync;
  return options;
}

// A receiver with a file "f" of ten blocks that is to become something else.
struct changing {
  explicit changing(const store_options& options = in_place()) : rig{options} {
    rig.write("f", as_text(old));
    before = rig.status("f").st_ino;
  }

  void change(std::uint64_t index) { content[index * smallest_block + 7] ^= std::byte{1}; }
  [[nodiscard]] completed send() const { return rig.send(file_entry("f", content.size()), content); }
  [[nodiscard]] bool is_same_file() const { return rig.status("f").st_ino == before; }

  // All but the commit.
  [[nodiscard]] std::unique_ptr<incoming> sent() const {
    auto file = rig.open(file_entry("f", content.size()));
    const block_layout layout{content.size(), limits::smallest_block_log2};
    for (std::uint64_t index = 0; index < layout.count(); ++index) {
      const byte_view block = block_of(content, index);
      const bool there = index < file->checked() && *file->claim(index) == digest_of(block);
      if (there) REQUIRE(*file->keep(index, digest_of(block)));
      if (!there) REQUIRE(file->write(index, block, digest_of(block)));
    }
    REQUIRE(file->checkpoint());
    return file;
  }

  store_rig rig;
  byte_buffer old = noise(size_there, 1);
  byte_buffer content = old;
  ino_t before = 0;
};

void append(const std::string& path, const std::string& content) {
  std::ofstream file{path, std::ios::binary | std::ios::app};
  file << content;
}

}  // namespace

TEST_CASE("a file is changed where it is") {
  for (const bool fsync : {false, true}) {
    changing one{in_place(fsync)};
    one.change(0);
    one.change(blocks_there - 1);
    entry item = file_entry("f", one.content.size());
    item.mode = 0604;
    item.modified = {7, 8};
    const completed all = one.rig.send(item, one.content);
    CHECK(all.sent == 2);
    CHECK(is_new(all.outcome, "f"));
    CHECK(one.is_same_file());
    CHECK(one.rig.holds("f", one.content));
    CHECK(one.rig.mode("f") == 0604);
    CHECK(one.rig.modified("f") == timestamp{7, 8});
    CHECK(one.rig.unfinished() == 0);
  }
}

TEST_CASE("a file is changed where it is however much of it changes") {
  changing one;
  one.content = noise(size_there, 2);
  const completed all = one.send();
  CHECK(all.kept == 0);
  CHECK(is_new(all.outcome, "f"));
  CHECK(one.is_same_file());
  CHECK(one.rig.holds("f", one.content));
}

TEST_CASE("nothing is changed before the whole is there") {
  changing one;
  one.change(3);
  {
    const auto file = one.sent();
    CHECK(one.rig.holds("f", one.old));
  }
  CHECK(one.rig.holds("f", one.old));
  // Interrupted there, nothing needs to be sent again.
  const completed again = one.send();
  CHECK(again.sent == 0);
  CHECK(is_new(again.outcome, "f"));
  CHECK(one.is_same_file());
  CHECK(one.rig.holds("f", one.content));
}

TEST_CASE("a file that was cut or has grown is changed where it is, too") {
  changing one;
  SECTION("cut within a block") { one.content.resize(8 * smallest_block + 1); }
  SECTION("cut between blocks, and nothing else") { one.content.resize(8 * smallest_block); }
  SECTION("grown within its last block") { one.content.resize(size_there + 1); }
  SECTION("grown by a block") { one.content.resize(size_there + smallest_block); }
  const completed all = one.send();
  CHECK(is_new(all.outcome, "f"));
  CHECK(one.is_same_file());
  CHECK(one.rig.holds("f", one.content));
  CHECK(one.rig.unfinished() == 0);
}

TEST_CASE("a file that must not be written into is replaced") {
  store_options options = in_place();
  entry item = file_entry("f", size_there);
  SECTION("without being told to") { options.in_place = false; }
  SECTION("with another policy") { options.on_conflict = conflict_policy::keep_both; }
  changing one{options};
  one.change(3);
  SECTION("it has another name") { fs::create_hard_link(one.rig / "f", one.rig / "other"); }
  SECTION("what comes has holes") { item.allocated -= smallest_block; }
  SECTION("it can be run") { fs::permissions(one.rig / "f", fs::perms{0744}); }
  SECTION("it cannot be written") { fs::permissions(one.rig / "f", fs::perms{0444}); }
  SECTION("it has holes") {
    REQUIRE(::truncate((one.rig / "f").c_str(), 5 * smallest_block) == 0);
    REQUIRE(::truncate((one.rig / "f").c_str(), size_there) == 0);
  }
  SECTION("most of it would be new") { REQUIRE(::truncate((one.rig / "f").c_str(), 7 * smallest_block) == 0); }
  const completed all = one.rig.send(item, one.content);
  REQUIRE(all.outcome);
  const bool keeps_both = options.on_conflict == conflict_policy::keep_both;
  CHECK(one.rig.holds(keeps_both ? "f.1" : "f", one.content));
  CHECK(one.is_same_file() == keeps_both);
  if (one.rig.exists("other")) CHECK(one.rig.holds("other", one.old));
}

TEST_CASE("a hole that was not to be expected is written as zeros") {
  changing one;
  const auto hole = std::span{one.content}.subspan(2 * smallest_block, smallest_block);
  std::ranges::fill(hole, std::byte{0});
  const auto file = one.rig.open(file_entry("f", one.content.size()));
  for (std::uint64_t index = 0; index < blocks_there; ++index) {
    if (index == 2) REQUIRE(file->write_hole(index, 1));
    if (index != 2) REQUIRE(*file->keep(index, digest_of(block_of(one.content, index))));
  }
  CHECK(is_new(file->commit(one.content.size()), "f"));
  CHECK(one.is_same_file());
  CHECK(one.rig.holds("f", one.content));
}

TEST_CASE("a file that somebody else changed meanwhile is neither changed nor replaced") {
  changing one;
  one.change(3);
  const auto file = one.sent();
  append(one.rig / "f", "more");
  CHECK(failed_with(file->commit(one.content.size()), errc::busy));
  CHECK(one.is_same_file());
  CHECK(one.rig.read("f").ends_with("more"));
}

TEST_CASE("a file that somebody else is changing in this way is not changed") {
  changing one;
  one.change(3);
  const auto file = one.sent();
  const tcptools::unique_fd other{::open((one.rig / "f").c_str(), O_RDONLY | O_CLOEXEC)};
  REQUIRE(::flock(other.get(), LOCK_EX) == 0);
  CHECK(failed_with(file->commit(one.content.size()), errc::busy));
  CHECK(one.rig.holds("f", one.old));
}

TEST_CASE(
    "what is left of a transfer that was to replace a file is used when it is changed where it is, and the reverse") {
  for (const bool first : {false, true}) {
    store_options options = in_place();
    options.in_place = first;
    changing one{options};
    for (const std::uint64_t index : {1U, 4U, 6U}) one.change(index);
    (void)one.sent();
    one.rig.options.in_place = !first;
    one.rig.reopen();
    const completed all = one.send();
    CHECK(all.sent == 0);
    CHECK(is_new(all.outcome, "f"));
    CHECK(one.is_same_file() == !first);
    CHECK(one.rig.holds("f", one.content));
    CHECK(one.rig.unfinished() == 0);
  }
}

TEST_CASE("a file that somebody else replaced meanwhile is not written into") {
  changing one;
  one.change(3);
  const auto file = one.sent();
  fs::copy(one.rig / "f", one.rig / "new");
  const std::string other = one.rig.read("new");
  fs::rename(one.rig / "new", one.rig / "f");
  CHECK(failed_with(file->commit(one.content.size()), errc::busy));
  CHECK(one.rig.read("f") == other);
}

TEST_CASE("room is asked for only for what a file grows by") {
  store_options options = in_place();
  options.min_free = std::uint64_t{1} << 62U;
  changing one{options};
  one.change(3);
  CHECK(is_new(one.send().outcome, "f"));
  CHECK(one.is_same_file());
  CHECK(failed_with(one.rig.store->open(file_entry("f", size_there + 1)), errc::storage_full));
}

TEST_CASE(
    "a file that could not be changed to the end says so, and is whole the next time without anything sent again") {
  changing one;
  one.change(2);
  one.change(blocks_there - 1);
  {
    const auto file = one.sent();
    const file_size_limit full{smallest_block};
    const auto outcome = file->commit(one.content.size());
    REQUIRE(failed_with(outcome, errc::storage_full));
    CHECK(outcome.error().text().ends_with("it is part old, part new until it is sent again"));
    CHECK((one.rig.mode("f") & ~file_entry("f", 1).mode) == 0);
  }
  const completed again = one.send();
  CHECK(again.sent == 0);
  CHECK(is_new(again.outcome, "f"));
  CHECK(one.is_same_file());
  CHECK(one.rig.holds("f", one.content));
}
