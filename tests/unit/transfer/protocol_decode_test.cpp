#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "frame_samples.hpp"
#include "support/catch.hpp"
#include "tcptools/transfer/limits.hpp"
#include "tcptools/transfer/protocol.hpp"

using tcptools::byte_buffer;
using tcptools::byte_view;
using tcptools::byte_writer;
using tcptools::errc;
using namespace tcptools::transfer;
using tcptools::testing::encoded;
using tcptools::testing::frame_sample;
using tcptools::testing::frame_samples;
using tcptools::testing::from_hex;

namespace {

enum class verdict { taken, violation, other_version };

// Decodes a copy that ends where its memory ends, so that a sanitizer sees what is read beyond.
verdict verdict_of(byte_view wire) {
  const auto copy = std::make_unique<std::byte[]>(wire.size());
  std::ranges::copy(wire, copy.get());
  const auto step = decode({copy.get(), wire.size()});
  if (step) {
    CHECK(step->value);
    CHECK(step->size == wire.size());
    return verdict::taken;
  }
  CHECK_FALSE(step.error().text().empty());
  if (step.error().code() == errc::version_unsupported) return verdict::other_version;
  CHECK(step.error().code() == errc::protocol_violation);
  return verdict::violation;
}

verdict verdict_of(const frame& value) { return verdict_of(encoded(value)); }

byte_buffer raw_frame(std::uint8_t type, std::uint8_t flags, byte_view payload, std::uint16_t reserved = 0) {
  byte_buffer wire;
  byte_writer writer{wire};
  writer.u8(type).u8(flags).u16(reserved).u32(static_cast<std::uint32_t>(payload.size())).bytes(payload);
  return wire;
}

frames::offer file_offer(std::uint64_t size, std::uint8_t block_log2 = 16) {
  frames::offer offer;
  offer.id = 1;
  offer.item.block_log2 = block_log2;
  offer.item.size = size;
  offer.item.path = "p";
  return offer;
}

frames::offer offer_of(entry_kind kind) {
  frames::offer offer = file_offer(0, 0);
  offer.item.kind = kind;
  if (kind == entry_kind::symlink) offer.item.target = "t";
  if (kind == entry_kind::stream) {
    offer.item.block_log2 = 20;
    offer.item.size = unknown_size;
  }
  return offer;
}

// The offer after something was done to it.
template <class Change>
verdict changed(frames::offer offer, Change change) {
  change(offer);
  return verdict_of(offer);
}

}  // namespace

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
       {bound{type::hello, 20, 4096}, bound{type::offer, 39, 71'680}, bound{type::block, 29, 16'777'244},
        bound{type::hole, 20, 20}, bound{type::keep, 20, 20}, bound{type::finish, 28, 28}, bound{type::cancel, 6, 518},
        bound{type::bye, 0, 0}, bound{type::error, 2, 514}, bound{type::welcome, 18, 4096}, bound{type::accept, 12, 12},
        bound{type::have, 16, 65'552}, bound{type::need, 20, 20}, bound{type::delivered, 4, 4100},
        bound{type::refuse, 6, 518}, bound{type::progress, 12, 12}, bound{type{0x80}, 0, 65'536},
        bound{type{0xFF}, 0, 65'536}}) {
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
      const unsigned defined = kind == frames::type::offer                                     ? 3U
                               : kind == frames::type::have || kind == frames::type::delivered ? 1U
                                                                                               : 0U;
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
    CHECK(with(value, "0001 0000") == verdict::taken);
    CHECK(with(value, "0001 0003 414243 7FFF 0001 44") == verdict::taken);
    CHECK(with(value, "8000 0000") == verdict::other_version);
    CHECK(with(value, "0001 0001 41 FFFF 0001 42") == verdict::other_version);
    CHECK(with(value, "00") == verdict::violation);
    CHECK(with(value, "0001 00") == verdict::violation);
    CHECK(with(value, "0001 0002 41") == verdict::violation);
  }
}

TEST_CASE("what HELLO and WELCOME say is in range") {
  CHECK(verdict_of(frames::hello{1, 1, {}}) == verdict::taken);
  CHECK(verdict_of(frames::hello{5, 0xFFFF, {}}) == verdict::taken);
  CHECK(verdict_of(frames::hello{0, 1, {}}) == verdict::violation);
  CHECK(verdict_of(frames::hello{2, 1, {}}) == verdict::violation);

  CHECK(verdict_of(frames::welcome{1, 65'536, 1024, unknown_size}) == verdict::taken);
  CHECK(verdict_of(frames::welcome{1, 65'537, 1, 1}) == verdict::violation);
  CHECK(verdict_of(frames::welcome{1, 0, 1, 1}) == verdict::violation);
  CHECK(verdict_of(frames::welcome{1, 1, 1025, 1}) == verdict::violation);
  CHECK(verdict_of(frames::welcome{1, 1, 0, 1}) == verdict::violation);
}

TEST_CASE("the fields of an offer are in range") {
  const frames::offer file = file_offer(1'000'000);
  CHECK(verdict_of(file) == verdict::taken);
  CHECK(changed(file, [](auto& offer) { offer.item.mode = 0777; }) == verdict::taken);
  CHECK(changed(file, [](auto& offer) { offer.item.mode = 01000; }) == verdict::violation);
  CHECK(changed(file, [](auto& offer) { offer.item.modified.nanoseconds = 1'000'000'000; }) == verdict::violation);
  CHECK(changed(file, [](auto& offer) { offer.item.allocated = 1'000'000; }) == verdict::taken);
  CHECK(changed(file, [](auto& offer) { offer.item.allocated = 1'000'001; }) == verdict::violation);
  CHECK(changed(file, [](auto& offer) { offer.item.kind = entry_kind{0}; }) == verdict::violation);
  CHECK(changed(file, [](auto& offer) { offer.item.kind = entry_kind{5}; }) == verdict::violation);
  CHECK(changed(file, [](auto& offer) { offer.item.block_log2 = 15; }) == verdict::violation);
  CHECK(changed(file, [](auto& offer) { offer.item.block_log2 = 24; }) == verdict::taken);
  CHECK(changed(file, [](auto& offer) { offer.item.block_log2 = 25; }) == verdict::violation);
  CHECK(changed(file, [](auto& offer) { offer.item.size = unknown_size; }) == verdict::violation);
  CHECK(changed(file, [](auto& offer) { offer.item.size = 0; }) == verdict::violation);
}

TEST_CASE("a file has at most 1,048,576 blocks") {
  CHECK(verdict_of(file_offer(std::uint64_t{1} << 36U)) == verdict::taken);
  CHECK(verdict_of(file_offer((std::uint64_t{1} << 36U) + 1)) == verdict::violation);
  CHECK(verdict_of(file_offer(std::uint64_t{1} << 44U, 24)) == verdict::taken);
  CHECK(verdict_of(file_offer((std::uint64_t{1} << 44U) + 1, 24)) == verdict::violation);
  CHECK(verdict_of(file_offer(unknown_size - 1, 24)) == verdict::violation);
}

TEST_CASE("a path has 1 to 4096 bytes, whatever they are") {
  const frames::offer file = file_offer(1'000'000);
  CHECK(changed(file, [](auto& offer) { offer.item.path = ""; }) == verdict::violation);
  CHECK(changed(file, [](auto& offer) { offer.item.path.assign(4096, 'p'); }) == verdict::taken);
  CHECK(changed(file, [](auto& offer) { offer.item.path.assign(4097, 'p'); }) == verdict::violation);
  CHECK(changed(file, [](auto& offer) { offer.item.path = "../\xFF"; }) == verdict::taken);
}

TEST_CASE("directories, links and streams have the fields of their kind only") {
  for (const entry_kind kind : {entry_kind::directory, entry_kind::symlink, entry_kind::stream}) {
    CHECK(verdict_of(offer_of(kind)) == verdict::taken);
    CHECK(changed(offer_of(kind), [](auto& offer) { offer.item.size = 1; }) == verdict::violation);
    CHECK(changed(offer_of(kind), [](auto& offer) { offer.item.allocated = 1; }) == verdict::violation);
    CHECK(changed(offer_of(kind), [](auto& offer) { offer.item.block_log2 ^= 16; }) == verdict::violation);
    CHECK(changed(offer_of(kind), [](auto& offer) { offer.body = frames::promised{}; }) == verdict::violation);
    CHECK(changed(offer_of(kind), [](auto& offer) { offer.body = frames::inlined{}; }) == verdict::violation);
  }
  CHECK(changed(offer_of(entry_kind::directory), [](auto& offer) { offer.item.target = "t"; }) == verdict::violation);
  CHECK(changed(offer_of(entry_kind::stream), [](auto& offer) { offer.item.target = "t"; }) == verdict::violation);
}

TEST_CASE("the target of a link is text of 1 to 4095 bytes") {
  const auto with = [](std::string target) {
    return changed(offer_of(entry_kind::symlink), [&](auto& offer) { offer.item.target = std::move(target); });
  };
  CHECK(with("") == verdict::violation);
  CHECK(with(std::string(4095, 't')) == verdict::taken);
  CHECK(with(std::string(4096, 't')) == verdict::violation);
  CHECK(with("../文件") == verdict::taken);
  CHECK(with("\xFF") == verdict::violation);
  CHECK(with(std::string{"a\0b", 3}) == verdict::violation);
}

TEST_CASE("content travels with an offer up to 65,536 bytes") {
  const byte_buffer content(65'537);
  const auto inlined = [&](std::uint64_t size, std::size_t sent) {
    return changed(file_offer(size),
                   [&](auto& offer) { offer.body = frames::inlined{digest{}, byte_view{content}.first(sent)}; });
  };
  CHECK(inlined(0, 0) == verdict::taken);
  CHECK(inlined(65'536, 65'536) == verdict::taken);
  CHECK(inlined(65'537, 65'537) == verdict::violation);
  CHECK(inlined(5, 4) == verdict::violation);
  CHECK(inlined(5, 6) == verdict::violation);

  const auto promised = [](std::uint64_t size) {
    return changed(file_offer(size), [](auto& offer) { offer.body = frames::promised{}; });
  };
  CHECK(promised(0) == verdict::violation);
  CHECK(promised(1) == verdict::taken);
  CHECK(promised(65'536) == verdict::taken);
  CHECK(promised(65'537) == verdict::violation);

  frames::offer largest = file_offer(65'536);
  largest.item.path.assign(4096, 'p');
  largest.body = frames::inlined{digest{}, byte_view{content}.first(65'536)};
  CHECK(verdict_of(largest) == verdict::taken);

  frames::offer promise = file_offer(5);
  promise.body = frames::promised{};
  byte_buffer both = encoded(promise);
  both[1] = std::byte{3};
  CHECK(verdict_of(both) == verdict::violation);
}

TEST_CASE("a block is of some file") {
  const byte_buffer data((1U << 24U) + 1);
  CHECK(verdict_of(frames::block{1, 1'048'575, {}, byte_view{data}.first(1)}) == verdict::taken);
  CHECK(verdict_of(frames::block{1, 1'048'576, {}, byte_view{data}.first(1)}) == verdict::violation);
  CHECK(verdict_of(frames::block{1, 0, {}, byte_view{data}.first(1U << 24U)}) == verdict::taken);
  CHECK(verdict_of(frames::block{1, 0, {}, data}) == verdict::violation);
  CHECK(verdict_of(frames::block{1, 0, {}, {}}) == verdict::violation);
}

TEST_CASE("a run of blocks is of some file") {
  const auto all = [](frames::block_run blocks) {
    const verdict first = verdict_of(frames::hole{1, blocks});
    CHECK(verdict_of(frames::keep{1, blocks}) == first);
    CHECK(verdict_of(frames::need{1, blocks}) == first);
    if (blocks.count <= 0xFFFFFFFF) CHECK(verdict_of(frames::have{1, blocks, {}}) == first);
    return first;
  };
  constexpr std::uint64_t most = 1'048'576;
  CHECK(all({0, 1}) == verdict::taken);
  CHECK(all({0, most}) == verdict::taken);
  CHECK(all({most - 1, 1}) == verdict::taken);
  CHECK(all({0, 0}) == verdict::violation);
  CHECK(all({0, most + 1}) == verdict::violation);
  CHECK(all({most, 1}) == verdict::violation);
  CHECK(all({1, most}) == verdict::violation);
  CHECK(all({1, UINT64_MAX}) == verdict::violation);
  CHECK(all({UINT64_MAX, 1}) == verdict::violation);
}

TEST_CASE("HAVE has a digest for each of at most 4096 blocks") {
  const auto with = [](std::uint64_t count, std::size_t digests) {
    return verdict_of(frames::have{1, {0, count}, std::vector<digest>(digests)});
  };
  CHECK(with(4096, 4096) == verdict::taken);
  CHECK(with(4097, 4097) == verdict::violation);
  CHECK(with(2, 1) == verdict::violation);
  CHECK(with(1, 2) == verdict::violation);
}

TEST_CASE("texts and paths for people are UTF-8 and bounded") {
  const auto reason = [](const std::string& text) {
    byte_buffer payload;
    byte_writer{payload}.u32(1).u16(3).text(text);
    const verdict refuse = verdict_of(raw_frame(static_cast<std::uint8_t>(frames::type::refuse), 0, payload));
    CHECK(verdict_of(raw_frame(static_cast<std::uint8_t>(frames::type::cancel), 0, payload)) == refuse);
    payload.erase(payload.begin(), payload.begin() + 4);
    CHECK(verdict_of(raw_frame(static_cast<std::uint8_t>(frames::type::error), 0, payload)) == refuse);
    return refuse;
  };
  CHECK(reason("") == verdict::taken);
  CHECK(reason(std::string(512, 't')) == verdict::taken);
  CHECK(reason(std::string(513, 't')) == verdict::violation);
  CHECK(reason("\xC3") == verdict::violation);
  CHECK(verdict_of(frames::delivered{1, false, std::string(4096, 'p')}) == verdict::taken);
  CHECK(verdict_of(frames::delivered{1, false, std::string(4097, 'p')}) == verdict::violation);
  CHECK(verdict_of(frames::delivered{1, false, "\xFF"}) == verdict::violation);
}
