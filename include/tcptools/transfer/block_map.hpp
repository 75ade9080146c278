// What is known about the blocks of one file. Memory grows with the blocks that were spoken of, never with the size
// that a file is said to have.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "tcptools/transfer/digest.hpp"
#include "tcptools/transfer/entry.hpp"
#include "tcptools/transfer/protocol.hpp"

namespace tcptools::transfer {

// A row of values of which most may never be touched: pages of 1024 are made when something in them is set.
template <class Value>
class paged_row {
 public:
  // A value that was never set is Value{}.
  [[nodiscard]] Value get(std::uint64_t index) const {
    const auto page = static_cast<std::size_t>(index / page_size);
    return page < pages_.size() && pages_[page] ? (*pages_[page])[index % page_size] : Value{};
  }

  void set(std::uint64_t index, const Value& value) {
    const auto page = static_cast<std::size_t>(index / page_size);
    if (page >= pages_.size()) pages_.resize(page + 1);
    if (!pages_[page]) pages_[page] = std::make_unique<page_type>();
    (*pages_[page])[index % page_size] = value;
  }

  // How many values the pages have room for: what the memory grows with.
  [[nodiscard]] std::size_t capacity() const noexcept {
    std::size_t pages = 0;
    for (const auto& page : pages_) pages += page ? 1U : 0U;
    return pages * page_size;
  }

 private:
  static constexpr std::uint64_t page_size = 1024;
  using page_type = std::array<Value, page_size>;

  std::vector<std::unique_ptr<page_type>> pages_;
};

// A set of blocks, one bit each: at most 128 KiB for a file, in whatever pieces its blocks are named.
class block_set {
 public:
  // False, and nothing changes, if one of the blocks is there already.
  bool insert(frames::block_run blocks);
  [[nodiscard]] bool contains(std::uint64_t index) const {
    return index < bits_.size() && bits_[static_cast<std::size_t>(index)];
  }

 private:
  std::vector<bool> bits_;
};

// Appends a run to a list of runs; one that goes on where the last one ends becomes a part of it.
template <class Runs>
void append_run(Runs& runs, frames::block_run blocks) {
  if (!runs.empty() && runs.back().first + runs.back().count == blocks.first) {
    runs.back().count += blocks.count;
  } else {
    runs.push_back(blocks);
  }
}

// The row of digests of a file and its root. Blocks of zero bytes take a bit each.
class digest_row {
 public:
  void set(std::uint64_t index, const digest& value) { digests_.set(index, value); }
  // What was set; of a block that is zero, what was set before.
  [[nodiscard]] digest get(std::uint64_t index) const { return digests_.get(index); }
  // False, and nothing changes, if a block of the run is zero already.
  bool set_zero(frames::block_run blocks) { return zeros_.insert(blocks); }
  [[nodiscard]] bool is_zero(std::uint64_t index) const { return zeros_.contains(index); }

  // The digest of the row. Precondition: every block of the layout was set.
  [[nodiscard]] digest root(const block_layout& layout) const;

 private:
  paged_row<digest> digests_;
  block_set zeros_;
};

}  // namespace tcptools::transfer
