// The native protocol's words: frames as types, their encoder and their decoder. docs/protocol.md is the specification;
// names, order and limits follow it line by line. Nothing here reads, writes, waits or decides.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "tcptools/base/bytes.hpp"
#include "tcptools/base/result.hpp"
#include "tcptools/transfer/digest.hpp"
#include "tcptools/transfer/entry.hpp"

namespace tcptools::transfer {

inline constexpr std::array<std::uint8_t, 8> preface_octets{0x89, 'T', 'S', 'N', 'D', 0x0D, 0x0A, 0x1A};
inline constexpr std::uint16_t protocol_version = 1;

[[nodiscard]] byte_view preface() noexcept;

using session_id = std::array<std::byte, 16>;
using join_secret = std::array<std::byte, 16>;

// "REFUSE, CANCEL, ERROR and their codes".
enum class wire_code : std::uint16_t {
  violation = 1,
  version = 2,
  refused = 3,
  busy = 4,
  name = 5,
  conflict = 6,
  too_large = 7,
  verify_failed = 8,
  storage_full = 9,
  storage_read_only = 10,
  storage_failed = 11,
  timed_out = 12,
  shutting_down = 13,
  source_changed = 14,
  source_unreadable = 15,
  cancelled = 16,
};

[[nodiscard]] wire_code to_wire(errc code) noexcept;
// What the other side said, as this side's error: an unknown code is errc::refused.
[[nodiscard]] errc from_wire(wire_code code) noexcept;

namespace frames {

enum class type : std::uint8_t {
  hello = 0x01,
  offer = 0x02,
  block = 0x03,
  hole = 0x04,
  keep = 0x05,
  finish = 0x06,
  cancel = 0x07,
  join = 0x08,
  fence = 0x09,
  bye = 0x0E,
  error = 0x0F,
  welcome = 0x21,
  accept = 0x22,
  have = 0x23,
  need = 0x24,
  delivered = 0x25,
  refuse = 0x26,
  progress = 0x27,
};

// Consecutive blocks of one file.
struct block_run {
  std::uint64_t first = 0;
  std::uint64_t count = 0;

  friend bool operator==(const block_run&, const block_run&) = default;
};

struct hello {
  std::uint16_t lowest_version = protocol_version;
  std::uint16_t highest_version = protocol_version;
  session_id session{};
  std::uint8_t connections = 0;  // further ones that the sender may make
  bool zstd = false;             // the sender may compress blocks with it
  bool quick_check = false;      // the sender may offer by time
};
// How a sender may make further connections.
struct grant {
  std::uint8_t connections = 0;
  join_secret secret{};
};
struct welcome {
  std::uint16_t version = protocol_version;
  std::uint32_t window = 0;
  std::uint32_t open_files = 0;
  std::uint64_t largest_file = 0;
  std::optional<grant> more = std::nullopt;  // nothing: there is to be no further connection
  bool zstd = false;                         // chosen of what HELLO said
  bool quick_check = false;                  // the same
};
// The content of an entry that travels with its offer; `content` is a view into what the frame was decoded from.
struct inlined {
  digest content_digest;
  byte_view content;
};
// A file whose content is sent only if the receiver has nothing that has this digest or, without one, that has its size
// and time. Only without a digest it may be too large to travel with its offer.
struct promised {
  std::optional<digest> content_digest;
};
struct offer {
  std::uint32_t id = 0;
  entry item;
  std::variant<std::monostate, inlined, promised> body;
};
struct accept {
  std::uint32_t id = 0;
  std::uint64_t checked = 0;
};
struct have {
  std::uint32_t id = 0;
  block_run blocks;             // count at most limits::digests_per_have where digests are present
  std::vector<digest> digests;  // one a block, or none: the receiver has nothing for these blocks
};
// `data` is a view into what the frame was decoded from.
struct block {
  std::uint32_t id = 0;
  std::uint64_t index = 0;
  digest content_digest;
  byte_view data;
  bool compressed = false;  // `data` is a zstd frame that makes the block
};
struct hole {
  std::uint32_t id = 0;
  block_run blocks;
};
struct keep {
  std::uint32_t id = 0;
  block_run blocks;
};
struct need {
  std::uint32_t id = 0;
  block_run blocks;
};
struct finish {
  std::uint32_t id = 0;
  std::uint64_t size = 0;
  digest root;
};
struct delivered {
  std::uint32_t id = 0;
  bool unchanged = false;
  std::string path;  // empty: as offered
};
struct refuse {
  std::uint32_t id = 0;
  wire_code code = wire_code::refused;
  std::string text;
};
struct cancel {
  std::uint32_t id = 0;
  wire_code code = wire_code::cancelled;
  std::string text;
};
struct join {
  session_id session{};
  join_secret secret{};
};
struct fence {
  std::uint32_t id = 0;
};
struct progress {
  std::uint32_t id = 0;
  std::uint64_t bytes = 0;
};
struct error {
  wire_code code = wire_code::violation;
  std::string text;
};
struct bye {};
// A frame of a type from 0x80 that this version does not know.
struct unknown {};

}  // namespace frames

using frame = std::variant<frames::hello, frames::offer, frames::block, frames::hole, frames::keep, frames::finish,
                           frames::cancel, frames::bye, frames::error, frames::welcome, frames::accept, frames::have,
                           frames::need, frames::delivered, frames::refuse, frames::progress, frames::join,
                           frames::fence, frames::unknown>;

// Of HELLO and WELCOME.
inline constexpr std::uint16_t extension_compression = 1;
inline constexpr std::uint8_t compression_zstd = 1;  // in that
inline constexpr std::uint16_t extension_connections = 2;
inline constexpr std::uint16_t extension_quick_check = 3;

// Flags of OFFER; one of them at most.
inline constexpr std::uint8_t offer_inline = 0x01;
inline constexpr std::uint8_t offer_promised = 0x02;
inline constexpr std::uint8_t offer_by_time = 0x04;

inline constexpr std::size_t frame_header_size = 8;
inline constexpr std::size_t block_header_size = frame_header_size + 4 + 8 + 16;

// Appends one frame. Texts longer than limits::text are cut between code points. Preconditions: what the specification
// says of the fields (paths, counts and sizes in range).
void encode(const frame& value, byte_buffer& out);

// Everything of a BLOCK frame that precedes its data.
[[nodiscard]] std::array<std::byte, block_header_size> encode_block_header(std::uint32_t id, std::uint64_t index,
                                                                           const digest& content_digest,
                                                                           std::size_t data_size) noexcept;

// Of such a header, makes that of a BLOCK whose data is a zstd frame of `data_size` bytes.
void mark_compressed(std::span<std::byte, block_header_size> header, std::size_t data_size) noexcept;

// errc::protocol_violation: the other side broke the rules.
[[nodiscard]] error violation(std::string what);

// One step of decoding a stream whose unread bytes start at `in`.
struct decoded {
  std::optional<frame> value;  // nothing yet: read on until `size` bytes are there
  std::size_t size = 0;        // bytes of the frame, header included, as far as is known
};

// Fails with errc::protocol_violation as soon as the bytes at hand cannot become a valid frame; allocates nothing but
// what the bytes at hand already fill. The frame's views point into `in`.
[[nodiscard]] result<decoded> decode(byte_view in);

}  // namespace tcptools::transfer
