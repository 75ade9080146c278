#include "tcptools/transfer/protocol.hpp"

#include <algorithm>
#include <utility>

namespace tcptools::transfer {

byte_view preface() noexcept { return std::as_bytes(std::span{preface_octets}); }

error violation(std::string what) { return error{errc::protocol_violation, std::move(what)}; }

wire_code to_wire(errc code) noexcept {
  switch (code) {
    case errc::protocol_violation:
      return wire_code::violation;
    case errc::version_unsupported:
      return wire_code::version;
    case errc::busy:
      return wire_code::busy;
    case errc::name_rejected:
      return wire_code::name;
    case errc::conflict:
      return wire_code::conflict;
    case errc::too_large:
      return wire_code::too_large;
    case errc::verify_failed:
      return wire_code::verify_failed;
    case errc::storage_full:
      return wire_code::storage_full;
    case errc::storage_read_only:
      return wire_code::storage_read_only;
    case errc::storage_failed:
      return wire_code::storage_failed;
    case errc::timed_out:
      return wire_code::timed_out;
    case errc::source_changed:
      return wire_code::source_changed;
    case errc::source_missing:
    case errc::source_unreadable:
      return wire_code::source_unreadable;
    case errc::cancelled:
      return wire_code::cancelled;
    case errc::usage:
    case errc::connect_failed:
    case errc::connection_lost:
    case errc::end_of_stream:
    case errc::refused:
      break;
  }
  return wire_code::refused;
}

errc from_wire(wire_code code) noexcept {
  switch (code) {
    case wire_code::violation:
      return errc::protocol_violation;
    case wire_code::version:
      return errc::version_unsupported;
    case wire_code::busy:
      return errc::busy;
    case wire_code::name:
      return errc::name_rejected;
    case wire_code::conflict:
      return errc::conflict;
    case wire_code::too_large:
      return errc::too_large;
    case wire_code::verify_failed:
      return errc::verify_failed;
    case wire_code::storage_full:
      return errc::storage_full;
    case wire_code::storage_read_only:
      return errc::storage_read_only;
    case wire_code::storage_failed:
      return errc::storage_failed;
    case wire_code::timed_out:
      return errc::timed_out;
    case wire_code::shutting_down:
      return errc::connection_lost;
    case wire_code::source_changed:
      return errc::source_changed;
    case wire_code::source_unreadable:
      return errc::source_unreadable;
    case wire_code::cancelled:
      return errc::cancelled;
    case wire_code::refused:
      break;
  }
  return errc::refused;
}

std::array<std::byte, block_header_size> encode_block_header(std::uint32_t id, std::uint64_t index,
                                                             const digest& content_digest,
                                                             std::size_t data_size) noexcept {
  std::array<std::byte, block_header_size> out{};
  std::size_t at = 0;
  const auto put = [&](std::uint64_t value, std::size_t width) {
    for (std::size_t i = 0; i < width; ++i) out[at++] = static_cast<std::byte>(value >> (8 * (width - 1 - i)));
  };
  put(static_cast<std::uint8_t>(frames::type::block), 1);
  put(0, 3);
  put(block_header_size - frame_header_size + data_size, 4);
  put(id, 4);
  put(index, 8);
  std::ranges::copy(content_digest.bytes, out.begin() + static_cast<std::ptrdiff_t>(at));
  return out;
}

void mark_compressed(std::span<std::byte, block_header_size> header, std::size_t data_size) noexcept {
  header[1] = std::byte{0x01};
  const std::size_t length = block_header_size - frame_header_size + data_size;
  for (std::size_t i = 0; i < 4; ++i) header[4 + i] = static_cast<std::byte>(length >> (8 * (3 - i)));
}

}  // namespace tcptools::transfer
