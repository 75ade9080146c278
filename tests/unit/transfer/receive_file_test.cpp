#include "tcptools/transfer/receive_file.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/frames.hpp"
#include "support/show.hpp"

using tcptools::byte_buffer;
using tcptools::byte_view;
using tcptools::errc;
using tcptools::error;
using tcptools::result;
using namespace tcptools::testing;
using namespace tcptools::transfer;

namespace {

// One file and what is said to it. Every event returns what the file asks for, as one line.
class receive_file_script {
 public:
  explicit receive_file_script(std::size_t size, entry item)
      : content{noise(size, size)}, file{7, std::move(item), 1U << 30U, false} {}
  explicit receive_file_script(std::size_t size) : receive_file_script{size, file_entry("f", size)} {}

  std::string opened(std::uint64_t checked = 0, bool adoptable = false) {
    return line(file.on_opened({checked, adoptable}));
  }
  std::string block(std::uint64_t index) { return block(index, block_of(content, index)); }
  std::string block(std::uint64_t index, byte_view data) {
    return line(file.on_block(block_frame(7, index, data), nullptr));
  }
  // A block that comes in so many bytes, whatever they are.
  std::string compressed(std::uint64_t index, std::size_t size) {
    const byte_view data = byte_view{content}.first(size);
    const bool exists = index * smallest_block < content.size();
    const digest content_digest = exists ? digest_of(block_of(content, index)) : digest{};
    return line(file.on_block({7, index, content_digest, data, true}, nullptr));
  }
  std::string hole(std::uint64_t first, std::uint64_t count) { return line(file.on_hole({7, {first, count}})); }
  std::string keep(std::uint64_t first, std::uint64_t count) { return line(file.on_keep({7, {first, count}})); }
  std::string finish() { return line(file.on_finish(finish_frame(7, content))); }
  std::string finish(std::uint64_t size, const digest& root) { return line(file.on_finish({7, size, root})); }

  // The older version has the same blocks, or an interrupted transfer had them.
  std::string claimed(std::uint64_t first, std::uint64_t count) {
    std::vector<std::optional<digest>> claims;
    for (std::uint64_t i = 0; i < count; ++i) claims.emplace_back(digest_of(block_of(content, first + i)));
    return claimed(first, std::move(claims));
  }
  std::string claimed(std::uint64_t first, result<std::vector<std::optional<digest>>> outcome) {
    return line(file.on_claimed({7, first, std::move(outcome)}));
  }
  std::string kept(std::uint64_t first, result<std::vector<bool>> outcome) {
    return line(file.on_kept({7, first, std::move(outcome)}));
  }
  std::string written(std::uint64_t index, result<void> outcome = {}) {
    return written(index, block_of(content, index).size(), std::move(outcome));
  }
  std::string written(std::uint64_t index, std::size_t length, result<void> outcome = {}) {
    return line(file.on_written({7, index, length, std::move(outcome)}));
  }
  std::string damaged(std::uint64_t index) { return written(index, error{errc::verify_failed}); }
  std::string written_hole(std::uint64_t first, std::uint64_t count, result<void> outcome = {}) {
    return line(file.on_written_hole({7, {first, count}, std::move(outcome)}));
  }
  // Blocks arrive and are written.
  void store(std::initializer_list<std::uint64_t> indexes) {
    for (const std::uint64_t index : indexes) {
      REQUIRE(block(index) == "write 7 " + std::to_string(index));
      REQUIRE(written(index).empty());
    }
  }
  void make_zero(std::uint64_t first, std::uint64_t count) {
    const auto begin = content.begin() + static_cast<std::ptrdiff_t>(first * smallest_block);
    std::fill(begin, begin + static_cast<std::ptrdiff_t>(count * smallest_block), std::byte{0});
  }

  byte_buffer content;
  receive_file file;

 private:
  static std::string line(const result<receive_file::step>& step) {
    if (step) return line(*step);
    CHECK(step.error().code() == errc::protocol_violation);
    return "violation";
  }
  static std::string line(const receive_file::step& step) {
    std::vector<std::string> parts;
    for (const frame& one : step.answers) parts.push_back(show(one));
    for (const job& one : step.urgent) parts.push_back(show(one));
    for (const job& one : step.background) parts.push_back("later " + show(one));
    if (step.refused) {
      const auto code = static_cast<unsigned>(to_wire(step.refused->code()));
      parts.push_back("refused " + std::to_string(code) + (step.discard ? ", discarded" : ""));
    }
    std::string all;
    for (const std::string& one : parts) all += (all.empty() ? "" : ", ") + one;
    return all;
  }
};

constexpr std::size_t three_blocks = 2 * smallest_block + 100;

}  // namespace

