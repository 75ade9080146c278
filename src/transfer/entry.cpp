#include "tcptools/transfer/entry.hpp"

#include "tcptools/transfer/limits.hpp"

namespace tcptools::transfer {

std::uint8_t choose_block_log2(std::uint64_t size) noexcept {
  const auto fits = [size](unsigned log2, std::uint64_t blocks) { return block_layout{size, log2}.count() <= blocks; };
  for (unsigned log2 = limits::smallest_block_log2; log2 <= limits::largest_block_log2; ++log2) {
    const bool preferred = log2 < limits::preferred_block_log2;
    if (fits(log2, preferred ? limits::preferred_blocks : limits::blocks_per_file / 4))
      return static_cast<std::uint8_t>(log2);
  }
  return fits(limits::largest_block_log2, limits::blocks_per_file) ? std::uint8_t{limits::largest_block_log2}
                                                                   : std::uint8_t{0};
}

}  // namespace tcptools::transfer
