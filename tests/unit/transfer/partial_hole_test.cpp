// Holes of files that are being received: they read as zeros, and take no space.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "disk_store_rig.hpp"
#include "support/catch.hpp"

namespace fs = std::filesystem;
using namespace tcptools::testing;
using namespace tcptools::transfer;
using tcptools::byte_buffer;
using tcptools::byte_view;
using tcptools::result;
using tcptools::unique_fd;

namespace {

constexpr std::size_t sparse_blocks = 16;
constexpr std::size_t sparse_size = (sparse_blocks - 1) * smallest_block + 100;

// Noise in which these blocks are zero.
byte_buffer with_zeros(std::uint64_t seed, std::uint64_t first, std::uint64_t count) {
  byte_buffer content = noise(sparse_size, seed);
  const auto begin = static_cast<std::ptrdiff_t>(first * smallest_block);
  const auto end = static_cast<std::ptrdiff_t>(std::min<std::uint64_t>((first + count) * smallest_block, sparse_size));
  std::fill(content.begin() + begin, content.begin() + end, std::byte{0});
  return content;
}

void write(incoming& file, const byte_buffer& content, std::uint64_t first, std::uint64_t count) {
  for (std::uint64_t index = first; index < first + count; ++index) {
    REQUIRE(file.write(index, block_of(content, index), digest_of(block_of(content, index))));
  }
}

// Whether the file system of a test has holes at all, and makes them in what is there.
bool has_holes(const temp_dir& dir) {
  const std::string path = dir.write("probe", std::string(1U << 20U, 'x'));
  const unique_fd file{::open(path.c_str(), O_RDWR | O_CLOEXEC)};
  struct stat found{};
  return ::fallocate(file.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 1U << 20U) == 0 &&
         ::fstat(file.get(), &found) == 0 && found.st_blocks < 64;
}

// Bytes on disk.
std::uint64_t allocated(const store_rig& rig, const std::string& path) {
  return static_cast<std::uint64_t>(rig.status(path).st_blocks) * 512;
}

constexpr std::uint64_t slack = smallest_block;

}  // namespace

TEST_CASE("a hole reads as zeros and takes no space, wherever it is") {
  const store_rig rig;
  std::uint64_t first = 0;
  std::uint64_t count = 0;
  SECTION("at the beginning") { count = 5; }
  SECTION("in the middle") {
    first = 3;
    count = 8;
  }
  SECTION("at the end") {
    first = 4;
    count = sparse_blocks - 4;
  }
  SECTION("everywhere") { count = sparse_blocks; }
  const byte_buffer content = with_zeros(1, first, count);
  const auto file = rig.open(file_entry("f", sparse_size));
  write(*file, content, 0, first);
  REQUIRE(file->write_hole(first, count));
  write(*file, content, first + count, sparse_blocks - first - count);
  CHECK(is_new(file->commit(sparse_size), "f"));
  CHECK(rig.holds("f", content));
  if (has_holes(rig.dir)) CHECK(allocated(rig, "f") <= (sparse_blocks - count) * smallest_block + slack);
}

TEST_CASE("a hole over what an earlier transfer left is one") {
  const store_rig rig;
  const byte_buffer old = noise(sparse_size, 1);
  {
    const auto file = rig.open(file_entry("f", sparse_size));
    write(*file, old, 0, GENERATE(std::uint64_t{3}, std::uint64_t{9}, std::uint64_t{15}, std::uint64_t{sparse_blocks}));
  }
  const bool without_journal = GENERATE(false, true);
  if (without_journal) fs::remove(rig / rig.journal_of("f"));
  const std::uint64_t first = GENERATE(std::uint64_t{0}, std::uint64_t{2}, std::uint64_t{8});
  const std::uint64_t count = GENERATE(std::uint64_t{1}, std::uint64_t{7}, std::uint64_t{8});
  CAPTURE(without_journal, first, count);

  const byte_buffer content = with_zeros(2, first, count);
  const auto file = rig.open(file_entry("f", sparse_size));
  CHECK((file->checked() == 0) == without_journal);
  REQUIRE(file->write_hole(first, count));
  write(*file, content, 0, first);
  write(*file, content, first + count, sparse_blocks - first - count);
  CHECK(is_new(file->commit(sparse_size), "f"));
  CHECK(rig.holds("f", content));
  if (has_holes(rig.dir)) CHECK(allocated(rig, "f") <= (sparse_blocks - count) * smallest_block + slack);
}

TEST_CASE("an unfinished file takes the space of what was written of it, and no more") {
  const store_rig rig;
  write(*rig.open(file_entry("f", sparse_size)), noise(sparse_size, 1), 0, 2);
  CHECK(allocated(rig, rig.part_of("f")) <= 2 * smallest_block + slack);

  SECTION("nor what a receiver that was killed had set aside") {
    const unique_fd part{::open((rig / rig.part_of("f")).c_str(), O_RDWR | O_CLOEXEC)};
    if (::fallocate(part.get(), FALLOC_FL_KEEP_SIZE, 0, sparse_size) != 0) return;
    CHECK(allocated(rig, rig.part_of("f")) >= sparse_size);
    const auto file = rig.open(file_entry("f", sparse_size));
    CHECK(allocated(rig, rig.part_of("f")) <= 2 * smallest_block + slack);
  }
}

