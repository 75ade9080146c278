#include "tcptools/transfer/stream_file.hpp"

#include <string>

#include "disk_store_rig.hpp"
#include "support/catch.hpp"

using namespace tcptools::testing;
using namespace tcptools::transfer;
using tcptools::byte_buffer;
using tcptools::byte_view;
using tcptools::errc;
using tcptools::result;

namespace {

result<void> write(incoming& stream, std::uint64_t index, byte_view content) {
  return stream.write(index, content, digest_of(content));
}

}  // namespace

TEST_CASE("a stream is stored block by block and appears at its end") {
  for (const bool fsync : {false, true}) {
    store_options options = quick_options();
    options.fsync = fsync;
    const store_rig rig{options};
    const byte_buffer content = noise(2 * smallest_block + 100, 1);
    const auto stream = rig.open(stream_entry("d/s"));
    CHECK(stream->checked() == 0);
    CHECK_FALSE(stream->adoptable());
    for (std::uint64_t index = 0; index < 3; ++index) REQUIRE(write(*stream, index, block_of(content, index)));
    CHECK(stream->checkpoint());
    CHECK_FALSE(rig.exists("d/s"));
    CHECK(rig.unfinished() == 1);
    CHECK(is_new(stream->commit(content.size()), "d/s"));
    CHECK(rig.holds("d/s", content));
    CHECK(rig.mode("d/s") == 0640);
    CHECK(rig.modified("d/s") == timestamp{1'700'000'000, 5});
    CHECK(rig.unfinished() == 0);
  }
}

TEST_CASE("an empty stream is stored as an empty file") {
  const store_rig rig;
  CHECK(is_new(rig.open(stream_entry("s"))->commit(0), "s"));
  CHECK(rig.read("s").empty());
}

TEST_CASE("the last block of a stream may be written again, longer") {
  const store_rig rig;
  const byte_buffer content = noise(smallest_block + 300, 1);
  const auto stream = rig.open(stream_entry("s"));
  const byte_view first = block_of(content, 0);
  for (const std::size_t size : {std::size_t{1}, std::size_t{10}, std::size_t{11}, smallest_block}) {
    REQUIRE(write(*stream, 0, first.first(size)));
  }
  REQUIRE(write(*stream, 1, block_of(content, 1).first(100)));
  REQUIRE(write(*stream, 1, block_of(content, 1)));
  CHECK(is_new(stream->commit(content.size()), "s"));
  CHECK(rig.holds("s", content));
}

TEST_CASE("a damaged block of a stream is not written") {
  const store_rig rig;
  const byte_buffer content = noise(1000, 1);
  const auto stream = rig.open(stream_entry("s"));
  REQUIRE(write(*stream, 0, content));
  CHECK(failed_with(stream->write(0, noise(1000, 2), digest_of(content)), errc::verify_failed));
  REQUIRE(stream->commit(content.size()));
  CHECK(rig.holds("s", content));
}

TEST_CASE("a stream has nothing to be claimed, kept or adopted, and no holes") {
  const store_rig rig;
  rig.write("s", std::string(smallest_block, 'x'));
  const auto stream = rig.open(stream_entry("s"));
  CHECK_FALSE(stream->claim(0));
  CHECK_FALSE(stream->keep(0, digest_of_zeros(1)));
  CHECK_FALSE(stream->write_hole(0, 1));
  CHECK_FALSE(stream->adopt());
}

TEST_CASE("a stream that ends early leaves nothing") {
  const store_rig rig;
  rig.write("s", "old");
  bool discarded = false;
  SECTION("given up") {}
  SECTION("discarded") { discarded = true; }
  {
    const auto stream = rig.open(stream_entry("s"));
    REQUIRE(write(*stream, 0, noise(1000, 1)));
    REQUIRE(stream->checkpoint());
    if (discarded) stream->discard();
  }
  CHECK(rig.unfinished() == 0);
  CHECK(rig.read("s") == "old");
}

TEST_CASE("a stream that grows past what is allowed is refused") {
  store_options options = quick_options();
  options.max_file_size = smallest_block + 10;
  const store_rig rig{options};
  const byte_buffer content = noise(2 * smallest_block, 1);
  const auto stream = rig.open(stream_entry("s"));
  REQUIRE(write(*stream, 0, block_of(content, 0)));
  CHECK(failed_with(write(*stream, 1, block_of(content, 1).first(11)), errc::too_large));
  REQUIRE(write(*stream, 1, block_of(content, 1).first(10)));
  CHECK(is_new(stream->commit(smallest_block + 10), "s"));
}

TEST_CASE("streams of one name may run at the same time") {
  const store_rig rig;
  const auto first = rig.open(stream_entry("s"));
  const auto second = rig.open(stream_entry("s"));
  REQUIRE(write(*first, 0, noise(10, 1)));
  REQUIRE(write(*second, 0, noise(20, 2)));
  CHECK(is_new(second->commit(20), "s"));
  CHECK(rig.holds("s", noise(20, 2)));
  CHECK(is_new(first->commit(10), "s"));
  CHECK(rig.holds("s", noise(10, 1)));
}
