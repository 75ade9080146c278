// Cuts input of unknown length into the blocks of a stream. Blocks; used on the worker pool by one job at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "tcptools/base/bytes.hpp"
#include "tcptools/base/result.hpp"
#include "tcptools/transfer/digest.hpp"
#include "tcptools/transfer/source.hpp"

namespace tcptools::transfer {

class stream_reader {
 public:
  // What one step has read.
  struct step {
    // A block to be sent: full, the last one, or one that will be sent again when it has grown.
    struct block {
      std::uint64_t index = 0;
      digest content_digest;
      byte_buffer content;
      std::size_t grown = 0;  // bytes that were not sent before
    };
    std::optional<block> ready;
    bool ended = false;
    std::uint64_t size = 0;  // bytes so far
  };

  // Precondition: block_size > 0.
  stream_reader(source& from, source_item item, std::size_t block_size);

  // Reads until a block is full, the input ends, or `patience` is over. A block that is not full is handed out only if
  // the last one was longer ago than `flush_after`.
  [[nodiscard]] result<step> read(std::chrono::milliseconds patience, std::chrono::milliseconds flush_after);

 private:
  source& source_;
  source_item item_;
  std::unique_ptr<source_stream> input_;
  byte_buffer block_;
  std::size_t filled_ = 0;
  std::size_t handed_out_ = 0;  // of the bytes in block_
  std::uint64_t index_ = 0;
  std::chrono::steady_clock::time_point handed_out_at_;
};

}  // namespace tcptools::transfer
