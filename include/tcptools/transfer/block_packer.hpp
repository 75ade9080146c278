// Compresses what a sender is about to send. Takes a while; used on the worker pool by one job at a time.
#pragma once

#include <chrono>
#include <cstddef>
#include <span>

#include "tcptools/transfer/compression_choice.hpp"
#include "tcptools/transfer/zstd_block.hpp"

namespace tcptools::transfer {

class block_packer {
 public:
  // What it came to: for compression_choice::on_compressed().
  struct measure {
    std::size_t tried = 0;
    std::size_t became = 0;
    std::chrono::nanoseconds took{0};
  };

  // Each frame is a whole BLOCK, not compressed yet. Those that shrink are compressed in place, and become shorter;
  // with attempt::look none is. Precondition: there is a frame, and how != attempt::none.
  [[nodiscard]] measure pack(std::span<std::span<std::byte>> block_frames, compression_choice::attempt how);

 private:
  zstd_compressor compressor_;
};

}  // namespace tcptools::transfer
