// Content, entries and frames for tests of the transfer machines.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tcptools/transfer/block_map.hpp"
#include "tcptools/transfer/limits.hpp"
#include "tcptools/transfer/protocol.hpp"

namespace tcptools::testing {

inline constexpr std::size_t smallest_block = std::size_t{1} << transfer::limits::smallest_block_log2;

// Bytes that look random; different for every seed, never zero.
inline byte_buffer noise(std::size_t size, std::uint64_t seed) {
  byte_buffer bytes(size);
  std::uint64_t state = seed * 0x9E37'79B9'7F4A'7C15U + 1;
  for (std::byte& one : bytes) {
    state ^= state << 13U;
    state ^= state >> 7U;
    state ^= state << 17U;
    one = static_cast<std::byte>(state >> 32U) | std::byte{1};
  }
  return bytes;
}

inline transfer::entry file_entry(std::string path, std::uint64_t size,
                                  unsigned block_log2 = transfer::limits::smallest_block_log2) {
  transfer::entry item;
  item.kind = transfer::entry_kind::file;
  item.block_log2 = static_cast<std::uint8_t>(block_log2);
  item.mode = 0640;
  item.modified = {1'700'000'000, 5};
  item.size = item.allocated = size;
  item.path = std::move(path);
  return item;
}

inline transfer::entry stream_entry(std::string path) {
  transfer::entry item = file_entry(std::move(path), 0);
  item.kind = transfer::entry_kind::stream;
  item.size = transfer::unknown_size;
  return item;
}

inline transfer::entry directory_entry(std::string path) {
  transfer::entry item;
  item.kind = transfer::entry_kind::directory;
  item.mode = 0750;
  item.modified = {1'600'000'000, 7};
  item.path = std::move(path);
  return item;
}

inline transfer::entry link_entry(std::string path, std::string target) {
  transfer::entry item = directory_entry(std::move(path));
  item.kind = transfer::entry_kind::symlink;
  item.mode = 0777;
  item.target = std::move(target);
  return item;
}

// One block of content, where the layout puts it.
inline byte_view block_of(const byte_buffer& content, std::uint64_t index, std::size_t block_size = smallest_block) {
  const std::size_t offset = static_cast<std::size_t>(index) * block_size;
  return byte_view{content}.subspan(offset, std::min(block_size, content.size() - offset));
}

inline transfer::frames::block block_frame(std::uint32_t id, std::uint64_t index, byte_view data) {
  return {id, index, transfer::digest_of(data), data};
}

// Bytes that shrink to a fraction; different for every seed.
inline byte_buffer text_like(std::size_t size, std::uint64_t seed) {
  byte_buffer bytes = noise(size, seed);
  for (std::byte& one : bytes) one = static_cast<std::byte>('a' + std::to_integer<unsigned>(one) % 4U);
  return bytes;
}

// The same block, compressed. `data` lives as long as the frame.
inline transfer::frames::block compressed_frame(std::uint32_t id, std::uint64_t index, byte_view content,
                                                byte_view data) {
  return {id, index, transfer::digest_of(content), data, true};
}

// The frame that tells the root of this content.
inline transfer::frames::finish finish_frame(std::uint32_t id, const byte_buffer& content,
                                             std::size_t block_size = smallest_block) {
  transfer::running_digest root;
  for (std::size_t offset = 0; offset < content.size(); offset += block_size) {
    root.update(transfer::digest_of(block_of(content, offset / block_size, block_size)).bytes);
  }
  return {id, content.size(), root.value()};
}

// All frames in a row of bytes.
inline std::vector<transfer::frame> decode_all(byte_view bytes) {
  std::vector<transfer::frame> frames;
  while (!bytes.empty()) {
    auto step = transfer::decode(bytes);
    if (!step || !step->value) throw std::logic_error{"not a row of frames"};
    bytes = bytes.subspan(step->size);
    frames.push_back(std::move(*step->value));
  }
  return frames;
}

}  // namespace tcptools::testing
