// What is known about the blocks of one file. Memory grows with the blocks that were spoken of, never with the size that a file is
// said to have.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "tcptools/transfer/digest.hpp"
#include "tcptools/transfer/protocol.hpp"

namespace tcptools::transfer {

// A row of values of which most may never be touched: pages of 1024 are made when something in them is set.
template <class Value>
class paged_row {
 public:
  // A value that was never set is Value{}.
  [[nodiscard]] Value get(std::uint64_t index) const {
    const std::size_t page = static_cast<std::size_t>(index / page_size);
    return page < pages_.size() && pages_[page] ? (*pages_[page])[index % page_size] : Value{};
  }

  void set(std::uint64_t index, const Value& value) {
    const std::size_t page = static_cast<std::size_t>(index / page_size);
    if (page >= pages_.size()) pages_.resize(page + 1);
    if (!pages_[page]) pages_[page] = std::make_unique<page_type>();
    (*pages_[page])[index % page_size] = value;
  }

 private:
  static constexpr std::uint64_t page_size = 1024;
  using page_type = std::array<Value, page_size>;

  std::vector<std::unique_ptr<page_type>> pages_;
};

// Disjoint runs of blocks, neighbours merged.
class run_set {
 public:
  // False, and nothing changes, if the run overlaps what is there.
  bool insert(frames::block_run blocks);
  [[nodiscard]] bool contains(std::uint64_t index) const;
  [[nodiscard]] bool empty() const noexcept { return runs_.empty(); }
  // How many blocks.
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

 private:
  std::map<std::uint64_t, std::uint64_t> runs_;  // first block of a run → its count
  std::uint64_t count_ = 0;
};

// The row of digests of a file and its root. Runs of zero blocks take no memory each.
class digest_row {
 public:
  void set(std::uint64_t index, const digest& value) { digests_.set(index, value); }
  // False, and nothing changes, if a block of the run is zero already.
  bool set_zero(frames::block_run blocks) { return zeros_.insert(blocks); }
  [[nodiscard]] bool is_zero(std::uint64_t index) const { return zeros_.contains(index); }

  // The digest of the row. Precondition: every block of the layout was set.
  [[nodiscard]] digest root(const block_layout& layout) const;

 private:
  paged_row<digest> digests_;
  run_set zeros_;
};

}  // namespace tcptools::transfer
