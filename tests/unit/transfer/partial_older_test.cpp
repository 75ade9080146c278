// A file of which an older version is there: its blocks are claimed, kept by copying, or the whole is adopted.
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <span>
#include <string>

#include "disk_store_rig.hpp"
#include "support/catch.hpp"
#include "support/file_size_limit.hpp"

namespace fs = std::filesystem;
using namespace tcptools::testing;
using namespace tcptools::transfer;
using tcptools::byte_buffer;
using tcptools::errc;

namespace {

constexpr std::uint64_t old_blocks = 5;

void have(const store_rig& rig, const byte_buffer& content) {
  const completed all = rig.send(file_entry("f", content.size()), content);
  REQUIRE(is_new(all.outcome, "f"));
}

// In one section a block of something else, in another a hole; `content` becomes what the file is to be.
void send_instead(incoming& file, byte_buffer& content, std::uint64_t index) {
  const auto block = std::span{content}.subspan(index * smallest_block, smallest_block);
  SECTION("a block") {
    std::ranges::copy(noise(smallest_block, 2), block.begin());
    REQUIRE(file.write(index, block, digest_of(block)));
  }
  SECTION("a hole") {
    std::ranges::fill(block, std::byte{0});
    REQUIRE(file.write_hole(index, 1));
  }
}

}  // namespace

TEST_CASE("every block of an older version is claimed, and the whole can be adopted") {
  for (const bool fsync : {false, true}) {
    store_options options = quick_options();
    options.fsync = fsync;
    const store_rig rig{options};
    const byte_buffer content = noise(some_size, 1);
    have(rig, content);
    const ino_t before = rig.status("f").st_ino;
    entry item = file_entry("f", some_size);
    item.mode = 06711;
    item.modified = {-5, 6};
    const auto file = rig.open(item);
    REQUIRE(file->adoptable());
    REQUIRE(file->checked() == old_blocks);
    for (std::uint64_t index = 0; index < old_blocks; ++index)
      CHECK(*file->claim(index) == digest_of(block_of(content, index)));
    CHECK(is_unchanged(file->adopt(), "f"));
    CHECK(rig.status("f").st_ino == before);
    CHECK(rig.mode("f") == 0711);
    CHECK(rig.modified("f") == timestamp{-5, 6});
    CHECK(rig.holds("f", content));
    CHECK(rig.unfinished() == 0);
  }
}

TEST_CASE("an older version that is only looked at leaves nothing behind and stays") {
  const store_rig rig;
  const byte_buffer content = noise(some_size, 1);
  have(rig, content);
  {
    const auto file = rig.open(file_entry("f", some_size));
    for (std::uint64_t index = 0; index < old_blocks; ++index) REQUIRE(file->claim(index));
  }
  CHECK(rig.unfinished() == 0);
  CHECK(rig.holds("f", content));
}

TEST_CASE("blocks of an older version are kept by copying") {
  const store_rig rig;
  const byte_buffer old = noise(some_size, 1);
  have(rig, old);
  byte_buffer content = old;
  content[2 * smallest_block + 7] ^= std::byte{1};
  fs::create_hard_link(rig / "f", rig / "other");
  const completed rest = rig.send(file_entry("f", some_size), content);
  CHECK(rest.kept == 4);
  CHECK(rest.sent == 1);
  CHECK(is_new(rest.outcome, "f"));
  CHECK(rig.holds("f", content));
  CHECK(rig.holds("other", old));
}