TEST_CASE("a new file arrives in any order") {
  receive_file_script talk{three_blocks};
  CHECK_FALSE(talk.file.waits_for_sender());
  CHECK(talk.opened() == "ACCEPT 7 checked 0");
  CHECK(talk.file.waits_for_sender());
  CHECK(talk.block(2) == "write 7 2");
  CHECK(talk.block(0) == "write 7 0");
  CHECK(talk.written(2).empty());
  CHECK(talk.written(0).empty());
  CHECK(talk.block(1) == "write 7 1");
  CHECK_FALSE(talk.file.root());
  SECTION("and is complete when all is written") {
    CHECK(talk.finish().empty());
    CHECK_FALSE(talk.file.waits_for_sender());
    CHECK_FALSE(talk.file.committing());
    CHECK(talk.written(1) == "commit 7 131172");
  }
  SECTION("and is complete when all was said") {
    CHECK(talk.written(1).empty());
    CHECK(talk.file.waits_for_sender());
    CHECK(talk.finish() == "commit 7 131172");
  }
  CHECK(talk.file.committing());
  CHECK_FALSE(talk.file.waits_for_sender());
  CHECK(talk.file.root() == finish_frame(7, talk.content).root);
}

TEST_CASE("a block that arrives damaged is asked for again, three times") {
  receive_file_script talk{three_blocks};
  talk.opened();
  talk.store({0, 2});
  CHECK(talk.block(1) == "write 7 1");
  const int failures = GENERATE(1, 2, 3, 4);
  const bool finish_first = GENERATE(false, true);
  if (finish_first) CHECK(talk.finish().empty());
  for (int i = 1; i < failures; ++i) {
    CHECK(talk.damaged(1) == "NEED 7 1+1");
    CHECK(talk.file.waits_for_sender());
    CHECK(talk.block(1) == "write 7 1");
    CHECK(talk.block(1) == "violation");
  }
  if (failures == 4) {
    CHECK(talk.damaged(1) == "refused 8");
    return;
  }
  CHECK(talk.damaged(1) == "NEED 7 1+1");
  if (!finish_first) CHECK(talk.finish().empty());
  CHECK(talk.block(1) == "write 7 1");
  CHECK(talk.written(1) == "commit 7 131172");
}

TEST_CASE("what is asked for again may turn out to be a hole") {
  receive_file_script talk{3 * smallest_block};
  talk.make_zero(1, 2);
  talk.opened();
  talk.store({0});
  talk.block(1);
  talk.block(2);
  CHECK(talk.damaged(1) == "NEED 7 1+1");
  CHECK(talk.damaged(2) == "NEED 7 2+1");
  CHECK(talk.finish().empty());
  CHECK(talk.hole(0, 2) == "violation");
  CHECK(talk.hole(1, 2) == "hole 7 1+2");
  CHECK(talk.written_hole(1, 2) == "commit 7 196608");
}

