#include "tcptools/transfer/zstd_block.hpp"

#include <zstd.h>

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <random>
#include <utility>

#include "frame_samples.hpp"
#include "support/catch.hpp"
#include "support/frames.hpp"

using tcptools::byte_buffer;
using tcptools::byte_view;
using tcptools::errc;
using namespace tcptools::testing;
using namespace tcptools::transfer;

namespace {

// noise() has seven bits a byte, which is an eighth to be had.
byte_buffer pure_noise(std::size_t size) {
  byte_buffer bytes(size);
  std::mt19937_64 random{size};
  for (std::byte& one : bytes) one = static_cast<std::byte>(random() >> 56U);
  return bytes;
}

byte_buffer compressed(byte_view content) {
  zstd_compressor compressor;
  const auto frame = compressor.compress(content);
  REQUIRE(frame);
  return {frame->begin(), frame->end()};
}

// As a program would that speaks to us with settings of its own.
byte_buffer compressed_with(byte_view content, std::initializer_list<std::pair<ZSTD_cParameter, int>> settings) {
  const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context{ZSTD_createCCtx(), ZSTD_freeCCtx};
  for (const auto& [setting, value] : settings)
    REQUIRE_FALSE(ZSTD_isError(ZSTD_CCtx_setParameter(&*context, setting, value)));
  byte_buffer frame(ZSTD_compressBound(content.size()));
  const std::size_t size = ZSTD_compress2(&*context, frame.data(), frame.size(), content.data(), content.size());
  REQUIRE_FALSE(ZSTD_isError(size));
  frame.resize(size);
  return frame;
}

// Without saying beforehand how much comes: the frame has a window and says nothing of its content's size.
byte_buffer compressed_as_stream(byte_view content, int window_log) {
  const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context{ZSTD_createCCtx(), ZSTD_freeCCtx};
  REQUIRE_FALSE(ZSTD_isError(ZSTD_CCtx_setParameter(&*context, ZSTD_c_windowLog, window_log)));
  byte_buffer frame(ZSTD_compressBound(content.size()) + 1000);
  ZSTD_outBuffer out{frame.data(), frame.size(), 0};
  ZSTD_inBuffer in{content.data(), content.size() / 2, 0};
  REQUIRE_FALSE(ZSTD_isError(ZSTD_compressStream2(&*context, &out, &in, ZSTD_e_flush)));
  in.size = content.size();
  REQUIRE(ZSTD_compressStream2(&*context, &out, &in, ZSTD_e_end) == 0);
  frame.resize(out.pos);
  return frame;
}

bool undone(byte_view frame, byte_view content) {
  // A copy that ends where its memory ends, so that a sanitizer sees what is read beyond.
  const std::unique_ptr<std::byte[]> copy{new std::byte[std::max<std::size_t>(frame.size(), 1)]};
  std::ranges::copy(frame, copy.get());
  zstd_decompressor decompressor;
  const auto block = decompressor.decompress({copy.get(), frame.size()}, content.size());
  return block && std::ranges::equal(*block, content);
}

bool refused(byte_view frame, std::size_t length) {
  zstd_decompressor decompressor;
  const auto block = decompressor.decompress(frame, length);
  return !block && block.error().code() == errc::verify_failed;
}

// A frame whose blocks repeat one byte, 128 KiB each, `blocks` times: some bytes for a lot.
byte_buffer repeating(std::size_t blocks, const char* header) {
  byte_buffer frame = from_hex(header);
  for (std::size_t i = 0; i < blocks; ++i) {
    const std::uint32_t block = (i + 1 == blocks ? 1U : 0U) | 1U << 1U | (128U << 10U) << 3U;
    for (unsigned shift = 0; shift < 24; shift += 8) frame.push_back(static_cast<std::byte>(block >> shift));
    frame.push_back(std::byte{'x'});
  }
  return frame;
}

}  // namespace

