#include <cstdint>
#include <string>
#include <utility>
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

namespace {

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
  CHECK(changed(file, [](auto& offer) { offer.item.block_log2 = 20; }) == verdict::taken);
  CHECK(changed(file, [](auto& offer) { offer.item.block_log2 = 21; }) == verdict::violation);
  CHECK(changed(file, [](auto& offer) { offer.item.block_log2 = 25; }) == verdict::violation);
  CHECK(changed(file, [](auto& offer) { offer.item.size = unknown_size; }) == verdict::violation);
  CHECK(changed(file, [](auto& offer) { offer.item.size = 0; }) == verdict::violation);
}

TEST_CASE("large blocks are for files that would have too many smaller ones") {
  constexpr std::uint64_t tebibyte = std::uint64_t{1} << 40U;
  CHECK(verdict_of(file_offer(tebibyte, 20)) == verdict::taken);
  CHECK(verdict_of(file_offer(tebibyte, 21)) == verdict::violation);
  CHECK(verdict_of(file_offer(tebibyte + 1, 20)) == verdict::violation);
  CHECK(verdict_of(file_offer(tebibyte + 1, 21)) == verdict::taken);
  CHECK(verdict_of(file_offer(16 * tebibyte, 24)) == verdict::taken);
  CHECK(verdict_of(file_offer(16 * tebibyte, 25)) == verdict::violation);
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
    CHECK(changed(offer_of(kind), [](auto& offer) { offer.body = frames::promised{digest{}}; }) == verdict::violation);
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
    return changed(file_offer(size), [](auto& offer) { offer.body = frames::promised{digest{}}; });
  };
  CHECK(promised(0) == verdict::violation);
  CHECK(promised(1) == verdict::taken);
  CHECK(promised(65'536) == verdict::taken);
  CHECK(promised(65'537) == verdict::violation);

  frames::offer largest = file_offer(65'536);
  largest.item.path.assign(4096, 'p');
  largest.body = frames::inlined{digest{}, byte_view{content}.first(65'536)};
  CHECK(verdict_of(largest) == verdict::taken);

  for (const unsigned flags : {3U, 5U, 6U, 7U, 8U}) {
    CAPTURE(flags);
    for (const frames::promised& body : {frames::promised{digest{}}, frames::promised{}}) {
      frames::offer promise = file_offer(5);
      promise.body = body;
      byte_buffer both = encoded(promise);
      both[1] = static_cast<std::byte>(flags);
      CHECK(verdict_of(both) == verdict::violation);
    }
  }
}

TEST_CASE("files of any size but none are offered by time") {
  const auto by_time = [](std::uint64_t size) {
    return changed(file_offer(size, 20), [](auto& offer) { offer.body = frames::promised{}; });
  };
  CHECK(by_time(0) == verdict::violation);
  CHECK(by_time(1) == verdict::taken);
  CHECK(by_time(65'537) == verdict::taken);
  CHECK(by_time(std::uint64_t{1} << 40U) == verdict::taken);
  CHECK(by_time((std::uint64_t{1} << 40U) + 1) == verdict::violation);

  frames::offer offer = file_offer(5);
  offer.body = frames::promised{};
  byte_buffer more = encoded(offer);
  more.push_back(std::byte{0});
  more[7] = static_cast<std::byte>(more.size() - frame_header_size);
  CHECK(verdict_of(more) == verdict::violation);
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