TEST_CASE("what is there is told, and kept where the sender says so") {
  receive_file_script talk{three_blocks};
  CHECK(talk.opened(3) == "ACCEPT 7 checked 3, later claim 7 0+3");
  CHECK_FALSE(talk.file.waits_for_sender());

  SECTION("all at once") {
    CHECK(talk.claimed(0, 3) == "HAVE 7 0+3");
    CHECK(talk.file.waits_for_sender());
    CHECK(talk.keep(0, 3) == "later keep 7 0+3");
    CHECK(talk.finish().empty());
    CHECK(talk.kept(0, std::vector<bool>{true, true, true}) == "commit 7 131172");
  }
  SECTION("piece by piece") {
    CHECK(talk.claimed(0, 1) == "HAVE 7 0+1, later claim 7 1+2");
    CHECK(talk.keep(0, 2) == "violation");
    CHECK(talk.keep(0, 1) == "later keep 7 0+1");
    CHECK(talk.claimed(1, 2) == "HAVE 7 1+2");
    CHECK(talk.keep(1, 1).empty());
    CHECK(talk.keep(2, 1).empty());
    CHECK(talk.kept(0, std::vector<bool>{true}) == "later keep 7 1+2");
    CHECK(talk.finish().empty());
    CHECK(talk.kept(1, std::vector<bool>{true, true}) == "commit 7 131172");
  }
  SECTION("with gaps") {
    const digest one = digest_of(block_of(talk.content, 1));
    CHECK(talk.claimed(0, std::vector<std::optional<digest>>{std::nullopt, one, std::nullopt}) ==
          "HAVE 7 0+1 nothing, HAVE 7 1+1, HAVE 7 2+1 nothing");
    CHECK(talk.keep(0, 1) == "violation");
    CHECK(talk.keep(1, 1) == "later keep 7 1+1");
  }
  SECTION("a disk that fails ends it") {
    CHECK(talk.claimed(0, 1) == "HAVE 7 0+1, later claim 7 1+2");
    CHECK(talk.claimed(1, error{errc::storage_failed}) == "refused 11");
  }
  SECTION("what was sent meanwhile is not told") {
    talk.store({1});
    CHECK(talk.hole(0, 1) == "hole 7 0+1");
    CHECK(talk.claimed(0, 3) == "HAVE 7 0+2 nothing, HAVE 7 2+1");
    CHECK(talk.keep(1, 1) == "violation");
    CHECK(talk.keep(0, 1) == "violation");
    CHECK(talk.keep(2, 1) == "later keep 7 2+1");
  }
  SECTION("what was asked for again is not told: it is to be sent") {
    CHECK(talk.block(1) == "write 7 1");
    CHECK(talk.damaged(1) == "NEED 7 1+1");
    CHECK(talk.claimed(0, 3) == "HAVE 7 0+1, HAVE 7 1+1 nothing, HAVE 7 2+1");
    CHECK(talk.keep(1, 1) == "violation");
    CHECK(talk.block(1) == "write 7 1");
  }
  SECTION("what the sender has sent without waiting needs no more words") {
    talk.store({0, 1, 2});
    CHECK(talk.finish() == "commit 7 131172");
    CHECK(talk.claimed(0, 1).empty());
  }
  SECTION("the sender may finish before everything was told") {
    CHECK(talk.claimed(0, 1) == "HAVE 7 0+1, later claim 7 1+2");
    talk.store({1, 2});
    CHECK(talk.keep(0, 1) == "later keep 7 0+1");
    CHECK(talk.finish().empty());
    CHECK(talk.claimed(1, 2).empty());
    CHECK(talk.kept(0, std::vector<bool>{true}) == "commit 7 131172");
  }
}

TEST_CASE("what is no longer as it was told is asked for") {
  receive_file_script talk{three_blocks};
  talk.opened(3);
  talk.claimed(0, 3);
  CHECK(talk.keep(0, 3) == "later keep 7 0+3");
  CHECK(talk.finish().empty());
  CHECK(talk.kept(0, std::vector<bool>{false, true, false}) == "NEED 7 0+1, NEED 7 2+1");
  CHECK(talk.file.waits_for_sender());
  CHECK(talk.keep(0, 1) == "violation");
  CHECK(talk.block(2) == "write 7 2");
  CHECK(talk.damaged(2) == "NEED 7 2+1");
  CHECK(talk.block(0) == "write 7 0");
  CHECK(talk.written(0).empty());
  CHECK(talk.block(2) == "write 7 2");
  CHECK(talk.damaged(2) == "NEED 7 2+1");
  CHECK(talk.block(2) == "write 7 2");
  SECTION("and delivered in the end") { CHECK(talk.written(2) == "commit 7 131172"); }
  SECTION("or not, if it fails too often") { CHECK(talk.damaged(2) == "refused 8"); }
}

TEST_CASE("claims and copies are asked for in slices") {
  constexpr std::uint64_t count = 5000;
  receive_file_script talk{0, file_entry("f", count * smallest_block)};
  CHECK(talk.opened(count) == "ACCEPT 7 checked 5000, later claim 7 0+4096");
  const std::vector<std::optional<digest>> claims(4096, digest{});
  CHECK(talk.claimed(0, claims) == "HAVE 7 0+4096, later claim 7 4096+904");
  CHECK(talk.claimed(4096, std::vector<std::optional<digest>>(904)) == "HAVE 7 4096+904 nothing");
  CHECK(talk.keep(0, 70) == "later keep 7 0+64");
  CHECK(talk.keep(70, 10).empty());
  CHECK(talk.kept(0, std::vector<bool>(64, true)) == "later keep 7 64+16");
  CHECK(talk.kept(64, std::vector<bool>(16, true)).empty());
  CHECK(talk.keep(100, 1) == "later keep 7 100+1");
}

