#include "tcptools/transfer/journal.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/frames.hpp"
#include "tcptools/transfer/limits.hpp"

using namespace tcptools::transfer;
using namespace tcptools::testing;
using tcptools::byte_buffer;
using tcptools::byte_view;

namespace {

using journaled = journal_entry::kind;

const journal_header some_header{16, "dir/\xC3\xA4 file"};

const std::vector<journal_entry>& some_entries() {
  static const std::vector<journal_entry> entries{
      {journaled::block, 0, 65'536, digest_of(noise(10, 1))},
      {journaled::block, 7, 65'536, digest_of(noise(10, 2))},
      {journaled::hole, 2, 4, {}},
      {journaled::block, 0, 65'536, digest_of(noise(10, 3))},
      {journaled::block, 8, 17, digest_of(noise(10, 4))},
  };
  return entries;
}

byte_buffer written(const journal_header& header, const std::vector<journal_entry>& entries = {}) {
  byte_buffer bytes;
  encode(header, bytes);
  for (const journal_entry& one : entries) encode(one, bytes);
  return bytes;
}

// What is left of the written entries, in their order, when some are taken out.
bool is_part_of(const std::vector<journal_entry>& found, const std::vector<journal_entry>& all) {
  auto at = all.begin();
  return std::ranges::all_of(found, [&](const journal_entry& one) {
    at = std::find(at, all.end(), one);
    return at != all.end() && (++at, true);
  });
}

}  // namespace

TEST_CASE("a journal is read as it was written") {
  const auto journal = decode_journal(written(some_header, some_entries()));
  REQUIRE(journal);
  CHECK(journal->header == some_header);
  CHECK(journal->entries == some_entries());
  CHECK(journal->intact);
}

TEST_CASE("a journal without records is whole") {
  const auto journal = decode_journal(written(some_header));
  REQUIRE(journal);
  CHECK(journal->header == some_header);
  CHECK(journal->entries.empty());
  CHECK(journal->intact);
}

TEST_CASE("the bytes of a journal are those that are documented") {
  const byte_buffer bytes = written({17, "ab"}, {{journaled::block, 0x0102, 0x0304, digest_of(noise(1, 1))}});
  const std::size_t header_size = 8 + 1 + 2 + 2 + 4;
  REQUIRE(bytes.size() == header_size + 37);
  CHECK(tcptools::as_text(byte_view{bytes}.first(13)) == std::string_view{"TSNDJNL\x01\x11\0\x02\x61\x62", 13});
  const digest header_check = digest_of(byte_view{bytes}.first(13));
  CHECK(std::equal(bytes.begin() + 13, bytes.begin() + 17, header_check.bytes.begin()));

  const byte_view record = byte_view{bytes}.subspan(header_size);
  CHECK(tcptools::as_text(record.first(17)) == std::string_view{"\x01\0\0\0\0\0\0\x01\x02\0\0\0\0\0\0\x03\x04", 17});
  CHECK(std::ranges::equal(record.subspan(17, 16), digest_of(noise(1, 1)).bytes));
  const digest record_check = digest_of(record.first(33));
  CHECK(std::equal(record.begin() + 33, record.end(), record_check.bytes.begin()));
}

TEST_CASE("paths of every allowed length come back, and no longer one") {
  for (const std::size_t length : {std::size_t{0}, std::size_t{1}, std::size_t{255}, limits::path}) {
    const journal_header header{24, std::string(length, 'p')};
    const auto journal = decode_journal(written(header, some_entries()));
    REQUIRE(journal);
    CHECK(journal->header == header);
    CHECK(journal->entries == some_entries());
  }
  CHECK_FALSE(decode_journal(written({24, std::string(limits::path + 1, 'p')})));
}

TEST_CASE("a journal that ends anywhere has the records before that") {
  const byte_buffer bytes = written(some_header, some_entries());
  const std::size_t header_size = written(some_header).size();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CAPTURE(size);
    const auto journal = decode_journal(byte_view{bytes}.first(size));
    REQUIRE(journal.has_value() == (size >= header_size));
    if (!journal) continue;
    const std::size_t whole = (size - header_size) / journal_entry_size;
    REQUIRE(journal->entries.size() == whole);
    CHECK(std::equal(journal->entries.begin(), journal->entries.end(), some_entries().begin()));
    CHECK(journal->intact == (size == header_size + whole * journal_entry_size));
  }
}

TEST_CASE("no changed bit adds a claim or changes one") {
  const byte_buffer good = written(some_header, some_entries());
  const std::size_t header_size = written(some_header).size();
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      CAPTURE(at, bit);
      byte_buffer bytes = good;
      bytes[at] ^= std::byte{1} << bit;
      const auto journal = decode_journal(bytes);
      REQUIRE(journal.has_value() == (at >= header_size));
      if (!journal) continue;
      CHECK(journal->header == some_header);
      std::vector<journal_entry> expected = some_entries();
      expected.erase(expected.begin() + static_cast<std::ptrdiff_t>((at - header_size) / journal_entry_size));
      CHECK(journal->entries == expected);
      CHECK_FALSE(journal->intact);
    }
  }
}