TEST_CASE("an older version of another size is claimed as far as whole blocks go") {
  const store_rig rig;
  const byte_buffer longest = noise(6 * smallest_block, 1);
  struct sizes {
    std::size_t old_size;
    std::size_t new_size;
    std::uint64_t checked;
    std::uint64_t kept;
  };
  for (const sizes& one : {sizes{some_size, 6 * smallest_block, 4, 4}, sizes{some_size, some_size + 1, 4, 4},
                           sizes{some_size, some_size - 1, 4, 4}, sizes{some_size, 4 * smallest_block, 4, 4},
                           sizes{some_size, smallest_block + 1, 1, 1}, sizes{10, some_size, 0, 0},
                           sizes{smallest_block, some_size, 1, 1}, sizes{0, some_size, 0, 0}}) {
    CAPTURE(one.old_size, one.new_size);
    const byte_buffer old{longest.begin(), longest.begin() + static_cast<std::ptrdiff_t>(one.old_size)};
    const byte_buffer content{longest.begin(), longest.begin() + static_cast<std::ptrdiff_t>(one.new_size)};
    rig.write("f", tcptools::as_text(old));
    {
      const auto file = rig.open(file_entry("f", one.new_size));
      CHECK_FALSE(file->adoptable());
      CHECK(file->checked() == one.checked);
    }
    const completed rest = rig.send(file_entry("f", one.new_size), content);
    CHECK(rest.kept == one.kept);
    CHECK(is_new(rest.outcome, "f"));
    CHECK(rig.holds("f", content));
  }
}

TEST_CASE("what is there cannot be read by offers of more and more of it") {
  const store_rig rig;
  const byte_buffer old = noise(smallest_block - 1, 1);
  have(rig, old);
  for (const std::size_t size : {std::size_t{1}, std::size_t{2}, std::size_t{17}, old.size() - 1, old.size()}) {
    CAPTURE(size);
    CHECK(rig.open(file_entry("f", size))->checked() == 0);
  }
  // Who has it all is still told that it is there.
  const completed all = rig.send(file_entry("f", old.size()), old);
  CHECK(all.outcome);
  CHECK(rig.holds("f", old));
}

TEST_CASE("what was copied from an older version survives an interruption") {
  const store_rig rig;
  const byte_buffer old = noise(some_size, 1);
  have(rig, old);
  {
    const auto file = rig.open(file_entry("f", some_size));
    for (const std::uint64_t index : {0U, 2U}) {
      const auto kept = file->keep(index, digest_of(block_of(old, index)));
      REQUIRE(kept);
      CHECK(*kept);
    }
  }
  fs::remove(rig / "f");
  const auto file = rig.open(file_entry("f", some_size));
  CHECK(file->checked() == 3);
  CHECK_FALSE(file->adoptable());
  const completed rest = complete(*file, file_entry("f", some_size), old);
  CHECK(rest.kept == 2);
  CHECK(rig.holds("f", old));
}

TEST_CASE("an interrupted transfer goes before an older version, and is not adopted") {
  const store_rig rig;
  const byte_buffer old = noise(some_size, 1);
  const byte_buffer content = noise(some_size, 2);
  have(rig, old);
  REQUIRE(rig.open(file_entry("f", some_size))->write(1, block_of(content, 1), digest_of(block_of(content, 1))));
  {
    const auto file = rig.open(file_entry("f", some_size));
    CHECK_FALSE(file->adoptable());
    CHECK(file->checked() == old_blocks);
    CHECK(*file->claim(0) == digest_of(block_of(old, 0)));
    CHECK(*file->claim(1) == digest_of(block_of(content, 1)));
  }
  CHECK(rig.send(file_entry("f", some_size), content).kept == 1);
  CHECK(rig.holds("f", content));
}

TEST_CASE("what an interrupted transfer claims and no longer has is not taken from an older version") {
  const store_rig rig;
  const byte_buffer old = noise(some_size, 1);
  const byte_buffer content = noise(some_size, 2);
  have(rig, old);
  REQUIRE(rig.open(file_entry("f", some_size))->write(1, block_of(content, 1), digest_of(block_of(content, 1))));
  overwrite(rig / rig.part_of("f"), smallest_block + 5, "damage");
  const auto file = rig.open(file_entry("f", some_size));
  const auto kept = file->keep(1, digest_of(block_of(content, 1)));
  REQUIRE(kept);
  CHECK_FALSE(*kept);
  CHECK(is_new(complete(*file, file_entry("f", some_size), content).outcome, "f"));
  CHECK(rig.holds("f", content));
}