TEST_CASE("a large block is kept alone") {
  receive_file_script talk{0, file_entry("f", 3U << 22U, 22)};
  talk.opened(3);
  talk.claimed(0, std::vector<std::optional<digest>>(3, digest{}));
  CHECK(talk.keep(0, 3) == "later keep 7 0+1");
  CHECK(talk.kept(0, std::vector<bool>{true}) == "later keep 7 1+1");
}

TEST_CASE("an older version that is the same is adopted") {
  receive_file_script talk{three_blocks};
  talk.opened(3, true);
  talk.claimed(0, 3);
  CHECK(talk.keep(0, 2).empty());
  CHECK(talk.keep(2, 1).empty());
  SECTION("with the promised root") {
    CHECK(talk.finish() == "adopt 7");
    CHECK(talk.file.committing());
  }
  SECTION("and not with another one") { CHECK(talk.finish(three_blocks, digest{}) == "refused 8, discarded"); }
}

TEST_CASE("an older version that differs somewhere is copied where it does not") {
  receive_file_script talk{4 * smallest_block};
  talk.opened(4, true);
  talk.claimed(0, 4);
  CHECK(talk.keep(0, 1).empty());
  CHECK(talk.keep(2, 1).empty());
  SECTION("by a block") {
    CHECK(talk.block(1) == "write 7 1, later keep 7 0+1");
    CHECK(talk.written(1).empty());
    CHECK(talk.keep(3, 1).empty());
    CHECK(talk.finish().empty());
    CHECK(talk.kept(0, std::vector<bool>{true}) == "later keep 7 2+2");
    CHECK(talk.kept(2, std::vector<bool>{true, true}) == "commit 7 262144");
  }
  SECTION("by a hole") {
    talk.make_zero(1, 1);
    CHECK(talk.hole(1, 1) == "hole 7 1+1, later keep 7 0+1");
    CHECK(talk.written_hole(1, 1).empty());
    CHECK(talk.keep(3, 1).empty());
    CHECK(talk.kept(0, std::vector<bool>{true}) == "later keep 7 2+2");
    CHECK(talk.kept(2, std::vector<bool>{true, true}).empty());
    CHECK(talk.finish() == "commit 7 262144");
  }
  SECTION("by the first thing that is said") {
    receive_file_script other{2 * smallest_block};
    other.opened(2, true);
    CHECK(other.block(0) == "write 7 0");
    CHECK(other.claimed(0, 2) == "HAVE 7 0+1 nothing, HAVE 7 1+1");
    CHECK(other.keep(1, 1) == "later keep 7 1+1");
  }
}

TEST_CASE("holes where the older version has zeros leave it as it is") {
  receive_file_script talk{4 * smallest_block};
  talk.make_zero(1, 2);
  talk.opened(4, true);
  talk.claimed(0, 4);
  CHECK(talk.keep(0, 1).empty());
  SECTION("if nothing else differs") {
    CHECK(talk.hole(1, 2).empty());
    CHECK(talk.hole(2, 1) == "violation");
    CHECK(talk.keep(1, 1) == "violation");
    CHECK(talk.block(1) == "violation");
    CHECK(talk.keep(3, 1).empty());
    CHECK(talk.finish() == "adopt 7");
  }
  SECTION("and are made once something differs") {
    CHECK(talk.hole(1, 1).empty());
    CHECK(talk.hole(2, 1).empty());
    CHECK(talk.block(3) == "hole 7 1+2, write 7 3, later keep 7 0+1");
    CHECK(talk.written_hole(1, 2).empty());
    CHECK(talk.written(3).empty());
    CHECK(talk.finish().empty());
    CHECK(talk.kept(0, std::vector<bool>{true}) == "commit 7 262144");
  }
  SECTION("but not where HAVE has not come that far") {
    receive_file_script other{2 * smallest_block};
    other.make_zero(0, 1);
    other.opened(2, true);
    CHECK(other.hole(0, 1) == "hole 7 0+1");
    CHECK(other.claimed(0, 2) == "HAVE 7 0+1 nothing, HAVE 7 1+1");
  }
}

