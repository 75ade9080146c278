// Whatever is found as a journal, what is read from it is in range, comes back when it is written, and does not depend
// on what follows it.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "tcptools/transfer/journal.hpp"
#include "tcptools/transfer/limits.hpp"

namespace {

using tcptools::byte_buffer;
using tcptools::byte_view;
using namespace tcptools::transfer;

constexpr std::size_t check_size = 4;
constexpr std::size_t header_fixed = 8 + 1 + 2;
constexpr std::byte left_damaged{0xF0};

void require(bool condition) {
  if (!condition) std::abort();
}

void repair(std::span<std::byte> record) {
  const std::span<std::byte> content = record.first(record.size() - check_size);
  const digest value = digest_of(content);
  std::copy_n(value.bytes.begin(), check_size, record.last(check_size).begin());
}

// Makes the checks of header and records right, which no mutation would find; records that begin with 0xF0 stay wrong.
void repair_all(std::span<std::byte> journal) {
  if (journal.size() < header_fixed) return;
  const std::size_t path = std::to_integer<std::size_t>(journal[header_fixed - 2]) * 256 +
                           std::to_integer<std::size_t>(journal[header_fixed - 1]);
  if (journal.size() < header_fixed + path + check_size) return;
  repair(journal.first(header_fixed + path + check_size));
  journal = journal.subspan(header_fixed + path + check_size);
  for (; journal.size() >= journal_entry_size; journal = journal.subspan(journal_entry_size)) {
    if (journal[0] != left_damaged) repair(journal.first(journal_entry_size));
  }
}

void check(byte_view bytes) {
  const auto journal = decode_journal(bytes);
  if (!journal) return;
  require(journal->header.path.size() <= limits::path);
  require(journal->entries.size() <= bytes.size() / journal_entry_size);
  byte_buffer out;
  encode(journal->header, out);
  for (const journal_entry& entry : journal->entries) {
    require(entry.what == journal_entry::kind::block || entry.what == journal_entry::kind::hole);
    require(entry.first < limits::blocks_per_file);
    encode(entry, out);
  }

  const auto again = decode_journal(out);
  require(again && again->header == journal->header && again->entries == journal->entries);

  out.resize(out.size() + journal_entry_size - 1);
  const auto torn = decode_journal(out);
  require(torn && torn->entries == journal->entries);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const byte_view bytes = std::as_bytes(std::span{data, size});
  check(bytes);
  byte_buffer repaired{bytes.begin(), bytes.end()};
  repair_all(repaired);
  check(repaired);
  return 0;
}
