// The journal of an unfinished file: which blocks its part file has. Format only; docs/storage.md gives it byte by
// byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tcptools/base/bytes.hpp"
#include "tcptools/transfer/digest.hpp"

namespace tcptools::transfer {

// What the journal belongs to. One with another header is of no use.
struct journal_header {
  std::uint8_t block_log2 = 0;
  std::string path;

  friend bool operator==(const journal_header&, const journal_header&) = default;
};

// One block that was written, or a run of blocks that are holes.
struct journal_entry {
  enum class kind : std::uint8_t { block = 1, hole = 2 };

  kind what = kind::block;
  std::uint64_t first = 0;
  std::uint64_t extent = 0;  // of a block its length in bytes, of a hole the count of blocks
  digest content_digest;     // of a block

  friend bool operator==(const journal_entry&, const journal_entry&) = default;
};

inline constexpr std::size_t journal_entry_size = 1 + 8 + 8 + 16 + 4;

void encode(const journal_header& header, byte_buffer& out);
void encode(const journal_entry& entry, byte_buffer& out);

struct decoded_journal {
  journal_header header;
  std::vector<journal_entry> entries;  // in the order they were written; damaged ones are left out
  bool intact = true;                  // nothing was damaged, and the end is not torn
};

// Nothing if it does not begin with a whole header. A torn end is passed over.
[[nodiscard]] std::optional<decoded_journal> decode_journal(byte_view bytes);

}  // namespace tcptools::transfer