TEST_CASE("the short last block can be a hole that is adopted") {
  receive_file_script talk{smallest_block + 5};
  std::fill(talk.content.begin() + smallest_block, talk.content.end(), std::byte{0});
  talk.opened(2, true);
  talk.claimed(0, 2);
  CHECK(talk.keep(0, 1).empty());
  CHECK(talk.hole(1, 1).empty());
  CHECK(talk.finish() == "adopt 7");
}

TEST_CASE("holes, kept blocks and new ones make one file") {
  receive_file_script talk{6 * smallest_block + 1};
  talk.make_zero(2, 2);
  talk.opened(3);
  CHECK(talk.hole(3, 1) == "hole 7 3+1");
  CHECK(talk.block(6) == "write 7 6");
  CHECK(talk.claimed(0, 3) == "HAVE 7 0+3");
  CHECK(talk.keep(0, 2) == "later keep 7 0+2");
  CHECK(talk.hole(2, 1) == "hole 7 2+1");
  CHECK(talk.block(5) == "write 7 5");
  CHECK(talk.block(4) == "write 7 4");
  CHECK(talk.finish().empty());
  CHECK(talk.written_hole(3, 1).empty());
  CHECK(talk.written(6).empty());
  CHECK(talk.written_hole(2, 1).empty());
  CHECK(talk.written(5).empty());
  CHECK(talk.kept(0, std::vector<bool>{true, true}).empty());
  CHECK(talk.written(4) == "commit 7 393217");
}

TEST_CASE("a whole that is not what was promised is refused and not kept") {
  receive_file_script talk{three_blocks};
  talk.opened();
  talk.store({0, 1, 2});
  CHECK(talk.finish(three_blocks, digest{}) == "refused 8, discarded");
}

TEST_CASE("storage that fails ends the entry with its reason") {
  receive_file_script talk{3 * smallest_block};
  talk.opened(3);
  talk.claimed(0, 3);
  CHECK(talk.keep(0, 1) == "later keep 7 0+1");
  CHECK(talk.hole(1, 1) == "hole 7 1+1");
  CHECK(talk.block(2) == "write 7 2");
  SECTION("writing") { CHECK(talk.written(2, error{errc::storage_full}) == "refused 9"); }
  SECTION("copying") { CHECK(talk.kept(0, error{errc::storage_failed}) == "refused 11"); }
  SECTION("a hole") { CHECK(talk.written_hole(1, 1, error{errc::storage_read_only}) == "refused 10"); }
}

TEST_CASE("frames that the state does not allow") {
  receive_file_script talk{three_blocks};
  SECTION("before ACCEPT") {
    CHECK(talk.block(0) == "violation");
    CHECK(talk.hole(0, 1) == "violation");
    CHECK(talk.keep(0, 1) == "violation");
    CHECK(talk.finish() == "violation");
  }
  SECTION("outside of the file") {
    talk.opened(1);
    talk.claimed(0, 1);
    const std::uint64_t outside = GENERATE(std::uint64_t{3}, limits::blocks_per_file, ~std::uint64_t{0});
    CHECK(talk.block(outside, block_of(talk.content, 0)) == "violation");
    CHECK(talk.hole(outside, 1) == "violation");
    CHECK(talk.hole(0, 4) == "violation");
    CHECK(talk.hole(2, outside) == "violation");
    CHECK(talk.keep(outside, 1) == "violation");
    CHECK(talk.keep(0, outside) == "violation");
  }
  SECTION("blocks of a wrong length") {
    talk.opened();
    CHECK(talk.block(0, block_of(talk.content, 0).first(5)) == "violation");
    CHECK(talk.block(2, block_of(talk.content, 0)) == "violation");
    CHECK(talk.block(2, block_of(talk.content, 2).first(99)) == "violation");
    CHECK(talk.block(0, byte_view{talk.content}) == "violation");
  }
  SECTION("a block sent twice, in every way") {
    talk.opened(3);
    talk.claimed(0, 3);
    REQUIRE(talk.block(0) == "write 7 0");
    REQUIRE(talk.hole(1, 1) == "hole 7 1+1");
    REQUIRE(talk.keep(2, 1) == "later keep 7 2+1");
    const bool done = GENERATE(false, true);
    if (done) {
      talk.written(0);
      talk.written_hole(1, 1);
      talk.kept(2, std::vector<bool>{true});
    }
    const std::uint64_t index = GENERATE(0U, 1U, 2U);
    CHECK(talk.block(index) == "violation");
    CHECK(talk.hole(index, 1) == "violation");
    CHECK(talk.hole(0, 3) == "violation");
    CHECK(talk.keep(index, 1) == "violation");
    CHECK(talk.keep(0, 3) == "violation");
  }
  SECTION("KEEP beyond what is checked") {
    talk.opened(1);
    talk.claimed(0, 1);
    CHECK(talk.keep(0, 2) == "violation");
    CHECK(talk.keep(1, 1) == "violation");
  }
  SECTION("FINISH with blocks missing") {
    talk.opened();
    CHECK(talk.finish() == "violation");
    talk.store({0, 1});
    CHECK(talk.finish() == "violation");
  }
  SECTION("FINISH with another size") {
    talk.opened();
    talk.store({0, 1, 2});
    CHECK(talk.finish(three_blocks - 1, digest{}) == "violation");
    CHECK(talk.finish(three_blocks + 1, digest{}) == "violation");
    CHECK(talk.finish(unknown_size, digest{}) == "violation");
  }
  SECTION("after FINISH") {
    talk.opened(1);
    talk.claimed(0, 1);
    talk.store({0, 1});
    REQUIRE(talk.block(2) == "write 7 2");
    REQUIRE(talk.finish().empty());
    const bool committing = GENERATE(false, true);
    if (committing) REQUIRE(talk.written(2) == "commit 7 131172");
    CHECK(talk.finish() == "violation");
    CHECK(talk.block(0) == "violation");
    CHECK(talk.hole(0, 1) == "violation");
    CHECK(talk.keep(0, 1) == "violation");
  }
}

