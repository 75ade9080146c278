#include "tcptools/transfer/journal.hpp"

#include <algorithm>

#include "tcptools/transfer/limits.hpp"

namespace tcptools::transfer {
namespace {

constexpr std::string_view magic{"TSNDJNL\x01", 8};
constexpr std::size_t check_size = 4;

// Tells a damaged record from a whole one.
void put_check(std::size_t start, byte_buffer& out) {
  const digest value = digest_of(byte_view{out}.subspan(start));
  out.insert(out.end(), value.bytes.begin(), value.bytes.begin() + check_size);
}

bool has_check(byte_view record) noexcept {
  const byte_view content = record.first(record.size() - check_size);
  const digest value = digest_of(content);
  return std::equal(value.bytes.begin(), value.bytes.begin() + check_size, record.end() - check_size);
}

}  // namespace

void encode(const journal_header& header, byte_buffer& out) {
  const std::size_t start = out.size();
  byte_writer{out}
      .text(magic)
      .u8(header.block_log2)
      .u16(static_cast<std::uint16_t>(header.path.size()))
      .text(header.path);
  put_check(start, out);
}

void encode(const journal_entry& entry, byte_buffer& out) {
  const std::size_t start = out.size();
  byte_writer{out}
      .u8(static_cast<std::uint8_t>(entry.what))
      .u64(entry.first)
      .u64(entry.extent)
      .bytes(entry.content_digest.bytes);
  put_check(start, out);
}

std::optional<decoded_journal> decode_journal(byte_view bytes) {
  byte_reader in{bytes};
  decoded_journal journal;
  if (in.text(magic.size()) != magic) return std::nullopt;
  journal.header.block_log2 = in.u8();
  const std::size_t length = in.u16();
  if (length > limits::path) return std::nullopt;
  journal.header.path = in.text(length);
  in.bytes(check_size);
  if (!in.ok() || !has_check(bytes.first(bytes.size() - in.remaining()))) return std::nullopt;

  while (in.remaining() >= journal_entry_size) {
    const byte_view record = in.bytes(journal_entry_size);
    if (!has_check(record)) {
      journal.intact = false;
      continue;
    }
    byte_reader fields{record};
    journal_entry entry;
    entry.what = static_cast<journal_entry::kind>(fields.u8());
    entry.first = fields.u64();
    entry.extent = fields.u64();
    const byte_view content_digest = fields.bytes(entry.content_digest.bytes.size());
    std::ranges::copy(content_digest, entry.content_digest.bytes.begin());
    const bool known = entry.what == journal_entry::kind::block || entry.what == journal_entry::kind::hole;
    if (known && entry.first < limits::blocks_per_file) journal.entries.push_back(entry);
  }
  if (in.remaining() > 0) journal.intact = false;
  return journal;
}

}  // namespace tcptools::transfer
