// Whatever becomes of what an interrupted transfer left, the next one ends with the right content: damage costs blocks
// that are sent again and nothing else.
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <string>

#include "disk_store_rig.hpp"
#include "support/catch.hpp"
#include "tcptools/transfer/journal.hpp"

namespace fs = std::filesystem;
using namespace tcptools::testing;
using namespace tcptools::transfer;
using tcptools::byte_buffer;
using tcptools::byte_view;
using tcptools::result;

namespace {

// Blocks 0, 1 and 4 were received, 2 is a hole, 3 is missing.
constexpr std::uint64_t block_count = 5;
constexpr std::uint64_t received = 4;

byte_buffer some_content() {
  byte_buffer content = noise(some_size, 1);
  std::fill_n(content.begin() + 2 * smallest_block, smallest_block, std::byte{0});
  return content;
}

class damage_rig : public store_rig {
 public:
  damage_rig() : content{some_content()} {
    {
      const auto file = open(item);
      for (const std::uint64_t index : {0U, 1U, 4U}) {
        REQUIRE(file->write(index, block_of(content, index), digest_of(block_of(content, index))));
      }
      REQUIRE(file->write_hole(2, 1));
    }
    part = read(part_of("f"));
    journal = read(journal_of("f"));
    REQUIRE(part.size() == some_size);
  }

  // The next transfer finds these. What it delivers is right, or the test fails.
  completed send_after(const std::string& part_found, const std::string& journal_found) {
    write(part_of("f"), part_found);
    write(journal_of("f"), journal_found);
    return send_now();
  }
  completed send_now() {
    completed all = send(item, content);
    check_result(all.outcome, content);
    return all;
  }

  // A sender whose file is what the receiver claims to have: every block that is kept must be that.
  std::set<std::uint64_t> believe_after(const std::string& part_found, const std::string& journal_found) {
    write(part_of("f"), part_found);
    write(journal_of("f"), journal_found);
    byte_buffer expected = content;
    std::set<std::uint64_t> kept;
    const auto file = open(item);
    std::map<std::uint64_t, digest> claims;
    for (std::uint64_t index = 0; index < block_count; ++index) {
      const auto claimed =
          index < file->checked() ? file->claim(index) : result<std::optional<digest>>{std::optional<digest>{}};
      REQUIRE(claimed);
      bool is_kept = false;
      if (*claimed) {
        const auto answer = file->keep(index, **claimed);
        REQUIRE(answer);
        is_kept = *answer;
      }
      if (is_kept) {
        kept.insert(index);
        claims[index] = **claimed;
      } else {
        REQUIRE(file->write(index, block_of(content, index), digest_of(block_of(content, index))));
      }
    }
    const auto outcome = file->commit(some_size);
    if (!is_new(outcome, "f")) FAIL("not delivered");
    const std::string there = read("f");
    REQUIRE(there.size() == some_size);
    for (std::uint64_t index = 0; index < block_count; ++index) {
      const byte_view block = block_of(content, index);
      const std::string_view found = std::string_view{there}.substr(index * smallest_block, block.size());
      const bool right = claims.contains(index) ? digest_of(tcptools::as_bytes(found)) == claims[index]
                                                : found == tcptools::as_text(block);
      if (!right) FAIL("block " << index << " is not what was agreed on");
    }
    clean_up();
    return kept;
  }

  void clean_up() const {
    if (unfinished() != 0) FAIL("something is left in .tcpsend");
    fs::remove(*this / "f");
  }

  entry item = file_entry("f", some_size);
  byte_buffer content;
  std::string part;
  std::string journal;

 private:
  void check_result(const result<placed>& outcome, const byte_buffer& expected) const {
    if (!is_new(outcome, "f")) FAIL("not delivered");
    if (!holds("f", expected)) FAIL("delivered and wrong");
    clean_up();
  }
};

std::size_t header_size() {
  byte_buffer header;
  encode(journal_header{16, "f"}, header);
  return header.size();
}

}  // namespace