TEST_CASE("a compressed block is shorter than the block, and counts as the block") {
  receive_file_script talk{three_blocks};
  talk.opened();
  CHECK(talk.compressed(0, smallest_block) == "violation");
  CHECK(talk.compressed(2, 100) == "violation");
  CHECK(talk.compressed(3, 10) == "violation");
  CHECK(talk.compressed(0, smallest_block - 1) == "write 7 0 from 65535");
  CHECK(talk.compressed(2, 99) == "write 7 2 from 99");
  CHECK(talk.compressed(2, 99) == "violation");
  CHECK(talk.block(1) == "write 7 1");
  talk.written(0);
  talk.written(1);
  CHECK(talk.damaged(2) == "NEED 7 2+1");
  CHECK(talk.compressed(2, 1) == "write 7 2 from 1");
  talk.written(2);
  CHECK(talk.finish() == "commit 7 " + std::to_string(three_blocks));
}

TEST_CASE("in a stream a compressed block is a full one") {
  receive_file_script talk{2 * smallest_block + 100, stream_entry("s")};
  talk.opened();
  CHECK(talk.compressed(0, smallest_block) == "violation");
  CHECK(talk.block(0, block_of(talk.content, 0).first(500)) == "write 7 0");
  CHECK(talk.compressed(0, 300) == "write 7 0 from 300");
  CHECK(talk.file.size() == smallest_block);
  CHECK(talk.compressed(0, 300) == "violation");
  CHECK(talk.compressed(1, 300) == "write 7 1 from 300");
  CHECK(talk.block(2) == "write 7 2");
  CHECK(talk.file.size() == 2 * smallest_block + 100);
  talk.written(0, 500);
  talk.written(0);
  talk.written(1);
  talk.written(2);
  CHECK(talk.finish() == "commit 7 " + std::to_string(2 * smallest_block + 100));
}

TEST_CASE("a stream grows block by block") {
  receive_file_script talk{2 * smallest_block + 100, stream_entry("s")};
  CHECK(talk.opened() == "ACCEPT 7 checked 0");
  CHECK(talk.file.size() == 0);
  const byte_view first = block_of(talk.content, 0);
  CHECK(talk.block(0, first.first(10)) == "write 7 0");
  CHECK(talk.file.size() == 10);
  CHECK(talk.written(0, 10).empty());
  CHECK(talk.block(0, first.first(70)) == "write 7 0");
  CHECK(talk.block(0, first) == "write 7 0");
  CHECK(talk.written(0, 70).empty());
  CHECK(talk.block(1) == "write 7 1");
  CHECK(talk.block(2, block_of(talk.content, 2).first(1)) == "write 7 2");
  CHECK(talk.block(2) == "write 7 2");
  CHECK(talk.file.waits_for_sender());
  CHECK(talk.finish().empty());
  CHECK_FALSE(talk.file.waits_for_sender());
  CHECK(talk.written(0).empty());
  CHECK(talk.written(1).empty());
  CHECK(talk.written(2, 1).empty());
  CHECK(talk.written(2) == "commit 7 131172");
}