TEST_CASE("little more room is set aside than was written, whatever the order of blocks") {
  constexpr std::uint64_t far_apart = 64U << 20U;
  constexpr std::uint64_t at_first = 4U << 20U;
  const store_rig rig;
  const unique_fd probe{::open(rig.dir.write("probe", "").c_str(), O_RDWR | O_CLOEXEC)};
  if (::fallocate(probe.get(), FALLOC_FL_KEEP_SIZE, 0, smallest_block) != 0) return;

  const auto file = rig.open(file_entry("f", 16 * far_apart));
  const byte_buffer content = noise(smallest_block, 1);
  for (std::uint64_t index = 0; index < 16; ++index) {
    REQUIRE(file->write(index * (far_apart / smallest_block), content, digest_of(content)));
    if (index == 0) CHECK(allocated(rig, rig.part_of("f")) >= at_first);
  }
  CHECK(allocated(rig, rig.part_of("f")) <= 16 * smallest_block + 2 * at_first + slack);
}

TEST_CASE("a hole over a part file that ends within a block") {
  const store_rig rig;
  {
    const auto file = rig.open(file_entry("f", sparse_size));
    write(*file, noise(sparse_size, 1), 0, 4);
  }
  for (const std::size_t end : {std::size_t{1}, smallest_block - 1, smallest_block, smallest_block + 1,
                                2 * smallest_block + 5000, 4 * smallest_block - 1}) {
    CAPTURE(end);
    fs::resize_file(rig / rig.part_of("f"), end);
    const byte_buffer content = with_zeros(3, 0, 5);
    {
      const auto file = rig.open(file_entry("f", sparse_size));
      REQUIRE(file->write_hole(0, 5));
    }
    {
      const completed rest = rig.send(file_entry("f", sparse_size), content);
      CHECK(is_new(rest.outcome, "f"));
      CHECK(rig.holds("f", content));
    }
    fs::remove(rig / "f");
    const auto file = rig.open(file_entry("f", sparse_size));
    write(*file, noise(sparse_size, 1), 0, 4);
  }
}

TEST_CASE("a hole in place of a block that was written in the same session") {
  const store_rig rig;
  const byte_buffer content = with_zeros(1, 5, 2);
  const auto file = rig.open(file_entry("f", sparse_size));
  write(*file, noise(sparse_size, 2), 0, sparse_blocks);
  REQUIRE(file->write_hole(5, 2));
  write(*file, content, 0, 5);
  write(*file, content, 7, sparse_blocks - 7);
  CHECK(is_new(file->commit(sparse_size), "f"));
  CHECK(rig.holds("f", content));
}

TEST_CASE("holes are claimed by the next transfer and kept as holes") {
  const store_rig rig;
  const byte_buffer content = with_zeros(1, 2, sparse_blocks - 2);
  {
    const auto file = rig.open(file_entry("f", sparse_size));
    write(*file, content, 0, 2);
    REQUIRE(file->write_hole(2, sparse_blocks - 2));
  }
  {
    const auto file = rig.open(file_entry("f", sparse_size));
    CHECK(file->checked() == sparse_blocks);
    CHECK(*file->claim(2) == digest_of_zeros(smallest_block));
    CHECK(*file->claim(sparse_blocks - 1) == digest_of_zeros(100));
  }
  const completed rest = rig.send(file_entry("f", sparse_size), content);
  CHECK(rest.kept == sparse_blocks);
  CHECK(rest.sent == 0);
  CHECK(rig.holds("f", content));
  if (has_holes(rig.dir)) CHECK(allocated(rig, "f") <= 2 * smallest_block + slack);
}

TEST_CASE("a block that follows a hole takes its place in the journal") {
  const store_rig rig;
  const byte_buffer content = noise(sparse_size, 1);
  {
    const auto file = rig.open(file_entry("f", sparse_size));
    REQUIRE(file->write_hole(0, sparse_blocks));
    write(*file, content, 3, 1);
  }
  const auto file = rig.open(file_entry("f", sparse_size));
  CHECK(*file->claim(3) == digest_of(block_of(content, 3)));
  const auto kept = file->keep(3, digest_of(block_of(content, 3)));
  REQUIRE(kept);
  CHECK(*kept);
  const auto as_hole = file->keep(4, digest_of_zeros(smallest_block));
  REQUIRE(as_hole);
  CHECK(*as_hole);
}

TEST_CASE("a hole of a larger file is none of a smaller one's last block, and the other way round") {
  const store_rig rig;
  for (const std::size_t size :
       {sparse_size - 50, sparse_size - smallest_block - 10, std::size_t{smallest_block + 1}}) {
    {
      const auto file = rig.open(file_entry("f", sparse_size));
      REQUIRE(file->write_hole(0, sparse_blocks));
    }
    const byte_buffer zeros(size);
    const completed smaller = rig.send(file_entry("f", size), zeros);
    CHECK(is_new(smaller.outcome, "f"));
    CHECK(rig.holds("f", zeros));
    fs::remove(rig / "f");
  }
}

TEST_CASE("a very large file of holes is stored at once") {
  const store_rig rig;
  const std::uint64_t size = (std::uint64_t{1} << 36U) + 1;
  entry item = file_entry("f", size, 24);
  item.allocated = 0;
  const auto file = rig.open(item);
  const block_layout layout{size, 24};
  REQUIRE(file->write_hole(0, layout.count()));
  CHECK(is_new(file->commit(size), "f"));
  CHECK(static_cast<std::uint64_t>(rig.status("f").st_size) == size);
  if (has_holes(rig.dir)) CHECK(allocated(rig, "f") <= slack);
}
