#include "tcptools/transfer/protocol.hpp"

#include <algorithm>
#include <string>
#include <variant>
#include <vector>

#include "frame_samples.hpp"
#include "support/catch.hpp"
#include "tcptools/base/text.hpp"
#include "tcptools/transfer/limits.hpp"

using tcptools::byte_buffer;
using tcptools::byte_view;
using tcptools::errc;
using namespace tcptools::transfer;
using tcptools::testing::encoded;
using tcptools::testing::frame_sample;
using tcptools::testing::frame_samples;

namespace {

frame decode_whole(byte_view wire) {
  const auto step = decode(wire);
  REQUIRE(step);
  REQUIRE(step->value);
  CHECK(step->size == wire.size());
  return *step->value;
}

bool lies_within(byte_view part, byte_view whole) {
  return part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
}

// The text of a REFUSE frame after it was encoded and decoded.
std::string carried(const std::string& text) {
  return std::get<frames::refuse>(decode_whole(encoded(frames::refuse{1, wire_code::refused, text}))).text;
}

}  // namespace

TEST_CASE("the preface") {
  CHECK(std::ranges::equal(preface(), tcptools::testing::from_hex("89 54 53 4E 44 0D 0A 1A")));
}

TEST_CASE("every frame has the bytes of the specification") {
  for (const frame_sample& sample : frame_samples()) {
    CAPTURE(sample.name);
    CHECK(encoded(sample.value) == sample.wire);
  }
}

TEST_CASE("every frame comes back as it was") {
  for (const frame_sample& sample : frame_samples()) {
    CAPTURE(sample.name);
    const frame value = decode_whole(sample.wire);
    CHECK(value.index() == sample.value.index());
    CHECK(encoded(value) == sample.wire);
  }
}

TEST_CASE("there is a sample of every frame") {
  std::vector<bool> seen(std::variant_size_v<frame>);
  for (const frame_sample& sample : frame_samples()) seen[sample.value.index()] = true;
  seen[frame{frames::unknown{}}.index()] = true;
  CHECK(std::ranges::all_of(seen, [](bool one) { return one; }));
}

TEST_CASE("frames are appended and taken one after another") {
  byte_buffer wire;
  for (const frame_sample& sample : frame_samples()) encode(sample.value, wire);
  byte_view left = wire;
  for (const frame_sample& sample : frame_samples()) {
    const auto step = decode(left);
    REQUIRE(step);
    REQUIRE(step->value);
    CHECK(step->value->index() == sample.value.index());
    CHECK(step->size == sample.wire.size());
    left = left.subspan(step->size);
  }
  CHECK(left.empty());
}

TEST_CASE("a block's header and its data make a frame") {
  const frames::block block{7, 9, digest_of({}), tcptools::as_bytes("data")};
  const auto header = encode_block_header(block.id, block.index, block.content_digest, block.data.size());
  const byte_buffer whole = encoded(block);
  CHECK(std::ranges::equal(header, byte_view{whole}.first(block_header_size)));
  CHECK(tcptools::as_text(byte_view{whole}.subspan(block_header_size)) == "data");
}

TEST_CASE("what a frame carries is a view into the input") {
  for (const frame_sample& sample : frame_samples()) {
    const frame value = decode_whole(sample.wire);
    if (const auto* block = std::get_if<frames::block>(&value)) {
      CHECK(block->data.size() == 3);
      CHECK(lies_within(block->data, sample.wire));
    }
    if (const auto* offer = std::get_if<frames::offer>(&value)) {
      if (const auto* body = std::get_if<frames::inlined>(&offer->body)) CHECK(lies_within(body->content, sample.wire));
    }
  }
}

TEST_CASE("long texts are cut between code points") {
  static_assert(limits::text == 512);
  CHECK(carried(std::string(512, 'a')).size() == 512);
  CHECK(carried(std::string(513, 'a')).size() == 512);
  const auto shifted = [](std::size_t before, const std::string& code_point) {
    std::string text(before, 'a');
    for (int i = 0; i < 512; ++i) text += code_point;
    return text;
  };
  for (const std::string code_point : {"é", "文", "\xF0\x9F\x98\x80"}) {
    for (std::size_t before = 0; before < 4; ++before) {
      const std::string text = carried(shifted(before, code_point));
      CHECK(text.size() > 512 - code_point.size());
      CHECK(text.size() <= 512);
      CHECK(tcptools::is_utf8(text));
    }
  }
  const frame cancel = decode_whole(encoded(frames::cancel{1, wire_code::cancelled, shifted(1, "é")}));
  CHECK(std::get<frames::cancel>(cancel).text.size() == 511);
  const frame error = decode_whole(encoded(frames::error{wire_code::busy, shifted(1, "é")}));
  CHECK(std::get<frames::error>(error).text.size() == 511);
}

TEST_CASE("an error that goes over the wire and back keeps its cause") {
  for (const errc code :
       {errc::protocol_violation, errc::version_unsupported, errc::refused, errc::busy, errc::name_rejected,
        errc::conflict, errc::too_large, errc::verify_failed, errc::storage_full, errc::storage_read_only,
        errc::storage_failed, errc::timed_out, errc::source_changed, errc::source_unreadable, errc::cancelled}) {
    CHECK(from_wire(to_wire(code)) == code);
  }
  CHECK(from_wire(to_wire(errc::source_missing)) == errc::source_unreadable);
  CHECK(from_wire(wire_code{0}) == errc::refused);
  CHECK(from_wire(wire_code{999}) == errc::refused);
}

TEST_CASE("the codes have the numbers of the specification") {
  const std::vector<errc> by_number{errc::protocol_violation,
                                    errc::version_unsupported,
                                    errc::refused,
                                    errc::busy,
                                    errc::name_rejected,
                                    errc::conflict,
                                    errc::too_large,
                                    errc::verify_failed,
                                    errc::storage_full,
                                    errc::storage_read_only,
                                    errc::storage_failed,
                                    errc::timed_out,
                                    errc::connection_lost,
                                    errc::source_changed,
                                    errc::source_unreadable,
                                    errc::cancelled};
  for (std::size_t i = 0; i < by_number.size(); ++i) CHECK(from_wire(static_cast<wire_code>(i + 1)) == by_number[i]);
}
