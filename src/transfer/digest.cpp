#include "tcptools/transfer/digest.hpp"

#define XXH_STATIC_LINKING_ONLY  // NOLINT: the library's own switch; makes XXH3_state_t a complete type
#include <xxhash.h>
#if defined(__x86_64__) && __has_include(<xxh_x86dispatch.h>)
#include <xxh_x86dispatch.h>  // replaces functions by ones that use the vector instructions of the machine they run on
#endif

#include <algorithm>
#include <cstring>
#include <vector>

#include "tcptools/transfer/limits.hpp"

namespace tcptools::transfer {
namespace {

// Those functions are chosen at the first use of one for a long input, which must not be two uses at once.
[[maybe_unused]] const XXH128_hash_t first_use = [] {
  constexpr std::array<std::byte, 4096> input{};
  return XXH3_128bits(input.data(), input.size());
}();

digest canonical(XXH128_hash_t hash) noexcept {
  XXH128_canonical_t form;
  XXH128_canonicalFromHash(&form, hash);
  digest value;
  static_assert(sizeof form.digest == sizeof value.bytes);
  std::memcpy(value.bytes.data(), form.digest, sizeof form.digest);
  return value;
}

digest hash_zeros(std::size_t length) {
  static constexpr std::array<std::byte, 65'536> zeros{};
  running_digest running;
  for (std::size_t left = length; left > 0;) {
    const std::size_t step = std::min(left, zeros.size());
    running.update(byte_view{zeros}.first(step));
    left -= step;
  }
  return running.value();
}

}  // namespace

digest digest_of(byte_view content) noexcept { return canonical(XXH3_128bits(content.data(), content.size())); }

digest digest_of_zeros(std::size_t length) {
  static const std::vector<digest> full_blocks = [] {
    std::vector<digest> all;
    for (unsigned log2 = limits::smallest_block_log2; log2 <= limits::largest_block_log2; ++log2) {
      all.push_back(hash_zeros(std::size_t{1} << log2));
    }
    return all;
  }();
  for (unsigned log2 = limits::smallest_block_log2; log2 <= limits::largest_block_log2; ++log2) {
    if (length == std::size_t{1} << log2) return full_blocks[log2 - limits::smallest_block_log2];
  }
  return hash_zeros(length);
}

std::string to_text(const digest& value) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(value.bytes.size() * 2);
  for (const std::byte byte : value.bytes) {
    text += digits[std::to_integer<unsigned>(byte >> 4)];
    text += digits[std::to_integer<unsigned>(byte & std::byte{15})];
  }
  return text;
}

struct running_digest::state {
  XXH3_state_t hash;
};

running_digest::running_digest() : state_{std::make_unique<state>()} { XXH3_128bits_reset(&state_->hash); }
running_digest::running_digest(running_digest&&) noexcept = default;
running_digest& running_digest::operator=(running_digest&&) noexcept = default;
running_digest::~running_digest() = default;

void running_digest::update(byte_view piece) noexcept {
  XXH3_128bits_update(&state_->hash, piece.data(), piece.size());
}

digest running_digest::value() const noexcept { return canonical(XXH3_128bits_digest(&state_->hash)); }

}  // namespace tcptools::transfer