TEST_CASE("no changed byte adds a claim or changes one") {
  const byte_buffer good = written({16, "f"}, {some_entries()[0], some_entries()[2]});
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (unsigned value = 0; value < 256; ++value) {
      byte_buffer bytes = good;
      if (bytes[at] == static_cast<std::byte>(value)) continue;
      bytes[at] = static_cast<std::byte>(value);
      const auto journal = decode_journal(bytes);
      if (!journal) continue;
      if (journal->header != journal_header{16, "f"} || journal->intact || journal->entries.size() != 1 ||
          !is_part_of(journal->entries, some_entries())) {
        FAIL("byte " << at << " as " << value);
      }
    }
  }
}

TEST_CASE("bytes that are missing or too many cost records and nothing else") {
  const byte_buffer good = written(some_header, some_entries());
  const std::size_t header_size = written(some_header).size();
  for (std::size_t at = header_size; at < good.size(); ++at) {
    CAPTURE(at);
    byte_buffer fewer = good;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(at));
    byte_buffer more = good;
    more.insert(more.begin() + static_cast<std::ptrdiff_t>(at), std::byte{0x5A});
    for (const byte_buffer& bytes : {fewer, more}) {
      const auto journal = decode_journal(bytes);
      REQUIRE(journal);
      CHECK(journal->header == some_header);
      CHECK(is_part_of(journal->entries, some_entries()));
      CHECK_FALSE(journal->intact);
    }
  }
}

TEST_CASE("a run of zeros at the end, as a machine leaves it that lost its power, claims nothing") {
  byte_buffer bytes = written(some_header, some_entries());
  for (const std::size_t zeros : {std::size_t{1}, journal_entry_size - 1, journal_entry_size, std::size_t{4096}}) {
    CAPTURE(zeros);
    byte_buffer longer = bytes;
    longer.resize(bytes.size() + zeros);
    const auto journal = decode_journal(longer);
    REQUIRE(journal);
    CHECK(journal->entries == some_entries());
    CHECK_FALSE(journal->intact);
  }
  CHECK_FALSE(decode_journal(byte_buffer(4096)));
}

TEST_CASE("records with a right check and no meaning are left out") {
  std::vector<journal_entry> strange(5, some_entries()[0]);
  strange[0].what = static_cast<journaled>(0);
  strange[1].what = static_cast<journaled>(3);
  strange[2].what = static_cast<journaled>(255);
  strange[3].first = limits::blocks_per_file;
  strange[4].first = ~std::uint64_t{0};
  for (const journal_entry& one : strange) {
    const auto journal = decode_journal(written(some_header, {some_entries()[0], one, some_entries()[1]}));
    REQUIRE(journal);
    CHECK(journal->entries == std::vector{some_entries()[0], some_entries()[1]});
  }
}

TEST_CASE("what is no journal is none") {
  CHECK_FALSE(decode_journal({}));
  CHECK_FALSE(decode_journal(noise(5000, 1)));
  const byte_buffer good = written(some_header);
  byte_buffer other_version{good.begin(), good.end() - 4};
  other_version[7] = std::byte{2};
  const digest check = digest_of(other_version);
  other_version.insert(other_version.end(), check.bytes.begin(), check.bytes.begin() + 4);
  CHECK_FALSE(decode_journal(other_version));
}
