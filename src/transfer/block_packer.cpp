#include "tcptools/transfer/block_packer.hpp"

#include <algorithm>

#include "tcptools/transfer/protocol.hpp"

namespace tcptools::transfer {
namespace {

constexpr std::size_t bytes_of_a_look = 64U << 10U;

}  // namespace

block_packer::measure block_packer::pack(std::span<std::span<std::byte>> block_frames,
                                         compression_choice::attempt how) {
  using clock = std::chrono::steady_clock;
  const auto began = clock::now();
  measure out;
  const auto compressed = [&](byte_view content) {
    const std::optional<byte_view> shorter = compressor_.compress(content);
    out.tried += content.size();
    out.became += shorter ? shorter->size() : content.size();
    return shorter;
  };
  if (how == compression_choice::attempt::look) {
    const byte_view content = block_frames.front().subspan(block_header_size);
    (void)compressed(content.first(std::min(content.size(), bytes_of_a_look)));
  } else {
    for (std::span<std::byte>& block : block_frames) {
      const std::optional<byte_view> shorter = compressed(block.subspan(block_header_size));
      if (!shorter) continue;
      mark_compressed(block.first<block_header_size>(), shorter->size());
      std::ranges::copy(*shorter, block.begin() + block_header_size);
      block = block.first(block_header_size + shorter->size());
    }
  }
  out.took = clock::now() - began;
  return out;
}

}  // namespace tcptools::transfer
