// Whatever is called a compressed block, it makes a block of the length asked for, or nothing. What it makes can be
// compressed, and comes back.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "tcptools/transfer/zstd_block.hpp"

namespace {

using namespace tcptools;
using namespace tcptools::transfer;

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

// The first three bytes are the block's length, the others what came for it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const std::size_t length = 1 + (std::size_t{data[0]} << 16U | std::size_t{data[1]} << 8U | data[2]);
  static zstd_decompressor decompressor;
  const auto block = decompressor.decompress(std::as_bytes(std::span{data, size}.subspan(3)), length);
  if (!block) {
    require(block.error().code() == errc::verify_failed);
    return 0;
  }
  require(block->size() == length);
  const byte_buffer content{block->begin(), block->end()};
  static zstd_compressor compressor;
  const auto frame = compressor.compress(content);
  if (!frame) return 0;
  require(frame->size() < content.size());
  const auto again = decompressor.decompress(*frame, length);
  require(again && std::ranges::equal(*again, content));
  return 0;
}
