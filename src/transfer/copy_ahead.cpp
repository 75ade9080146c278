#include "tcptools/transfer/copy_ahead.hpp"

#include <algorithm>

namespace tcptools::transfer {
namespace {

// With more blocks kept for each that was sent, the next ones are likely to be kept, too.
constexpr std::uint64_t kept_per_sent = 4;
// Bytes copied of which the sender has not said yet what becomes of them.
constexpr std::uint64_t most_in_doubt = std::uint64_t{1} << 30U;

}  // namespace

bool copy_ahead::wants(std::uint64_t index) const noexcept {
  return index >= sent_end_ && index < claimable_ && kept_ > kept_per_sent * sent_ &&
         copied_.size() < (most_in_doubt >> block_log2_);
}

bool copy_ahead::has(std::uint64_t index, const digest& content) const {
  const auto found = copied_.find(index);
  return found != copied_.end() && found->second == content;
}

void copy_ahead::on_kept(std::uint64_t index) {
  copied_.erase(index);
  ++kept_;
}

void copy_ahead::on_sent(frames::block_run blocks) {
  const std::uint64_t end = std::min(blocks.first + blocks.count, claimable_);
  if (blocks.first >= end) return;
  copied_.erase(copied_.lower_bound(blocks.first), copied_.lower_bound(end));
  sent_ += end - blocks.first;
  sent_end_ = std::max(sent_end_, end);
}

}  // namespace tcptools::transfer