TEST_CASE("a stream may be empty") {
  receive_file_script talk{0, stream_entry("s")};
  talk.opened();
  CHECK(talk.finish() == "commit 7 0");
}

TEST_CASE("a stream cannot be read again") {
  receive_file_script talk{2 * smallest_block, stream_entry("s")};
  talk.opened();
  talk.block(0);
  CHECK(talk.damaged(0) == "refused 8");
}

TEST_CASE("a stream that grows past what the receiver takes is refused") {
  constexpr std::uint64_t largest = smallest_block + 10;
  const byte_buffer content = noise(2 * smallest_block, 1);
  receive_file file{7, stream_entry("s"), largest, false};
  (void)file.on_opened({0, false});
  REQUIRE(file.on_block(block_frame(7, 0, block_of(content, 0)), nullptr));
  REQUIRE_FALSE(file.on_block(block_frame(7, 1, block_of(content, 1).first(10)), nullptr)->refused);
  const auto step = file.on_block(block_frame(7, 1, block_of(content, 1).first(11)), nullptr);
  REQUIRE(step);
  REQUIRE(step->refused);
  CHECK(step->refused->code() == errc::too_large);
  CHECK(step->discard);
  CHECK(step->urgent.empty());
}

TEST_CASE("frames that a stream does not allow") {
  receive_file_script talk{3 * smallest_block, stream_entry("s")};
  talk.opened();
  const byte_view first = block_of(talk.content, 0);
  SECTION("holes and kept blocks") {
    talk.store({0});
    CHECK(talk.hole(0, 1) == "violation");
    CHECK(talk.hole(1, 1) == "violation");
    CHECK(talk.keep(0, 1) == "violation");
  }
  SECTION("blocks out of order") {
    CHECK(talk.block(1) == "violation");
    talk.store({0});
    CHECK(talk.block(2) == "violation");
    CHECK(talk.block(0) == "violation");
  }
  SECTION("the next block while the last one is not full") {
    CHECK(talk.block(0, first.first(10)) == "write 7 0");
    CHECK(talk.block(1) == "violation");
  }
  SECTION("the last block again, without more data") {
    CHECK(talk.block(0, first.first(10)) == "write 7 0");
    CHECK(talk.block(0, first.first(10)) == "violation");
    CHECK(talk.block(0, first.first(9)) == "violation");
  }
  SECTION("a block that is too long") { CHECK(talk.block(0, byte_view{talk.content}) == "violation"); }
  SECTION("another size than was sent") {
    talk.store({0, 1});
    CHECK(talk.finish() == "violation");
  }
  SECTION("more after FINISH") {
    REQUIRE(talk.block(0) == "write 7 0");
    REQUIRE(talk.finish(smallest_block, finish_frame(7, {first.begin(), first.end()}).root).empty());
    CHECK(talk.block(1) == "violation");
    REQUIRE(talk.written(0) == "commit 7 65536");
    CHECK(talk.block(1) == "violation");
  }
}

TEST_CASE("work that is done is counted, and a commit is credited with the file's size at most") {
  constexpr std::uint64_t size = 10U << 20U;
  receive_file_script talk{size, file_entry("f", size, 24)};
  talk.opened();
  CHECK(talk.file.worked() == 0);
  REQUIRE(talk.block(0, byte_view{talk.content}) == "write 7 0");
  talk.file.on_tick();
  CHECK(talk.file.worked() == 0);
  REQUIRE(talk.written(0, size).empty());
  CHECK(talk.file.worked() == size);
  REQUIRE(talk.finish(size, finish_frame(7, talk.content, size).root) == "commit 7 10485760");
  std::uint64_t before = talk.file.worked();
  for (int tick = 0; tick < 3; ++tick) {
    talk.file.on_tick();
    CHECK(talk.file.worked() > before);
    before = talk.file.worked();
  }
  talk.file.on_tick();
  CHECK(talk.file.worked() == before);
  CHECK(before == 2 * size);
}
