#include <cstdint>
#include <variant>
#include <vector>

#include "frame_samples.hpp"
#include "protocol_verdict.hpp"
#include "support/catch.hpp"
#include "tcptools/transfer/protocol.hpp"

using namespace tcptools::transfer;
using namespace tcptools::testing;
using tcptools::byte_buffer;
using tcptools::byte_view;
using tcptools::byte_writer;
using tcptools::errc;

TEST_CASE("of the beginning of a frame nothing is taken, and its size is known from the header on") {
  for (const frame_sample& sample : frame_samples()) {
    CAPTURE(sample.name);
    for (std::size_t there = 0; there < sample.wire.size(); ++there) {
      const auto step = decode(byte_view{sample.wire}.first(there));
      REQUIRE(step);
      CHECK_FALSE(step->value);
      CHECK(step->size == (there < frame_header_size ? frame_header_size : sample.wire.size()));
    }
  }
}

TEST_CASE("what follows a frame is left alone") {
  for (const frame_sample& sample : frame_samples()) {
    byte_buffer wire = sample.wire;
    wire.resize(wire.size() + 50, std::byte{0xFF});
    const auto step = decode(wire);
    REQUIRE(step);
    CHECK(step->size == sample.wire.size());
    REQUIRE(step->value);
    CHECK(encoded(*step->value) == sample.wire);
  }
}

TEST_CASE("a frame with any byte changed is taken or refused and does no harm") {
  for (const frame_sample& sample : frame_samples()) {
    for (std::size_t at = 0; at < sample.wire.size(); ++at) {
      const auto old = std::to_integer<unsigned>(sample.wire[at]);
      for (const unsigned value : {0U, 1U, 0x7FU, 0x80U, 0xFFU, old ^ 1U, old ^ 0x80U, old + 1U, old - 1U}) {
        byte_buffer wire = sample.wire;
        wire[at] = static_cast<std::byte>(value);
        const auto step = decode(wire);
        if (!step) {
          const errc code = step.error().code();
          CHECK((code == errc::protocol_violation || code == errc::version_unsupported));
        } else if (step->value) {
          CHECK(step->size <= wire.size());
        } else {
          CHECK(step->size > wire.size());
        }
      }
    }
  }
}

TEST_CASE("a frame with a byte too few or too many for its fields is refused") {
  // Those that may be of any length are tested below.
  for (const frame_sample& sample : frame_samples()) {
    const auto kind = static_cast<frames::type>(sample.wire[0]);
    const bool fixed = kind == frames::type::hole || kind == frames::type::keep || kind == frames::type::need ||
                       kind == frames::type::finish || kind == frames::type::accept || kind == frames::type::have ||
                       kind == frames::type::progress || kind == frames::type::bye ||
                       (kind == frames::type::offer && sample.name != "OFFER of a link");
    if (!fixed) continue;
    CAPTURE(sample.name);
    const byte_view payload = byte_view{sample.wire}.subspan(frame_header_size);
    const auto type = std::to_integer<std::uint8_t>(sample.wire[0]);
    const auto flags = std::to_integer<std::uint8_t>(sample.wire[1]);
    byte_buffer longer{payload.begin(), payload.end()};
    longer.push_back(std::byte{0});
    CHECK(verdict_of(raw_frame(type, flags, longer)) == verdict::violation);
    if (!payload.empty()) {
      CHECK(verdict_of(raw_frame(type, flags, payload.first(payload.size() - 1))) == verdict::violation);
    }
  }
}

