#include "tcptools/transfer/digest.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "support/catch.hpp"
#include "support/frames.hpp"
#include "tcptools/transfer/limits.hpp"

using namespace tcptools::transfer;
using namespace tcptools::testing;
using tcptools::as_bytes;
using tcptools::byte_buffer;
using tcptools::byte_view;

namespace {

// The content that the xxHash project tests itself with.
byte_buffer reference_content(std::size_t size) {
  byte_buffer bytes(size);
  std::uint64_t state = 2'654'435'761U;
  for (std::byte& one : bytes) {
    one = static_cast<std::byte>(state >> 56U);
    state *= 11'400'714'785'074'694'797U;
  }
  return bytes;
}

}  // namespace

TEST_CASE("digests are those that the xxHash project gives, high half first") {
  CHECK(to_text(digest_of({})) == "99aa06d3014798d86001c324468d497f");
  struct known {
    std::size_t size;
    const char* text;
  };
  // One of every way in which the algorithm treats a length.
  for (const known& one :
       {known{1, "a6cd5e9392000f6ac44bdff4074eecdb"}, known{6, "082afe0b8162d12a3e7039bdda43cfc6"},
        known{12, "6e3efd8fc7802b18061a192713f69ad9"}, known{24, "0ce966e4678d37611e7044d28b1b901d"},
        known{48, "a002ac4e5478227ef942219aed80f67b"}, known{81, "4952f58181ab00425e8bafb9f95fb803"},
        known{222, "337e09641b948717f1aebd597cec6b3a"}, known{403, "1b6de21e332dd73dcdeb804d65c6dea4"},
        known{512, "18d2d110dcc9bca1617e49599013cb6b"}, known{2048, "f736557fd47073a5dd59e2c3a5f038e0"},
        known{2240, "ccb134fbfa7ce49d6e73a90539cf2948"}, known{2367, "e89c0f6ff369b427cb37aeb9e5d361ed"}}) {
    CAPTURE(one.size);
    CHECK(to_text(digest_of(reference_content(one.size))) == one.text);
  }
}

TEST_CASE("content in pieces has the digest of the whole, however it is cut") {
  const byte_buffer content = noise(5000, 1);
  const digest whole = digest_of(content);
  for (const std::size_t length : {1U, 2U, 3U, 7U, 63U, 64U, 65U, 255U, 256U, 257U, 1024U, 4999U, 5000U}) {
    CAPTURE(length);
    running_digest running;
    for (std::size_t at = 0; at < content.size(); at += length) {
      running.update(byte_view{content}.subspan(at, std::min(length, content.size() - at)));
    }
    CHECK(running.value() == whole);
  }
}

TEST_CASE("content cut in two anywhere has the digest of the whole") {
  const byte_buffer content = reference_content(1100);
  const digest whole = digest_of(content);
  for (std::size_t at = 0; at <= content.size(); ++at) {
    running_digest running;
    running.update(byte_view{content}.first(at));
    CHECK(running.value() == digest_of(byte_view{content}.first(at)));
    running.update(byte_view{content}.subspan(at));
    CHECK(running.value() == whole);
  }
}

TEST_CASE("a running digest begins as the digest of nothing and can be moved") {
  running_digest first;
  CHECK(first.value() == digest_of({}));
  first.update({});
  CHECK(first.value() == digest_of({}));
  first.update(as_bytes("ab"));
  running_digest second = std::move(first);
  second.update(as_bytes("c"));
  CHECK(second.value() == digest_of(as_bytes("abc")));
  running_digest third;
  third.update(as_bytes("other"));
  third = std::move(second);
  CHECK(third.value() == digest_of(as_bytes("abc")));
}

TEST_CASE("the digest of zeros needs no zeros") {
  for (const std::size_t length :
       {std::size_t{0}, std::size_t{1}, std::size_t{65'535}, std::size_t{65'536}, std::size_t{65'537},
        std::size_t{200'000}, std::size_t{1} << 20U, (std::size_t{1} << 20U) + 1}) {
    CAPTURE(length);
    CHECK(digest_of_zeros(length) == digest_of(byte_buffer(length)));
  }
  for (unsigned log2 = limits::smallest_block_log2; log2 <= limits::largest_block_log2; ++log2) {
    CAPTURE(log2);
    CHECK(digest_of_zeros(std::size_t{1} << log2) == digest_of(byte_buffer(std::size_t{1} << log2)));
  }
}

TEST_CASE("every bit of the content counts") {
  const byte_buffer content = noise(300, 1);
  const digest whole = digest_of(content);
  for (std::size_t at = 0; at < content.size(); ++at) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      byte_buffer other = content;
      other[at] ^= std::byte{1} << bit;
      CHECK(digest_of(other) != whole);
    }
  }
}

TEST_CASE("a digest is shown as 32 digits") {
  digest value;
  CHECK(to_text(value) == std::string(32, '0'));
  for (std::size_t i = 0; i < 16; ++i) value.bytes[i] = static_cast<std::byte>(i * 0x11);
  CHECK(to_text(value) == "00112233445566778899aabbccddeeff");
}
