#include "tcptools/transfer/block_map.hpp"

#include <iterator>

namespace tcptools::transfer {

bool run_set::insert(frames::block_run blocks) {
  if (blocks.count == 0) return true;
  const auto after = runs_.lower_bound(blocks.first);
  const std::uint64_t end = blocks.first + blocks.count;
  if (after != runs_.end() && after->first < end) return false;
  const auto before = after == runs_.begin() ? runs_.end() : std::prev(after);
  if (before != runs_.end() && before->first + before->second > blocks.first) return false;

  count_ += blocks.count;
  const bool touches_after = after != runs_.end() && after->first == end;
  if (touches_after) {
    blocks.count += after->second;
    runs_.erase(after);
  }
  if (before != runs_.end() && before->first + before->second == blocks.first) {
    before->second += blocks.count;
  } else {
    runs_.emplace(blocks.first, blocks.count);
  }
  return true;
}

bool run_set::contains(std::uint64_t index) const {
  const auto after = runs_.upper_bound(index);
  if (after == runs_.begin()) return false;
  const auto run = std::prev(after);
  return index < run->first + run->second;
}

digest digest_row::root(const block_layout& layout) const {
  running_digest running;
  for (std::uint64_t index = 0; index < layout.count(); ++index) {
    const digest value = zeros_.contains(index) ? digest_of_zeros(layout.length(index)) : digests_.get(index);
    running.update(value.bytes);
  }
  return running.value();
}

}  // namespace tcptools::transfer