TEST_CASE("what is undamaged is kept") {
  damage_rig rig;
  CHECK(rig.send_after(rig.part, rig.journal).kept == received);
  CHECK(rig.believe_after(rig.part, rig.journal) == std::set<std::uint64_t>{0, 1, 2, 4});
}

TEST_CASE("the part file, the journal or both are gone") {
  damage_rig rig;
  SECTION("part file") { fs::remove(rig / rig.part_of("f")); }
  SECTION("journal") { fs::remove(rig / rig.journal_of("f")); }
  SECTION("both") {
    fs::remove(rig / rig.part_of("f"));
    fs::remove(rig / rig.journal_of("f"));
  }
  SECTION("the part file is empty") { fs::resize_file(rig / rig.part_of("f"), 0); }
  SECTION("the journal is empty") { fs::resize_file(rig / rig.journal_of("f"), 0); }
  CHECK(rig.send_now().kept <= 1);
}

TEST_CASE("a journal of any length is used as far as it goes") {
  damage_rig rig;
  for (std::size_t size = 0; size < rig.journal.size(); ++size) {
    CAPTURE(size);
    const std::string shorter = rig.journal.substr(0, size);
    const std::uint64_t whole = size < header_size() ? 0 : (size - header_size()) / journal_entry_size;
    CHECK(rig.send_after(rig.part, shorter).kept == whole);
    CHECK(rig.believe_after(rig.part, shorter).size() == whole);
  }
}

TEST_CASE("a journal with any bit changed costs one block, or all of them") {
  damage_rig rig;
  for (std::size_t at = 0; at < rig.journal.size(); ++at) {
    for (const unsigned bit : {0U, 7U}) {
      CAPTURE(at, bit);
      std::string damaged = rig.journal;
      damaged[at] = static_cast<char>(static_cast<unsigned char>(damaged[at]) ^ (1U << bit));
      const std::uint64_t left = at < header_size() ? 0 : received - 1;
      CHECK(rig.send_after(rig.part, damaged).kept == left);
      CHECK(rig.believe_after(rig.part, damaged).size() == left);
    }
  }
}

TEST_CASE("a journal that was damaged is whole again after one more interruption") {
  damage_rig rig;
  for (std::size_t at = 0; at < rig.journal.size(); at += 5) {
    std::string damaged = rig.journal;
    damaged[at] ^= 0x10;
    rig.write(rig.part_of("f"), rig.part);
    rig.write(rig.journal_of("f"), damaged);
    const byte_view missing = block_of(rig.content, 3);
    REQUIRE(rig.open(rig.item)->write(3, missing, digest_of(missing)));
    const auto journal = decode_journal(tcptools::as_bytes(rig.read(rig.journal_of("f"))));
    REQUIRE(journal);
    CHECK(journal->intact);
    const completed rest = rig.send_now();
    CHECK(rest.kept == (at < header_size() ? 1 : received));
  }
}

TEST_CASE("a torn journal that is written on to stays readable") {
  damage_rig rig;
  for (std::size_t size = header_size(); size < rig.journal.size(); size += 9) {
    rig.write(rig.part_of("f"), rig.part);
    rig.write(rig.journal_of("f"), rig.journal.substr(0, size));
    const byte_view missing = block_of(rig.content, 3);
    REQUIRE(rig.open(rig.item)->write(3, missing, digest_of(missing)));
    CHECK(rig.send_now().kept == (size - header_size()) / journal_entry_size + 1);
  }
}

TEST_CASE("a part file of any length is used as far as it goes") {
  damage_rig rig;
  std::set<std::size_t> sizes;
  for (std::size_t size = 0; size < some_size; size += 1499) sizes.insert(size);
  for (std::size_t edge = 0; edge <= 4 * smallest_block; edge += smallest_block) {
    for (const std::size_t size : {edge - 1, edge, edge + 1}) {
      if (size < some_size) sizes.insert(size);
    }
  }
  for (std::size_t size = some_size - 101; size < some_size; size += 10) sizes.insert(size);
  for (const std::size_t size : sizes) {
    CAPTURE(size);
    const std::string shorter = rig.part.substr(0, size);
    std::uint64_t whole = size / smallest_block - (size >= 4 * smallest_block ? 1 : 0);
    // A hole that is wholly behind the end is still one.
    if (size <= 2 * smallest_block) ++whole;
    CHECK(rig.send_after(shorter, rig.journal).kept == whole);
    CHECK(rig.believe_after(shorter, rig.journal).size() == whole);
  }
}