TEST_CASE("a block of an older version that changed since it was claimed is not kept") {
  const store_rig rig;
  const byte_buffer old = noise(some_size, 1);
  have(rig, old);
  const auto file = rig.open(file_entry("f", some_size));
  const auto claimed = file->claim(1);
  REQUIRE(claimed);
  SECTION("written over") { overwrite(rig / "f", smallest_block + 5, "damage"); }
  SECTION("truncated") { fs::resize_file(rig / "f", smallest_block + 5); }
  SECTION("empty") { fs::resize_file(rig / "f", 0); }
  const auto kept = file->keep(1, **claimed);
  REQUIRE(kept);
  CHECK_FALSE(*kept);
  CHECK(is_new(complete(*file, file_entry("f", some_size), old).outcome, "f"));
  CHECK(rig.holds("f", old));
}

TEST_CASE("where blocks are kept the next ones are copied when they are claimed, and nothing is left to go wrong") {
  const store_rig rig;
  const byte_buffer old = noise(some_size, 1);
  have(rig, old);
  const auto file = rig.open(file_entry("f", some_size));
  REQUIRE(*file->keep(0, digest_of(block_of(old, 0))));
  REQUIRE(file->claim(1));
  overwrite(rig / "f", smallest_block + 5, "damage");
  CHECK(*file->keep(1, digest_of(block_of(old, 1))));
  for (std::uint64_t index = 2; index < old_blocks; ++index) {
    REQUIRE(file->claim(index));
    CHECK(*file->keep(index, digest_of(block_of(old, index))));
  }
  CHECK(is_new(file->commit(some_size), "f"));
  CHECK(rig.holds("f", old));
}

TEST_CASE("a block that was copied when it was claimed and is not kept is what was sent for it") {
  const store_rig rig;
  const byte_buffer old = noise(some_size, 1);
  have(rig, old);
  byte_buffer content = old;
  const auto file = rig.open(file_entry("f", some_size));
  REQUIRE(*file->keep(0, digest_of(block_of(old, 0))));
  for (std::uint64_t index = 1; index < old_blocks; ++index) REQUIRE(file->claim(index));
  for (const std::uint64_t index : {1U, 3U, 4U}) CHECK(*file->keep(index, digest_of(block_of(old, index))));
  send_instead(*file, content, 2);
  CHECK(is_new(file->commit(some_size), "f"));
  CHECK(rig.holds("f", content));
}

TEST_CASE("a block that was sent before it is claimed stays as it was sent") {
  const store_rig rig;
  const byte_buffer old = noise(some_size, 1);
  have(rig, old);
  byte_buffer content = old;
  const auto file = rig.open(file_entry("f", some_size));
  for (const std::uint64_t index : {0U, 0U, 1U, 3U, 4U}) REQUIRE(*file->keep(index, digest_of(block_of(old, index))));
  send_instead(*file, content, 2);
  CHECK(*file->claim(2) == digest_of(block_of(old, 2)));
  CHECK(is_new(file->commit(some_size), "f"));
  CHECK(rig.holds("f", content));
}

TEST_CASE("where no room is left for a copy the claim fails, and so does all that follows") {
  const store_rig rig;
  const byte_buffer old = noise(some_size, 1);
  have(rig, old);
  const auto file = rig.open(file_entry("f", some_size));
  REQUIRE(*file->keep(0, digest_of(block_of(old, 0))));
  {
    const file_size_limit full{smallest_block};
    CHECK(failed_with(file->claim(1), errc::storage_full));
    CHECK(failed_with(file->write(1, block_of(old, 1), digest_of(block_of(old, 1))), errc::storage_full));
  }
  CHECK(rig.holds("f", old));
}

TEST_CASE("a file with holes is read again, so that what becomes a hole is never written") {
  const store_rig rig;
  const byte_buffer old = noise(some_size, 1);
  have(rig, old);
  entry item = file_entry("f", some_size);
  item.allocated -= smallest_block;
  const auto file = rig.open(item);
  REQUIRE(*file->keep(0, digest_of(block_of(old, 0))));
  for (std::uint64_t index = 1; index < old_blocks; ++index) REQUIRE(file->claim(index));
  CHECK(rig.status(rig.part_of("f")).st_size == smallest_block);
}