TEST_CASE("a block that shrinks comes back") {
  for (const std::size_t size : {1000U, 65'535U, 65'536U, 65'537U, 1U << 20U, 1U << 24U}) {
    CAPTURE(size);
    const byte_buffer content = text_like(size, size);
    const byte_buffer frame = compressed(content);
    CHECK(frame.size() < size / 2);
    CHECK(undone(frame, content));
  }
}

TEST_CASE("a block that does not shrink is left as it is") {
  zstd_compressor compressor;
  for (const std::size_t size : {0U, 1U, 2U, 15U, 65'536U, 1U << 20U}) {
    CAPTURE(size);
    CHECK_FALSE(compressor.compress(pure_noise(size)));
  }
  CHECK(compressor.compress(text_like(5000, 1)));
}

TEST_CASE("blocks of different sizes follow one another") {
  zstd_compressor compressor;
  zstd_decompressor decompressor;
  for (const std::size_t size : {1U << 20U, 500U, 65'536U, 3U << 20U, 1000U}) {
    const byte_buffer content = text_like(size, size);
    const auto frame = compressor.compress(content);
    REQUIRE(frame);
    const auto block = decompressor.decompress(*frame, size);
    REQUIRE(block);
    CHECK(std::ranges::equal(*block, content));
    CHECK_FALSE(decompressor.decompress(frame->first(frame->size() / 2), size));
  }
}

TEST_CASE("of a part of a frame nothing comes, wherever it is cut") {
  const byte_buffer content = text_like(1000, 1);
  const byte_buffer frame = compressed(content);
  for (std::size_t there = 0; there < frame.size(); ++there) CHECK(refused(byte_view{frame}.first(there), 1000));
  for (std::size_t gone = 1; gone < frame.size(); ++gone) CHECK(refused(byte_view{frame}.subspan(gone), 1000));
}

TEST_CASE("a frame with any byte changed makes the block's length or nothing") {
  const byte_buffer content = text_like(3000, 1);
  const byte_buffer frame = compressed(content);
  zstd_decompressor decompressor;
  for (std::size_t at = 0; at < frame.size(); ++at) {
    for (const unsigned flip : {1U, 0x10U, 0x80U, 0xFFU}) {
      byte_buffer changed = frame;
      changed[at] ^= static_cast<std::byte>(flip);
      const auto block = decompressor.decompress(changed, content.size());
      if (block) {
        CHECK(block->size() == content.size());
      } else {
        CHECK(block.error().code() == errc::verify_failed);
      }
    }
  }
  const auto block = decompressor.decompress(frame, content.size());
  REQUIRE(block);
  CHECK(std::ranges::equal(*block, content));
}

TEST_CASE("a frame makes just the block's length") {
  const byte_buffer content = text_like(2000, 1);
  for (const byte_buffer& frame : {compressed(content), compressed_as_stream(content, 20)}) {
    CHECK(undone(frame, content));
    CHECK(refused(frame, 1999));
    CHECK(refused(frame, 2001));
    CHECK(refused(frame, 1));
    CHECK(refused(frame, 1U << 20U));
  }
}

TEST_CASE("a frame stands alone") {
  const byte_buffer content = text_like(2000, 1);
  const byte_buffer frame = compressed(content);
  const byte_buffer half = compressed(byte_view{content}.first(1000));
  const byte_buffer other_half = compressed(byte_view{content}.subspan(1000));
  const auto joined = [](const byte_buffer& first, const byte_buffer& second) {
    byte_buffer all = first;
    all.insert(all.end(), second.begin(), second.end());
    return all;
  };
  const byte_buffer skippable = from_hex("50 2A 4D 18 02 00 00 00 AB CD");
  const byte_buffer empty = from_hex("28 B5 2F FD 20 00 01 00 00");
  REQUIRE(ZSTD_decompress(byte_buffer(1).data(), 1, empty.data(), empty.size()) == 0);
  CHECK(refused(joined(half, other_half), 2000));
  CHECK(refused(joined(frame, from_hex("00")), 2000));
  CHECK(refused(joined(frame, frame), 2000));
  CHECK(refused(joined(frame, skippable), 2000));
  CHECK(refused(joined(skippable, frame), 2000));
  CHECK(refused(joined(frame, empty), 2000));
  CHECK(refused(joined(empty, frame), 2000));
  CHECK(refused(skippable, 2000));
  CHECK(refused(empty, 2000));
}

TEST_CASE("older formats are not spoken") {
  for (unsigned magic = 0x20; magic <= 0x2F; ++magic) {
    byte_buffer frame = compressed(text_like(2000, 1));
    if (std::byte{static_cast<unsigned char>(magic)} == frame[0]) continue;
    frame[0] = static_cast<std::byte>(magic);
    CHECK(refused(frame, 2000));
  }
}

TEST_CASE("what other compressors make is taken, with other levels, checksums and windows") {
  const byte_buffer content = text_like(200'000, 1);
  CHECK(undone(compressed_with(content, {{ZSTD_c_compressionLevel, 19}}), content));
  CHECK(undone(compressed_with(content, {{ZSTD_c_compressionLevel, -7}}), content));
  CHECK(undone(compressed_with(content, {{ZSTD_c_checksumFlag, 1}}), content));
  CHECK(undone(compressed_with(content, {{ZSTD_c_contentSizeFlag, 0}}), content));
  CHECK(undone(compressed_with(content, {{ZSTD_c_windowLog, 10}}), content));
  CHECK(undone(compressed_as_stream(content, 24), content));
}

TEST_CASE("a window of more than 16 MiB is refused") {
  const byte_buffer content = text_like(200'000, 1);
  CHECK(refused(compressed_as_stream(content, 25), content.size()));
  byte_buffer frame = compressed_as_stream(content, 24);
  REQUIRE(frame[5] == std::byte{14U << 3U});
  frame[5] = std::byte{(14U << 3U) + 1};
  CHECK(refused(frame, content.size()));
}

TEST_CASE("a dictionary is refused") {
  const byte_buffer content = text_like(2000, 1);
  byte_buffer frame = compressed(content);
  // A dictionary's number, in one byte, behind the descriptor of a single segment.
  frame[4] |= std::byte{1};
  frame.insert(frame.begin() + 5, std::byte{7});
  CHECK(refused(frame, 2000));
  frame[5] = std::byte{0};
  CHECK(refused(frame, 2000));
}

TEST_CASE("a bomb makes no more than the block") {
  // 256 GiB, if it is believed; no size of the content, and a window of 128 KiB.
  const byte_buffer bomb = repeating(2U << 20U, "28 B5 2F FD 00 38");
  CHECK(refused(bomb, smallest_block));
  CHECK(refused(bomb, 1U << 20U));

  // Claims 1 TiB and 1 EiB, in one segment.
  CHECK(refused(repeating(8, "28 B5 2F FD E0 00 00 00 00 00 01 00 00"), 1U << 20U));
  CHECK(refused(repeating(8, "28 B5 2F FD E0 00 00 00 00 00 00 00 10"), 1U << 20U));

  // What is short because it repeats itself is no bomb.
  const byte_buffer block(1U << 20U, std::byte{'x'});
  CHECK(undone(repeating(8, "28 B5 2F FD 00 38"), block));
  CHECK(refused(repeating(9, "28 B5 2F FD 00 38"), block.size()));
  CHECK(refused(repeating(7, "28 B5 2F FD 00 38"), block.size()));
}
