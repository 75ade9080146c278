// One block as one zstd frame, and back. No I/O; takes a while for a large block. docs/protocol.md, "Compression".
#pragma once

#include <cstddef>
#include <memory>
#include <optional>

#include "tcptools/base/bytes.hpp"
#include "tcptools/base/result.hpp"

namespace tcptools::transfer {

class zstd_compressor {
 public:
  zstd_compressor();
  zstd_compressor(const zstd_compressor&) = delete;
  zstd_compressor& operator=(const zstd_compressor&) = delete;
  ~zstd_compressor();

  // The frame, in memory that is good until the next call; nothing if it would not be shorter than `content`.
  [[nodiscard]] std::optional<byte_view> compress(byte_view content);

 private:
  struct state;
  std::unique_ptr<state> state_;
};

class zstd_decompressor {
 public:
  // Takes no memory before it is used. Then that is zstd's own, and the longest block's so far.
  zstd_decompressor();
  zstd_decompressor(const zstd_decompressor&) = delete;
  zstd_decompressor& operator=(const zstd_decompressor&) = delete;
  ~zstd_decompressor();

  // The block of `length` bytes that `data` makes, in memory that is good until the next call. Whatever `data` is, no
  // more than `length` bytes are made. errc::verify_failed if it is not just one frame as the protocol allows it, or
  // makes something of another length. Precondition: 0 < length <= 2^limits::largest_block_log2.
  [[nodiscard]] result<byte_view> decompress(byte_view data, std::size_t length);

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace tcptools::transfer
