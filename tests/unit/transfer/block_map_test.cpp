#include "tcptools/transfer/block_map.hpp"

#include <cstdint>
#include <vector>

#include "support/catch.hpp"
#include "support/frames.hpp"

using tcptools::byte_buffer;
using tcptools::byte_view;
using namespace tcptools::testing;
using namespace tcptools::transfer;

namespace {

constexpr std::uint64_t last_block = limits::blocks_per_file - 1;

digest root_of(const byte_buffer& content) { return finish_frame(1, content).root; }

}  // namespace

TEST_CASE("a row has a value everywhere") {
  paged_row<int> row;
  CHECK(row.get(0) == 0);
  CHECK(row.get(last_block) == 0);
  row.set(5, 1);
  row.set(1023, 2);
  row.set(1024, 3);
  row.set(last_block, 4);
  CHECK(row.get(5) == 1);
  CHECK(row.get(1023) == 2);
  CHECK(row.get(1024) == 3);
  CHECK(row.get(last_block) == 4);
  CHECK(row.get(4) == 0);
  CHECK(row.get(2048) == 0);
  row.set(5, 6);
  CHECK(row.get(5) == 6);
}

TEST_CASE("a row takes memory for what was set, not for where") {
  paged_row<int> row;
  CHECK(row.capacity() == 0);
  for (int i = 0; i < 100; ++i) row.set(last_block, i);
  CHECK(row.capacity() == 1024);
  CHECK(row.get(0) == 0);
  CHECK(row.capacity() == 1024);
  row.set(0, 1);
  CHECK(row.capacity() == 2048);
}

TEST_CASE("a set of blocks takes each block once") {
  block_set blocks;
  CHECK_FALSE(blocks.contains(0));
  CHECK(blocks.insert({10, 5}));
  CHECK(blocks.contains(10));
  CHECK(blocks.contains(14));
  CHECK_FALSE(blocks.contains(9));
  CHECK_FALSE(blocks.contains(15));
  CHECK_FALSE(blocks.contains(last_block));

  SECTION("no run that overlaps, and nothing of it") {
    const auto run = GENERATE(frames::block_run{10, 5}, frames::block_run{8, 3}, frames::block_run{14, 9},
                              frames::block_run{0, 100}, frames::block_run{12, 1});
    CHECK_FALSE(blocks.insert(run));
    CHECK_FALSE(blocks.contains(8));
    CHECK_FALSE(blocks.contains(15));
  }
  SECTION("neighbours and what lies far away") {
    CHECK(blocks.insert({0, 10}));
    CHECK(blocks.insert({15, 1}));
    CHECK(blocks.insert({last_block, 1}));
    CHECK(blocks.contains(0));
    CHECK(blocks.contains(15));
    CHECK_FALSE(blocks.contains(16));
    CHECK(blocks.contains(last_block));
    CHECK_FALSE(blocks.insert({last_block, 1}));
  }
  SECTION("an empty run changes nothing") {
    CHECK(blocks.insert({12, 0}));
    CHECK(blocks.insert({last_block, 0}));
    CHECK_FALSE(blocks.contains(last_block));
  }
}

TEST_CASE("runs that touch become one") {
  std::vector<frames::block_run> runs;
  append_run(runs, {3, 2});
  append_run(runs, {5, 1});
  append_run(runs, {7, 1});
  append_run(runs, {6, 1});
  CHECK(runs == std::vector<frames::block_run>{{3, 3}, {7, 1}, {6, 1}});
}

TEST_CASE("the root is the digest of the row of digests") {
  SECTION("of no bytes, for a file without blocks") {
    CHECK(digest_row{}.root(block_layout{0, 16}) == digest_of(byte_view{}));
  }
  SECTION("of blocks in whatever order they came") {
    const byte_buffer content = noise(3 * smallest_block + 7, 1);
    digest_row row;
    for (const std::uint64_t index : {2U, 0U, 3U, 1U}) row.set(index, digest_of(block_of(content, index)));
    CHECK(row.root(block_layout{content.size(), 16}) == root_of(content));
  }
  SECTION("of zeros in the middle and in a last block that is short") {
    byte_buffer content = noise(4 * smallest_block + 7, 2);
    std::fill(content.begin() + smallest_block, content.begin() + 3 * smallest_block, std::byte{0});
    std::fill(content.begin() + 4 * smallest_block, content.end(), std::byte{0});
    digest_row row;
    row.set(0, digest_of(block_of(content, 0)));
    row.set(3, digest_of(block_of(content, 3)));
    CHECK(row.set_zero({1, 2}));
    CHECK(row.set_zero({4, 1}));
    CHECK_FALSE(row.set_zero({2, 1}));
    CHECK(row.is_zero(1));
    CHECK_FALSE(row.is_zero(3));
    CHECK(row.root(block_layout{content.size(), 16}) == root_of(content));
  }
  SECTION("zero outlives what was set before") {
    const byte_buffer content(smallest_block);
    digest_row row;
    row.set(0, digest_of(noise(smallest_block, 3)));
    CHECK(row.set_zero({0, 1}));
    CHECK(row.root(block_layout{content.size(), 16}) == root_of(content));
  }
  SECTION("of more blocks than are digested at a time") {
    const block_layout layout{1000 * smallest_block, 16};
    digest_row row;
    running_digest expected;
    for (std::uint64_t index = 0; index < layout.count(); ++index) {
      const digest one = digest_of(tcptools::as_bytes(std::to_string(index)));
      row.set(index, one);
      expected.update(one.bytes);
    }
    CHECK(row.root(layout) == expected.value());
  }
}
