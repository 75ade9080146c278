// Which blocks of an older version are copied already when they are read to be claimed, before the sender has said that
// it keeps them, so that they need not be read again.
#pragma once

#include <cstdint>
#include <map>

#include "tcptools/transfer/digest.hpp"
#include "tcptools/transfer/protocol.hpp"

namespace tcptools::transfer {

class copy_ahead {
 public:
  // The first `claimable` blocks, of 2^block_log2 bytes each, are read to be claimed.
  copy_ahead(std::uint64_t claimable, unsigned block_log2) noexcept : claimable_{claimable}, block_log2_{block_log2} {}

  // Copy this block: most before it were kept, nothing was sent for it or behind it, and not too much was copied that
  // may turn out to be in vain.
  [[nodiscard]] bool wants(std::uint64_t index) const noexcept;
  // It was copied, with this content, and nothing was sent for it since.
  [[nodiscard]] bool has(std::uint64_t index, const digest& content) const;

  void on_copied(std::uint64_t index, const digest& content) { copied_.emplace(index, content); }
  // A block of the older version is part of the new content.
  void on_kept(std::uint64_t index);
  // What the sender has sent for these blocks is there.
  void on_sent(frames::block_run blocks);

 private:
  std::uint64_t claimable_;
  unsigned block_log2_;
  std::map<std::uint64_t, digest> copied_;  // neither kept nor sent yet
  std::uint64_t kept_ = 0;                  // blocks
  std::uint64_t sent_ = 0;                  // blocks, of the claimable ones
  std::uint64_t sent_end_ = 0;              // one more than the last of these
};

}  // namespace tcptools::transfer
