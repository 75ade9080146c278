#include "tcptools/transfer/block_map.hpp"

#include <algorithm>

namespace tcptools::transfer {
namespace {

// The row is digested in pieces of this many digests: one by one would cost more than the digests themselves.
constexpr std::size_t digests_per_piece = 256;

}  // namespace

bool block_set::insert(frames::block_run blocks) {
  if (blocks.count == 0) return true;
  const auto first = static_cast<std::ptrdiff_t>(blocks.first);
  const auto end = first + static_cast<std::ptrdiff_t>(blocks.count);
  const auto size = static_cast<std::ptrdiff_t>(bits_.size());
  const auto begin = bits_.begin();
  if (first < size && std::find(begin + first, begin + std::min(end, size), true) != begin + std::min(end, size)) {
    return false;
  }
  if (end > size) bits_.resize(static_cast<std::size_t>(end));
  std::fill(bits_.begin() + first, bits_.begin() + end, true);
  return true;
}

digest digest_row::root(const block_layout& layout) const {
  running_digest running;
  std::vector<digest> piece;
  piece.reserve(digests_per_piece);
  const std::uint64_t count = layout.count();
  for (std::uint64_t index = 0; index < count; ++index) {
    piece.push_back(zeros_.contains(index) ? digest_of_zeros(layout.length(index)) : digests_.get(index));
    if (piece.size() < digests_per_piece && index + 1 < count) continue;
    running.update(std::as_bytes(std::span{piece}));
    piece.clear();
  }
  return running.value();
}

}  // namespace tcptools::transfer