TEST_CASE("payloads are refused by their header as soon as they are over a limit") {
  using frames::type;
  struct bound {
    type kind;
    std::size_t least;
    std::size_t most;
  };
  for (const bound& one :
       {bound{type::hello, 20, 4096},    bound{type::offer, 39, 71'680}, bound{type::block, 29, 16'777'244},
        bound{type::hole, 20, 20},       bound{type::keep, 20, 20},      bound{type::finish, 28, 28},
        bound{type::cancel, 6, 518},     bound{type::join, 32, 32},      bound{type::fence, 4, 4},
        bound{type::bye, 0, 0},          bound{type::error, 2, 514},     bound{type::welcome, 18, 4096},
        bound{type::accept, 12, 12},     bound{type::have, 16, 65'552},  bound{type::need, 20, 20},
        bound{type::delivered, 4, 4100}, bound{type::refuse, 6, 518},    bound{type::progress, 12, 12},
        bound{type{0x80}, 0, 65'536},    bound{type{0xFF}, 0, 65'536}}) {
    CAPTURE(static_cast<int>(one.kind));
    const auto header_accepted = [&](std::size_t length) {
      byte_buffer wire;
      byte_writer{wire}.u8(static_cast<std::uint8_t>(one.kind)).u8(0).u16(0).u32(static_cast<std::uint32_t>(length));
      const auto step = decode(wire);
      if (!step) CHECK(step.error().code() == errc::protocol_violation);
      // An empty payload is judged with its header.
      return step && (step->value || step->size == frame_header_size + length);
    };
    CHECK(header_accepted(one.least));
    CHECK(header_accepted(one.most));
    CHECK_FALSE(header_accepted(one.most + 1));
    CHECK_FALSE(header_accepted(0xFFFFFFFF));
    if (one.least > 0) CHECK_FALSE(header_accepted(one.least - 1));
  }
}

TEST_CASE("reserved bits are refused") {
  for (const frame_sample& sample : frame_samples()) {
    CAPTURE(sample.name);
    for (const std::size_t at : {2U, 3U}) {
      byte_buffer wire = sample.wire;
      wire[at] = std::byte{1};
      CHECK(verdict_of(wire) == verdict::violation);
    }
    for (unsigned bit = 0; bit < 8; ++bit) {
      const auto kind = static_cast<frames::type>(sample.wire[0]);
      const bool one_flag =
          kind == frames::type::block || kind == frames::type::have || kind == frames::type::delivered;
      const unsigned defined = kind == frames::type::offer ? 7U : one_flag ? 1U : 0U;
      if ((defined >> bit & 1U) != 0) continue;
      byte_buffer wire = sample.wire;
      wire[1] |= std::byte{1} << bit;
      CHECK(verdict_of(wire) == verdict::violation);
    }
  }
}

TEST_CASE("unknown types that must be understood are refused by their first byte") {
  std::vector<bool> known(0x80);
  for (const frame_sample& sample : frame_samples()) known[std::to_integer<std::size_t>(sample.wire[0])] = true;
  for (unsigned type = 0; type < 0x80; ++type) {
    const byte_buffer first(1, static_cast<std::byte>(type));
    CHECK(decode(first).has_value() == known[type]);
  }
}

TEST_CASE("unknown types that are optional are skipped") {
  for (const unsigned type : {0x80U, 0xA5U, 0xFFU}) {
    for (const std::size_t size : {0U, 1U, 65'536U}) {
      const byte_buffer wire = raw_frame(static_cast<std::uint8_t>(type), 0xFF, byte_buffer(size), 0xFFFF);
      const auto step = decode(wire);
      REQUIRE(step);
      REQUIRE(step->value);
      CHECK(std::holds_alternative<frames::unknown>(*step->value));
      CHECK(step->size == wire.size());
    }
  }
}

TEST_CASE("extensions of HELLO and WELCOME are skipped unless they are required") {
  const auto with = [](const frame& value, const char* extensions) {
    byte_buffer payload = encoded(value);
    payload.erase(payload.begin(), payload.begin() + frame_header_size);
    const byte_buffer more = from_hex(extensions);
    payload.insert(payload.end(), more.begin(), more.end());
    const bool hello = std::holds_alternative<frames::hello>(value);
    return verdict_of(
        raw_frame(static_cast<std::uint8_t>(hello ? frames::type::hello : frames::type::welcome), 0, payload));
  };
  for (const frame& value : {frame{frames::hello{}}, frame{frames::welcome{1, 1, 1, 1}}}) {
    CHECK(with(value, "0004 0000") == verdict::taken);
    CHECK(with(value, "0004 0003 414243 7FFF 0001 44") == verdict::taken);
    CHECK(with(value, "8000 0000") == verdict::other_version);
    CHECK(with(value, "0004 0001 41 FFFF 0001 42") == verdict::other_version);
    CHECK(with(value, "00") == verdict::violation);
    CHECK(with(value, "0001 00") == verdict::violation);
    CHECK(with(value, "0001 0002 41") == verdict::violation);
    CHECK(with(value, "0004 0000 0001 0000") == verdict::violation);
    CHECK(with(value, "0004 0000 0004 0000") == verdict::violation);
    CHECK(with(value, "0003 0000") == verdict::taken);
    CHECK(with(value, "0003 0001 00") == verdict::violation);
  }
}

TEST_CASE("of the algorithms that HELLO offers zstd is known, and WELCOME chooses one") {
  const auto hello = [](const std::string& extension) {
    byte_buffer payload = from_hex("0001 0001" + std::string(32, '0') + extension);
    const byte_buffer wire = raw_frame(static_cast<std::uint8_t>(frames::type::hello), 0, payload);
    const auto step = decode(wire);
    REQUIRE(step);
    REQUIRE(step->value);
    return std::get<frames::hello>(*step->value).zstd;
  };
  CHECK(hello("0001 0001 01"));
  CHECK(hello("0001 0003 05 01 02"));
  CHECK(hello("0001 0002 01 07"));
  CHECK_FALSE(hello("0001 0002 07 02"));
  CHECK_FALSE(hello("0001 0000"));
  CHECK_FALSE(hello(""));
  const auto welcome = [](const std::string& extension) {
    const byte_buffer payload = from_hex("0001 00000001 00000001 0000000000000001" + extension);
    return verdict_of(raw_frame(static_cast<std::uint8_t>(frames::type::welcome), 0, payload));
  };
  CHECK(welcome("0001 0001 01") == verdict::taken);
  CHECK(welcome("0001 0001 00") == verdict::violation);
  CHECK(welcome("0001 0001 02") == verdict::violation);
  CHECK(welcome("0001 0000") == verdict::violation);
  CHECK(welcome("0001 0002 01 01") == verdict::violation);
}

TEST_CASE("what is said of further connections is in range and of its length") {
  const std::string secret = "00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F";
  const auto hello = [](const std::string& extension) {
    return verdict_of(from_hex("01 00 0000 00000019 0001 0001" + std::string(32, '0') + extension));
  };
  CHECK(hello("0002 0001 01") == verdict::taken);
  CHECK(hello("0002 0001 FF") == verdict::taken);
  CHECK(hello("0002 0001 00") == verdict::violation);
  CHECK(hello("0004 0001 00") == verdict::taken);
  const auto welcome = [](const std::string& extension) {
    const byte_buffer more = from_hex(extension);
    byte_buffer payload = from_hex("0001 00000001 00000001 0000000000000001");
    payload.insert(payload.end(), more.begin(), more.end());
    return verdict_of(raw_frame(static_cast<std::uint8_t>(frames::type::welcome), 0, payload));
  };
  CHECK(welcome("0002 0011 01" + secret) == verdict::taken);
  CHECK(welcome("0002 0011 3F" + secret) == verdict::taken);
  CHECK(welcome("0002 0011 40" + secret) == verdict::violation);
  CHECK(welcome("0002 0011 00" + secret) == verdict::violation);
  CHECK(welcome("0002 0001 01") == verdict::violation);
  CHECK(welcome("0002 0012 01" + secret + "00") == verdict::violation);
}
