// Reads a sender's content from its source and makes frames of it. Blocks; used on the worker pool by one job at a
// time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <variant>
#include <vector>

#include "tcptools/base/bytes.hpp"
#include "tcptools/base/result.hpp"
#include "tcptools/transfer/digest.hpp"
#include "tcptools/transfer/entry.hpp"
#include "tcptools/transfer/protocol.hpp"
#include "tcptools/transfer/source.hpp"

namespace tcptools::transfer {

// Memory for a run of BLOCK frames, headers included.
using frame_memory = std::shared_ptr<std::byte[]>;

// Reuses what nobody holds any more, so that a long transfer touches the same few pages. Used on the I/O thread alone.
class frame_memory_pool {
 public:
  // At least `size` bytes.
  [[nodiscard]] frame_memory take(std::size_t size);

 private:
  struct kept {
    frame_memory bytes;
    std::size_t size = 0;
  };
  std::vector<kept> kept_;
};

[[nodiscard]] std::size_t frame_memory_size(const block_layout& layout, frames::block_run blocks) noexcept;

// One block of a run as it was read: a whole BLOCK frame in the run's memory.
struct read_block {
  std::uint64_t index = 0;
  digest content_digest;
  std::span<std::byte> frame;
};

// What became of a run of blocks, in order: blocks and holes, or an error after which nothing more of the file can be
// sent.
struct read_run {
  std::vector<std::variant<read_block, frames::block_run>> pieces;
  frame_memory memory;
  result<void> end;
};

// A small file as it was read: to be offered with its content.
struct read_small {
  result<digest> content_digest;
  byte_buffer content;
};

class block_reader {
 public:
  // `from` outlives the reader.
  explicit block_reader(source& from) noexcept : source_{from} {}

  [[nodiscard]] read_small read_whole(const source_item& item);
  // Opens the file the first time it is asked for. Of one that fits its offer there is nothing but an error if it
  // changed since it was found. Precondition: `memory` has frame_memory_size(layout, blocks) bytes.
  [[nodiscard]] read_run read(std::uint32_t id, const source_item& item, const block_layout& layout,
                              frames::block_run blocks, frame_memory memory);
  // The same without waiting for anything; nothing where that cannot be had.
  [[nodiscard]] std::optional<read_run> read_cached(std::uint32_t id, const source_item& item,
                                                    const block_layout& layout, frames::block_run blocks,
                                                    frame_memory memory);
  [[nodiscard]] result<void> check_unchanged(std::uint32_t id, const source_item& item);
  // Closes the files of entries of which no more will be asked.
  template <class Predicate>
  void close_if(Predicate has_ended) {
    std::erase_if(files_, [&](const auto& one) { return has_ended(one.first); });
  }

 private:
  [[nodiscard]] result<source_file*> open(std::uint32_t id, const source_item& item);

  source& source_;
  std::unordered_map<std::uint32_t, std::unique_ptr<source_file>> files_;
  unsigned uncached_ = 0;  // reads to come for which the cache is not asked
};

}  // namespace tcptools::transfer
