// Which blocks are copied before they are kept, and which of those still count.
#include "tcptools/transfer/copy_ahead.hpp"

#include "support/catch.hpp"

using tcptools::transfer::copy_ahead;
using tcptools::transfer::digest;
using tcptools::transfer::digest_of;

namespace {

constexpr std::uint64_t claimable_blocks = 100'000;
constexpr unsigned log2_of_blocks = 16;

const digest copied_digest = digest_of({});

}  // namespace

TEST_CASE("nothing is copied ahead before something was kept") {
  copy_ahead ahead{claimable_blocks, log2_of_blocks};
  CHECK_FALSE(ahead.wants(0));
  ahead.on_kept(0);
  CHECK(ahead.wants(1));
}

TEST_CASE("blocks are copied ahead as long as more than four are kept for each that is sent") {
  copy_ahead ahead{claimable_blocks, log2_of_blocks};
  ahead.on_sent({0, 2});
  for (std::uint64_t index = 2; index < 10; ++index) ahead.on_kept(index);
  CHECK_FALSE(ahead.wants(11));
  ahead.on_kept(10);
  CHECK(ahead.wants(11));
  ahead.on_sent({11, 1});
  CHECK_FALSE(ahead.wants(12));
}

TEST_CASE("no block is copied over what was sent, nor before it, nor where nothing is claimed") {
  copy_ahead ahead{claimable_blocks, log2_of_blocks};
  for (std::uint64_t index = 0; index < 5; ++index) ahead.on_kept(index);
  ahead.on_sent({7, 1});
  CHECK_FALSE(ahead.wants(6));
  CHECK_FALSE(ahead.wants(7));
  CHECK(ahead.wants(8));
  CHECK(ahead.wants(claimable_blocks - 1));
  CHECK_FALSE(ahead.wants(claimable_blocks));
}

TEST_CASE("what is sent where nothing is claimed says nothing of the rest") {
  copy_ahead ahead{claimable_blocks, log2_of_blocks};
  ahead.on_kept(0);
  ahead.on_sent({claimable_blocks, 1'000});
  CHECK(ahead.wants(1));
}

TEST_CASE("1 GiB is copied ahead and no more, until it is known what becomes of them") {
  copy_ahead ahead{claimable_blocks, log2_of_blocks};
  ahead.on_kept(0);
  std::uint64_t index = 1;
  for (; ahead.wants(index); ++index) ahead.on_copied(index, copied_digest);
  CHECK(index == 1 + 16'384);
  SECTION("kept") { ahead.on_kept(1); }
  SECTION("or sent") {
    for (std::uint64_t earlier = 0; earlier < 4; ++earlier) ahead.on_kept(0);
    ahead.on_sent({1, 1});
  }
  CHECK(ahead.wants(index));
}

TEST_CASE("a copy counts if it is what is asked for, and until something else is sent") {
  copy_ahead ahead{claimable_blocks, log2_of_blocks};
  for (const std::uint64_t index : {1U, 2U, 3U}) ahead.on_copied(index, copied_digest);
  CHECK(ahead.has(1, copied_digest));
  CHECK_FALSE(ahead.has(1, digest{}));
  CHECK_FALSE(ahead.has(0, copied_digest));
  ahead.on_sent({2, 2});
  CHECK(ahead.has(1, copied_digest));
  CHECK_FALSE(ahead.has(2, copied_digest));
  CHECK_FALSE(ahead.has(3, copied_digest));
  ahead.on_kept(1);
  CHECK_FALSE(ahead.has(1, copied_digest));
}
