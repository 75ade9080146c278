#include "tcptools/transfer/entry.hpp"

#include <cstdint>

#include "support/catch.hpp"
#include "tcptools/transfer/limits.hpp"

using namespace tcptools::transfer;

namespace {

constexpr std::uint64_t largest_block = std::uint64_t{1} << limits::largest_block_log2;
constexpr std::uint64_t largest_file = limits::blocks_per_file * largest_block;

}  // namespace

TEST_CASE("an empty file has no blocks") { CHECK(block_layout{0, 16}.count() == 0); }

TEST_CASE("blocks cover a file without gap or overlap") {
  for (const unsigned log2 : {16U, 17U, 20U, 24U}) {
    const std::uint64_t block = std::uint64_t{1} << log2;
    for (const std::uint64_t size : {std::uint64_t{1}, block - 1, block, block + 1, 5 * block - 1, 5 * block}) {
      CAPTURE(log2, size);
      const block_layout layout{size, log2};
      CHECK(layout.size() == size);
      CHECK(layout.block_log2() == log2);
      CHECK(layout.block_size() == block);
      std::uint64_t at = 0;
      for (std::uint64_t index = 0; index < layout.count(); ++index) {
        CHECK(layout.offset(index) == at);
        CHECK(layout.length(index) > 0);
        CHECK(layout.length(index) <= block);
        CHECK((layout.length(index) == block || index + 1 == layout.count()));
        at += layout.length(index);
      }
      CHECK(at == size);
    }
  }
}

TEST_CASE("the layout of the largest sizes does not overflow") {
  const block_layout largest{largest_file, limits::largest_block_log2};
  CHECK(largest.count() == limits::blocks_per_file);
  CHECK(largest.length(largest.count() - 1) == largest_block);
  CHECK(largest.offset(largest.count() - 1) == largest_file - largest_block);

  const block_layout stream{unknown_size, 16};
  CHECK(stream.count() == std::uint64_t{1} << 48U);
  CHECK(stream.length(0) == 65'536);
  CHECK(stream.length(stream.count() - 1) == 65'535);
}

TEST_CASE("small files have the smallest blocks") {
  CHECK(choose_block_log2(0) == 16);
  CHECK(choose_block_log2(1) == 16);
  CHECK(choose_block_log2(limits::preferred_blocks << 16U) == 16);
  CHECK(choose_block_log2((limits::preferred_blocks << 16U) + 1) == 17);
}

TEST_CASE("the chosen block size fits every size that the protocol allows, and grows with it") {
  unsigned before = limits::smallest_block_log2;
  for (unsigned power = 0; power <= 44; ++power) {
    for (const std::int64_t beside : {-1, 0, 1}) {
      const std::uint64_t size = (std::uint64_t{1} << power) + static_cast<std::uint64_t>(beside);
      CAPTURE(power, beside);
      const unsigned log2 = choose_block_log2(size);
      if (size > largest_file) {
        CHECK(log2 == 0);
        continue;
      }
      REQUIRE(log2 >= limits::smallest_block_log2);
      REQUIRE(log2 <= limits::largest_block_log2);
      CHECK(log2 >= before);
      CHECK(block_layout{size, log2}.count() <= limits::blocks_per_file);
      // No larger one than needed.
      const bool half_is_usual = log2 - 1 < limits::usual_block_log2;
      if (log2 > limits::smallest_block_log2) {
        CHECK(block_layout{size, log2 - 1}.count() >
              (half_is_usual ? limits::preferred_blocks : limits::blocks_per_file));
      }
      before = log2;
    }
  }
}

TEST_CASE("what has too many blocks of any size has no block size") {
  CHECK(choose_block_log2(largest_file) == limits::largest_block_log2);
  CHECK(choose_block_log2(largest_file + 1) == 0);
  CHECK(choose_block_log2(unknown_size) == 0);
}
