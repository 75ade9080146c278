#include <algorithm>
#include <array>
#include <bit>
#include <string>
#include <utility>

#include "tcptools/base/text.hpp"
#include "tcptools/transfer/limits.hpp"
#include "tcptools/transfer/protocol.hpp"

namespace tcptools::transfer {
namespace {

using frames::type;

constexpr std::uint8_t first_optional_type = 0x80;
constexpr std::uint8_t block_compressed = 0x01;
constexpr std::uint8_t have_present = 0x01;
constexpr std::uint8_t delivered_unchanged = 0x01;
constexpr std::size_t offer_fixed = 4 + 1 + 1 + 2 + 8 + 4 + 8 + 8 + 2;
constexpr std::size_t block_fixed = 4 + 8 + 16;
constexpr std::size_t run_size = 4 + 8 + 8;

// The table of "Preface and frames": the payload's least and greatest length, and the flags that may be set.
struct rule {
  type kind;
  const char* name;
  std::size_t least;
  std::size_t most;
  std::uint8_t flags;
};

constexpr std::array frame_rules{
    rule{type::hello, "HELLO", 20, limits::hello_frame, 0},
    rule{type::offer, "OFFER", offer_fixed + 1, limits::offer_frame, offer_inline | offer_promised | offer_by_time},
    rule{type::block, "BLOCK", block_fixed + 1, block_fixed + (std::size_t{1} << limits::largest_block_log2),
         block_compressed},
    rule{type::hole, "HOLE", run_size, run_size, 0},
    rule{type::keep, "KEEP", run_size, run_size, 0},
    rule{type::finish, "FINISH", 28, 28, 0},
    rule{type::cancel, "CANCEL", 6, 6 + limits::text, 0},
    rule{type::join, "JOIN", 32, 32, 0},
    rule{type::fence, "FENCE", 4, 4, 0},
    rule{type::bye, "BYE", 0, 0, 0},
    rule{type::error, "ERROR", 2, 2 + limits::text, 0},
    rule{type::welcome, "WELCOME", 18, limits::hello_frame, 0},
    rule{type::accept, "ACCEPT", 12, 12, 0},
    rule{type::have, "HAVE", 16, 16 + 16 * std::size_t{limits::digests_per_have}, have_present},
    rule{type::need, "NEED", run_size, run_size, 0},
    rule{type::delivered, "DELIVERED", 4, 4 + limits::path, delivered_unchanged},
    rule{type::refuse, "REFUSE", 6, 6 + limits::text, 0},
    rule{type::progress, "PROGRESS", 12, 12, 0},
};

const rule* rule_of(std::uint8_t kind) noexcept {
  static constexpr rule optional{type{first_optional_type}, "an optional frame", 0, limits::optional_frame, 0xFF};
  if (kind >= first_optional_type) return &optional;
  const auto found = std::ranges::find(frame_rules, static_cast<type>(kind), &rule::kind);
  return found == frame_rules.end() ? nullptr : &*found;
}

digest read_digest(byte_reader& in) noexcept {
  digest value;
  const byte_view bytes = in.bytes(value.bytes.size());
  std::ranges::copy(bytes, value.bytes.begin());
  return value;
}

// A run's fields are in range of some file; whether of this one, the machines know.
frames::block_run read_block_run(byte_reader& in) noexcept {
  const std::uint64_t first = in.u64();
  return {first, in.u64()};
}

bool plausible(frames::block_run blocks) noexcept {
  return blocks.count > 0 && blocks.count <= limits::blocks_per_file && blocks.first < limits::blocks_per_file &&
         blocks.first + blocks.count <= limits::blocks_per_file;
}

result<frame> of_run(type kind, byte_reader& in) {
  const std::uint32_t id = in.u32();
  const frames::block_run blocks = read_block_run(in);
  if (!plausible(blocks)) return violation("a run of blocks that no file has");
  if (kind == type::hole) return frame{frames::hole{id, blocks}};
  if (kind == type::keep) return frame{frames::keep{id, blocks}};
  return frame{frames::need{id, blocks}};
}

// Reads a row of extensions to its end. `take` is told the type and the content of each and says whether it is well
// formed; what it does not know it leaves alone.
template <class Take>
result<void> read_extensions(byte_reader& in, const char* frame, Take take) {
  std::uint32_t least = 0;
  while (in.ok() && in.remaining() > 0) {
    const std::uint16_t kind = in.u16();
    byte_reader content{in.bytes(in.u16())};
    if (!in.ok()) break;
    if (kind >= 0x8000U) {
      return error{errc::version_unsupported, "an extension this version does not know is required"};
    }
    if (kind < least || !take(kind, content)) return violation(std::string{frame} + " with a wrong extension");
    least = kind + 1U;
  }
  if (!in.complete()) return violation(std::string{frame} + " with cut extensions");
  return {};
}

bool read_algorithms(byte_reader& in, frames::hello& hello) noexcept {
  while (in.remaining() > 0) hello.zstd = in.u8() == compression_zstd || hello.zstd;
  return true;
}

result<frame> of_hello(byte_reader& in) {
  frames::hello hello;
  hello.lowest_version = in.u16();
  hello.highest_version = in.u16();
  const byte_view session = in.bytes(hello.session.size());
  std::ranges::copy(session, hello.session.begin());
  if (hello.lowest_version == 0 || hello.lowest_version > hello.highest_version)
    return violation("HELLO without a version");
  const auto take = [&hello](std::uint16_t kind, byte_reader& content) {
    if (kind == extension_compression) return read_algorithms(content, hello);
    if (kind == extension_quick_check) return hello.quick_check = content.complete();
    if (kind != extension_connections) return true;
    hello.connections = content.u8();
    return hello.connections > 0 && content.complete();
  };
  if (const result<void> read = read_extensions(in, "HELLO", take); !read) return read.error();
  return frame{hello};
}

frames::grant read_grant(byte_reader& in) noexcept {
  frames::grant more;
  more.connections = in.u8();
  const byte_view secret = in.bytes(more.secret.size());
  std::ranges::copy(secret, more.secret.begin());
  return more;
}

result<frame> of_welcome(byte_reader& in) {
  frames::welcome welcome;
  welcome.version = in.u16();
  welcome.window = in.u32();
  welcome.open_files = in.u32();
  welcome.largest_file = in.u64();
  const bool sane = welcome.window > 0 && welcome.window <= limits::largest_window && welcome.open_files > 0 &&
                    welcome.open_files <= limits::largest_open_files;
  if (!sane) return violation("WELCOME with a window out of range");
  const auto take = [&welcome](std::uint16_t kind, byte_reader& content) {
    if (kind == extension_compression) return welcome.zstd = content.u8() == compression_zstd && content.complete();
    if (kind == extension_quick_check) return welcome.quick_check = content.complete();
    if (kind != extension_connections) return true;
    const frames::grant& more = welcome.more.emplace(read_grant(content));
    return more.connections > 0 && more.connections <= limits::joined_connections && content.complete();
  };
  if (const result<void> read = read_extensions(in, "WELCOME", take); !read) return read.error();
  return frame{welcome};
}

// Memory is held by the block: large ones are for files that have need of them.
bool block_size_allowed(const entry& item) noexcept {
  if (item.block_log2 < limits::smallest_block_log2 || item.block_log2 > limits::largest_block_log2) return false;
  if (item.block_log2 <= limits::usual_block_log2) return true;
  const block_layout with_smaller{item.size, item.block_log2 - 1U};
  return item.kind == entry_kind::file && with_smaller.count() > limits::blocks_per_file;
}

// The rules that hold for an entry whatever it is for: field by field, then what its kind allows.
bool fields_allowed(const entry& item) noexcept {
  if (item.mode > 0777U || item.modified.nanoseconds >= 1'000'000'000U) return false;
  switch (item.kind) {
    case entry_kind::file:
      return block_size_allowed(item) && item.size != unknown_size && item.allocated <= item.size;
    case entry_kind::stream:
      return block_size_allowed(item) && item.size == unknown_size && item.allocated == 0;
    case entry_kind::directory:
    case entry_kind::symlink:
      return item.block_log2 == 0 && item.size == 0 && item.allocated == 0;
  }
  return false;
}

// What a flag says of a file's content.
result<void> read_body(byte_reader& in, std::uint8_t flag, frames::offer& offer) {
  const std::uint64_t size = offer.item.size;
  if (offer.item.kind != entry_kind::file) return violation("OFFER with content for something that is not a file");
  if (!std::has_single_bit(flag)) return violation("OFFER of content in more than one way");
  if (flag != offer_by_time && size > limits::inline_content) return violation("OFFER with too much content");
  if (flag != offer_inline && size == 0) return violation("OFFER that promises nothing");
  if (flag == offer_by_time) {
    offer.body = frames::promised{};
    return {};
  }
  const digest content_digest = read_digest(in);
  if (flag == offer_promised) {
    offer.body = frames::promised{content_digest};
  } else {
    offer.body = frames::inlined{content_digest, in.bytes(static_cast<std::size_t>(size))};
  }
  return {};
}

result<frame> of_offer(byte_reader& in, std::uint8_t flags) {
  frames::offer offer;
  entry& item = offer.item;
  offer.id = in.u32();
  item.kind = static_cast<entry_kind>(in.u8());
  item.block_log2 = in.u8();
  item.mode = in.u16();
  item.modified.seconds = static_cast<std::int64_t>(in.u64());
  item.modified.nanoseconds = in.u32();
  item.size = in.u64();
  item.allocated = in.u64();
  item.path = in.text(in.u16());
  if (!in.ok() || item.path.empty() || item.path.size() > limits::path)
    return violation("OFFER with a path of a wrong length");
  if (!fields_allowed(item)) return violation("OFFER with fields out of range");
  if (item.kind == entry_kind::file && block_layout{item.size, item.block_log2}.count() > limits::blocks_per_file) {
    return violation("OFFER of a file of too many blocks");
  }
  if (flags != 0) {
    if (const result<void> read = read_body(in, flags, offer); !read) return read.error();
  } else if (item.kind == entry_kind::symlink) {
    item.target = as_text(in.rest());
    if (item.target.empty() || item.target.size() > limits::link_target)
      return violation("OFFER of a link without a target");
    if (!is_utf8(item.target) || item.target.find('\0') != std::string::npos)
      return violation("OFFER of a link to what is not text");
  } else if (item.kind == entry_kind::file && item.size == 0) {
    return violation("OFFER of an empty file without its content");
  }
  if (!in.complete()) return violation("OFFER of a wrong length");
  return frame{std::move(offer)};
}

frame of_join(byte_reader& in) noexcept {
  frames::join join;
  const byte_view session = in.bytes(join.session.size());
  const byte_view secret = in.bytes(join.secret.size());
  std::ranges::copy(session, join.session.begin());
  std::ranges::copy(secret, join.secret.begin());
  return join;
}

result<frame> of_block(byte_reader& in, bool compressed) {
  frames::block block;
  block.id = in.u32();
  block.index = in.u64();
  block.content_digest = read_digest(in);
  block.data = in.rest();
  block.compressed = compressed;
  if (block.index >= limits::blocks_per_file) return violation("BLOCK with an index that no file has");
  return frame{block};
}

result<frame> of_have(byte_reader& in, bool present) {
  frames::have have;
  have.id = in.u32();
  have.blocks.first = in.u64();
  have.blocks.count = in.u32();
  if (!plausible(have.blocks)) return violation("HAVE for a run of blocks that no file has");
  if (present) {
    if (in.remaining() != have.blocks.count * sizeof(digest::bytes)) return violation("HAVE of a wrong length");
    have.digests.reserve(have.blocks.count);
    for (std::uint64_t i = 0; i < have.blocks.count; ++i) have.digests.push_back(read_digest(in));
  }
  if (!in.complete()) return violation("HAVE of a wrong length");
  return frame{std::move(have)};
}

template <class Reason>
result<frame> of_reason(byte_reader& in) {
  Reason reason;
  if constexpr (requires { reason.id; }) reason.id = in.u32();
  reason.code = static_cast<wire_code>(in.u16());
  reason.text = as_text(in.rest());
  if (!is_utf8(reason.text)) return violation("a text that is not UTF-8");
  return frame{std::move(reason)};
}

result<frame> of_payload(std::uint8_t kind, std::uint8_t flags, byte_view payload) {
  byte_reader in{payload};
  switch (static_cast<type>(kind)) {
    case type::hello:
      return of_hello(in);
    case type::welcome:
      return of_welcome(in);
    case type::offer:
      return of_offer(in, flags);
    case type::block:
      return of_block(in, flags != 0);
    case type::hole:
    case type::keep:
    case type::need:
      return of_run(static_cast<type>(kind), in);
    case type::finish: {
      const std::uint32_t id = in.u32();
      const std::uint64_t size = in.u64();
      return frame{frames::finish{id, size, read_digest(in)}};
    }
    case type::accept: {
      const std::uint32_t id = in.u32();
      return frame{frames::accept{id, in.u64()}};
    }
    case type::have:
      return of_have(in, flags != 0);
    case type::delivered: {
      const std::uint32_t id = in.u32();
      std::string path{as_text(in.rest())};
      if (!is_utf8(path)) return violation("a path that is not UTF-8");
      return frame{frames::delivered{id, flags != 0, std::move(path)}};
    }
    case type::progress: {
      const std::uint32_t id = in.u32();
      return frame{frames::progress{id, in.u64()}};
    }
    case type::refuse:
      return of_reason<frames::refuse>(in);
    case type::cancel:
      return of_reason<frames::cancel>(in);
    case type::error:
      return of_reason<frames::error>(in);
    case type::join:
      return of_join(in);
    case type::fence:
      return frame{frames::fence{in.u32()}};
    case type::bye:
      return frame{frames::bye{}};
  }
  return frame{frames::unknown{}};
}

}  // namespace

result<decoded> decode(byte_view in) {
  if (in.empty()) return decoded{std::nullopt, frame_header_size};
  const auto kind = std::to_integer<std::uint8_t>(in[0]);
  const rule* const known = rule_of(kind);
  if (known == nullptr) return violation("a frame of the unknown type " + std::to_string(kind));
  if (in.size() < frame_header_size) return decoded{std::nullopt, frame_header_size};

  byte_reader header{in.first(frame_header_size)};
  header.u8();
  const std::uint8_t flags = header.u8();
  const std::uint16_t reserved = header.u16();
  const std::size_t length = header.u32();
  if (length < known->least || length > known->most) {
    return violation(std::string{known->name} + " with " + std::to_string(length) + " bytes");
  }
  if ((flags & ~known->flags) != 0 || (reserved != 0 && kind < first_optional_type)) {
    return violation(std::string{known->name} + " with reserved bits set");
  }
  const std::size_t size = frame_header_size + length;
  if (in.size() < size) return decoded{std::nullopt, size};

  result<frame> value = of_payload(kind, flags, in.subspan(frame_header_size, length));
  if (!value) return std::move(value).error();
  return decoded{std::move(*value), size};
}

}  // namespace tcptools::transfer
