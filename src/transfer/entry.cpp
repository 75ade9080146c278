#include "tcptools/transfer/entry.hpp"

#include "tcptools/transfer/limits.hpp"

namespace tcptools::transfer {

std::uint8_t choose_block_log2(std::uint64_t size) noexcept {
  for (unsigned log2 = limits::smallest_block_log2; log2 <= limits::largest_block_log2; ++log2) {
    const auto most = log2 < limits::usual_block_log2 ? limits::preferred_blocks : limits::blocks_per_file;
    if (block_layout{size, log2}.count() <= most) return static_cast<std::uint8_t>(log2);
  }
  return 0;
}

}  // namespace tcptools::transfer
