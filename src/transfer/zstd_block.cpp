#include "tcptools/transfer/zstd_block.hpp"

#include <zstd.h>

#include <new>

#include "tcptools/transfer/limits.hpp"

namespace tcptools::transfer {
namespace {

// Of text, level 1 makes a fifth; faster levels leave more and win little time (docs/performance.md).
constexpr int level = 1;

struct free_context {
  void operator()(ZSTD_CCtx* context) const noexcept { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const noexcept { ZSTD_freeDCtx(context); }
};

// Grows to what is asked for and stays so; its bytes begin as they are.
class scratch_memory {
 public:
  std::byte* take(std::size_t size) {
    if (size > size_) {
      bytes_.reset();
      size_ = 0;
      bytes_ = std::make_unique_for_overwrite<std::byte[]>(size);
      size_ = size;
    }
    return bytes_.get();
  }

 private:
  std::unique_ptr<std::byte[]> bytes_;
  std::size_t size_ = 0;
};

template <class Context>
std::unique_ptr<Context, free_context> owned(Context* context) {
  if (context == nullptr) throw std::bad_alloc{};
  return std::unique_ptr<Context, free_context>{context};
}

// The header's first bytes: magic, descriptor, and the window's size if the frame is not a single segment (RFC 8878,
// 3.1.1). Also keeps the library from frames of its older formats.
bool is_allowed_header(byte_view data) noexcept {
  byte_reader in{data};
  const bool is_zstd = in.u32() == 0x28B5'2FFDU;
  const std::uint8_t descriptor = in.u8();
  constexpr std::uint8_t dictionary_and_reserved = 0x0B;
  constexpr std::uint8_t single_segment = 0x20;
  if (!is_zstd || (descriptor & dictionary_and_reserved) != 0) return false;
  if ((descriptor & single_segment) != 0) return in.ok();
  constexpr std::uint8_t largest_window = (limits::largest_block_log2 - 10) << 3U;
  return in.u8() <= largest_window && in.ok();
}

}  // namespace

struct zstd_compressor::state {
  std::unique_ptr<ZSTD_CCtx, free_context> context = owned(ZSTD_createCCtx());
  scratch_memory frame;
};

zstd_compressor::zstd_compressor() = default;
zstd_compressor::~zstd_compressor() = default;

std::optional<byte_view> zstd_compressor::compress(byte_view content) {
  if (content.empty()) return std::nullopt;
  if (!state_) state_ = std::make_unique<state>();
  std::byte* const out = state_->frame.take(content.size());
  const std::size_t size =
      ZSTD_compressCCtx(state_->context.get(), out, content.size() - 1, content.data(), content.size(), level);
  if (ZSTD_isError(size) != 0) return std::nullopt;
  return byte_view{out, size};
}

struct zstd_decompressor::state {
  std::unique_ptr<ZSTD_DCtx, free_context> context = owned(ZSTD_createDCtx());
  scratch_memory block;
};

zstd_decompressor::zstd_decompressor() = default;
zstd_decompressor::~zstd_decompressor() = default;

// In one go the block itself is the window, so that no frame makes the library allocate anything.
result<byte_view> zstd_decompressor::decompress(byte_view data, std::size_t length) {
  const error bad{errc::verify_failed, "it was compressed in a way that cannot be undone"};
  if (!is_allowed_header(data) || ZSTD_findFrameCompressedSize(data.data(), data.size()) != data.size()) return bad;
  const auto claimed = ZSTD_getFrameContentSize(data.data(), data.size());
  if (claimed != ZSTD_CONTENTSIZE_UNKNOWN && claimed != length) return bad;
  if (!state_) state_ = std::make_unique<state>();
  std::byte* const block = state_->block.take(length);
  if (ZSTD_decompressDCtx(state_->context.get(), block, length, data.data(), data.size()) != length) return bad;
  return byte_view{block, length};
}

}  // namespace tcptools::transfer