TEST_CASE("the older version of a file that has grown is read once, too, whatever was sent behind it") {
  const store_rig rig;
  const byte_buffer content = noise(6 * smallest_block, 1);
  rig.write("f", tcptools::as_text(tcptools::byte_view{content}.first(4 * smallest_block)));
  const auto file = rig.open(file_entry("f", content.size()));
  REQUIRE(file->checked() == 4);
  for (const std::uint64_t index : {4U, 5U})
    REQUIRE(file->write(index, block_of(content, index), digest_of(block_of(content, index))));
  REQUIRE(*file->keep(0, digest_of(block_of(content, 0))));
  REQUIRE(file->claim(1));
  overwrite(rig / "f", smallest_block + 5, "damage");
  CHECK(*file->keep(1, digest_of(block_of(content, 1))));
}

TEST_CASE("what was copied and not kept yet is not claimed after an interruption") {
  const store_rig rig;
  const byte_buffer old = noise(some_size, 1);
  have(rig, old);
  {
    const auto file = rig.open(file_entry("f", some_size));
    REQUIRE(*file->keep(0, digest_of(block_of(old, 0))));
    for (std::uint64_t index = 1; index < old_blocks; ++index) REQUIRE(file->claim(index));
  }
  fs::remove(rig / "f");
  CHECK(rig.open(file_entry("f", some_size))->checked() == 1);
}

TEST_CASE("an older version that ends while it is claimed has nothing there") {
  const store_rig rig;
  have(rig, noise(some_size, 1));
  const auto file = rig.open(file_entry("f", some_size));
  fs::resize_file(rig / "f", smallest_block);
  CHECK(*file->claim(0));
  for (std::uint64_t index = 1; index < old_blocks; ++index) CHECK_FALSE(*file->claim(index));
}

TEST_CASE("an older version that was replaced meanwhile is not adopted") {
  const store_rig rig;
  have(rig, noise(some_size, 1));
  const auto file = rig.open(file_entry("f", some_size));
  REQUIRE(file->adoptable());
  SECTION("by another file") { fs::rename(rig.write("new", "other"), rig / "f"); }
  SECTION("by one of the same content") {
    fs::copy(rig / "f", rig / "new");
    fs::rename(rig / "new", rig / "f");
  }
  SECTION("by a link to it") {
    fs::rename(rig / "f", rig / "real");
    fs::create_symlink("real", rig / "f");
  }
  SECTION("by a directory") {
    fs::remove(rig / "f");
    fs::create_directory(rig / "f");
  }
  SECTION("by nothing") { fs::remove(rig / "f"); }
  CHECK(failed_with(file->adopt(), errc::busy));
}

TEST_CASE("an older version whose content changed meanwhile is not adopted") {
  const store_rig rig;
  const byte_buffer old = noise(some_size, 1);
  have(rig, old);
  const auto file = rig.open(file_entry("f", some_size));
  REQUIRE(file->adoptable());
  for (std::uint64_t index = 0; index < old_blocks; ++index) REQUIRE(file->claim(index));
  SECTION("written over") { overwrite(rig / "f", 5, "damage"); }
  SECTION("truncated") { fs::resize_file(rig / "f", 100); }
  SECTION("longer") { overwrite(rig / "f", some_size, "more"); }
  CHECK(failed_with(file->adopt(), errc::busy));
}

TEST_CASE("an older version that is no regular file is none") {
  const store_rig rig;
  const byte_buffer content = noise(some_size, 1);
  rig.write("real", tcptools::as_text(content));
  SECTION("a link to a file") { fs::create_symlink("real", rig / "f"); }
  SECTION("a fifo") { REQUIRE(::mkfifo((rig / "f").c_str(), 0600) == 0); }
  const auto file = rig.open(file_entry("f", some_size));
  CHECK(file->checked() == 0);
  CHECK_FALSE(file->adoptable());
  CHECK(is_new(complete(*file, file_entry("f", some_size), content).outcome, "f"));
  CHECK_FALSE(fs::is_symlink(rig / "f"));
  CHECK(rig.holds("f", content));
  CHECK(rig.holds("real", content));
}

TEST_CASE("an older version with holes is claimed as zeros") {
  const store_rig rig;
  rig.write("f", "");
  fs::resize_file(rig / "f", some_size);
  const auto file = rig.open(file_entry("f", some_size));
  CHECK(file->adoptable());
  CHECK(*file->claim(0) == digest_of_zeros(smallest_block));
  CHECK(*file->claim(4) == digest_of_zeros(100));
}
