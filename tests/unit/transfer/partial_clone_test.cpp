// Part files that begin as a clone of the older version; where the file system has none, a copy stands in for it.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <span>
#include <string>

#include "disk_store_rig.hpp"
#include "support/catch.hpp"

namespace fs = std::filesystem;
using namespace tcptools::testing;
using namespace tcptools::transfer;
using tcptools::as_text;
using tcptools::byte_buffer;

namespace {

int clones = 0;

bool copy_instead(int to, int from) noexcept {
  ++clones;
  std::array<char, 4096> piece{};
  off_t at = 0;
  for (ssize_t got = 0; (got = ::pread(from, piece.data(), piece.size(), at)) > 0; at += got) {
    if (::pwrite(to, piece.data(), static_cast<std::size_t>(got), at) != got) return false;
  }
  return true;
}

store_options cloning() {
  store_options options = quick_options();
  options.clone = copy_instead;
  clones = 0;
  return options;
}

void damage(const std::string& path, std::uint64_t index) { overwrite(path, index * smallest_block + 5, "damage"); }

// A receiver with a file "f" that is to become something else from its third block on.
struct cloned {
  cloned() { rig.write("f", as_text(old)); }

  void send(incoming& file, std::uint64_t index) const {
    REQUIRE(file.write(index, block_of(content, index), digest_of(block_of(content, index))));
  }
  [[nodiscard]] bool keeps(incoming& file, std::uint64_t index) const {
    const auto kept = file.keep(index, digest_of(block_of(old, index)));
    REQUIRE(kept);
    return *kept;
  }

  store_rig rig{cloning()};
  byte_buffer old = noise(some_size, 1);
  byte_buffer content = [this] {
    byte_buffer changed = old;
    changed[2 * smallest_block + 7] ^= std::byte{1};
    return changed;
  }();
};

}  // namespace

TEST_CASE("what a clone has is kept as it was when it was made, whatever becomes of the older version") {
  const cloned one;
  const auto file = one.rig.open(file_entry("f", some_size));
  one.send(*file, 2);
  CHECK(clones == 1);
  fs::resize_file(one.rig / "f", 10);
  for (const std::uint64_t index : {0U, 1U, 3U, 4U}) {
    CHECK(*file->claim(index) == digest_of(block_of(one.old, index)));
    CHECK(one.keeps(*file, index));
  }
  CHECK(is_new(file->commit(some_size), "f"));
  CHECK(one.rig.holds("f", one.content));
}

TEST_CASE("what was claimed before there was a clone, and changed in between, is not kept") {
  const cloned one;
  const auto file = one.rig.open(file_entry("f", some_size));
  for (const std::uint64_t index : {0U, 1U}) REQUIRE(*file->claim(index) == digest_of(block_of(one.old, index)));
  damage(one.rig / "f", 1);
  one.send(*file, 2);
  CHECK(one.keeps(*file, 0));
  CHECK_FALSE(one.keeps(*file, 1));
  one.send(*file, 1);
  for (const std::uint64_t index : {3U, 4U}) {
    REQUIRE(file->claim(index));
    CHECK(one.keeps(*file, index));
  }
  CHECK(is_new(file->commit(some_size), "f"));
  CHECK(one.rig.holds("f", one.content));
}

TEST_CASE("what an interrupted transfer left of a clone is used if it is right, and not if it is not") {
  const cloned one;
  {
    const auto file = one.rig.open(file_entry("f", some_size));
    one.send(*file, 2);
  }
  SECTION("as it was") {}
  SECTION("damaged") { damage(one.rig / one.rig.part_of("f"), 3); }
  const completed rest = one.rig.send(file_entry("f", some_size), one.content);
  CHECK(clones == 1);
  CHECK(rest.kept == 5);
  CHECK(is_new(rest.outcome, "f"));
  CHECK(one.rig.holds("f", one.content));
}

TEST_CASE("a clone is cut, or written on, to the size that comes") {
  cloned one;
  SECTION("shorter") { one.content.resize(3 * smallest_block + 1); }
  SECTION("longer") { one.content.resize(some_size + 2 * smallest_block); }
  const completed all = one.rig.send(file_entry("f", one.content.size()), one.content);
  CHECK(clones == 1);
  CHECK(is_new(all.outcome, "f"));
  CHECK(one.rig.holds("f", one.content));
}

TEST_CASE("a hole in a clone has nothing of the older version") {
  cloned one;
  std::ranges::fill(std::span{one.content}.subspan(2 * smallest_block, 2 * smallest_block), std::byte{0});
  const auto file = one.rig.open(file_entry("f", some_size));
  REQUIRE(file->write_hole(2, 2));
  for (const std::uint64_t index : {0U, 1U, 4U}) CHECK(one.keeps(*file, index));
  CHECK(is_new(file->commit(some_size), "f"));
  CHECK(one.rig.holds("f", one.content));
}

TEST_CASE("a much larger or smaller version is not cloned") {
  const store_rig rig{cloning()};
  const byte_buffer content = noise(4 * smallest_block, 1);
  for (const std::size_t size : {2 * smallest_block - 2, 8 * smallest_block + 2}) {
    CAPTURE(size);
    rig.write("f", as_text(noise(size, 2)));
    CHECK(is_new(rig.send(file_entry("f", content.size()), content).outcome, "f"));
    CHECK(clones == 0);
    CHECK(rig.holds("f", content));
  }
}