TEST_CASE("a part file with any byte changed costs the block it is in") {
  damage_rig rig;
  std::set<std::size_t> places;
  for (std::size_t at = 0; at < some_size; at += 1499) places.insert(at);
  for (std::size_t edge = 0; edge <= 4 * smallest_block; edge += smallest_block) {
    places.insert(edge);
    if (edge > 0) places.insert(edge - 1);
  }
  for (std::size_t at = 4 * smallest_block; at < some_size; at += 9) places.insert(at);
  places.insert(some_size - 1);
  for (const std::size_t at : places) {
    CAPTURE(at);
    std::string damaged = rig.part;
    damaged[at] ^= 0x20;
    const std::uint64_t left = at / smallest_block == 3 ? received : received - 1;
    CHECK(rig.send_after(damaged, rig.journal).kept == left);
    CHECK_FALSE(rig.believe_after(damaged, rig.journal).contains(at / smallest_block));
  }
}

TEST_CASE("a part file that is longer than the file is cut") {
  damage_rig rig;
  CHECK(rig.send_after(rig.part + std::string(100'000, 'x'), rig.journal).kept == received);
  CHECK(rig.send_after(std::string(10 * smallest_block, 'x'), {}).kept == 0);
}

TEST_CASE("part file and journal of different transfers never mix") {
  damage_rig rig;
  const byte_buffer other = noise(some_size, 2);
  CHECK(rig.send_after(std::string{tcptools::as_text(other)}, rig.journal).kept == 0);
  CHECK(rig.believe_after(std::string{tcptools::as_text(other)}, rig.journal).empty());
}

TEST_CASE("a journal with a right check that claims what cannot be") {
  damage_rig rig;
  using record_kind = journal_entry::kind;
  const digest some = digest_of(block_of(rig.content, 0));
  byte_buffer bytes;
  encode(journal_header{16, "f"}, bytes);
  for (const journal_entry& one :
       {journal_entry{record_kind::block, 5, smallest_block, some},
        journal_entry{record_kind::block, 1'000'000, smallest_block, some},
        journal_entry{record_kind::block, 0, 5, some}, journal_entry{record_kind::block, 4, smallest_block, some},
        journal_entry{record_kind::hole, 4, 2, {}}, journal_entry{record_kind::hole, 0, ~std::uint64_t{0}, {}},
        journal_entry{record_kind::hole, 3, ~std::uint64_t{0} - 1, {}}, journal_entry{record_kind::hole, 1, 0, {}}}) {
    encode(one, bytes);
  }
  const std::string journal{tcptools::as_text(bytes)};
  CHECK(rig.send_after(rig.part, journal).kept == 0);
  CHECK(rig.believe_after(rig.part, journal).empty());
}

TEST_CASE("a journal of any rubbish is worth nothing") {
  damage_rig rig;
  for (const std::size_t size : {1U, 100U, 100'000U}) {
    CHECK(rig.send_after(rig.part, std::string{tcptools::as_text(noise(size, size))}).kept == 0);
  }
}

TEST_CASE("of two records of one block the last one holds") {
  damage_rig rig;
  byte_buffer more;
  encode(journal_entry{journal_entry::kind::block, 0, smallest_block, digest_of(noise(10, 1))}, more);
  CHECK(rig.send_after(rig.part, rig.journal + std::string{tcptools::as_text(more)}).kept == received - 1);
  byte_buffer right;
  encode(journal_entry{journal_entry::kind::block, 0, smallest_block, digest_of(block_of(rig.content, 0))}, right);
  CHECK(rig.send_after(rig.part,
                       rig.journal + std::string{tcptools::as_text(more)} + std::string{tcptools::as_text(right)})
            .kept == received);
}
