#include <algorithm>

#include "tcptools/transfer/limits.hpp"
#include "tcptools/transfer/protocol.hpp"

namespace tcptools::transfer {
namespace {

using frames::type;

std::uint8_t offer_flag(const frames::offer& offer) noexcept {
  if (std::holds_alternative<frames::inlined>(offer.body)) return offer_inline;
  const auto* const promise = std::get_if<frames::promised>(&offer.body);
  if (promise == nullptr) return 0;
  return promise->content_digest ? offer_promised : offer_by_time;
}

std::string_view cut(std::string_view text) noexcept {
  if (text.size() <= limits::text) return text;
  std::size_t end = limits::text;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end);
}

// Writes the header with the length left open, lets `fill` append the payload, then fills the length in.
template <class Fill>
void put_frame(byte_buffer& out, type kind, std::uint8_t flags, Fill fill) {
  const std::size_t start = out.size();
  byte_writer writer{out};
  writer.u8(static_cast<std::uint8_t>(kind)).u8(flags).u16(0).u32(0);
  fill(writer);
  const std::size_t length = out.size() - start - frame_header_size;
  for (std::size_t i = 0; i < 4; ++i) out[start + 4 + i] = static_cast<std::byte>(length >> (8 * (3 - i)));
}

void put_run(byte_buffer& out, type kind, std::uint32_t id, frames::block_run blocks) {
  put_frame(out, kind, 0, [&](byte_writer& writer) { writer.u32(id).u64(blocks.first).u64(blocks.count); });
}

void put_reason(byte_buffer& out, type kind, std::uint32_t id, wire_code code, std::string_view text) {
  put_frame(out, kind, 0,
            [&](byte_writer& writer) { writer.u32(id).u16(static_cast<std::uint16_t>(code)).text(cut(text)); });
}

struct encoder {
  byte_buffer& out;

  void operator()(const frames::hello& frame) const {
    put_frame(out, type::hello, 0, [&](byte_writer& writer) {
      writer.u16(frame.lowest_version).u16(frame.highest_version).bytes(frame.session);
      if (frame.zstd) writer.u16(extension_compression).u16(1).u8(compression_zstd);
      if (frame.connections > 0) writer.u16(extension_connections).u16(1).u8(frame.connections);
      if (frame.quick_check) writer.u16(extension_quick_check).u16(0);
    });
  }
  void operator()(const frames::welcome& frame) const {
    put_frame(out, type::welcome, 0, [&](byte_writer& writer) {
      writer.u16(frame.version).u32(frame.window).u32(frame.open_files).u64(frame.largest_file);
      if (frame.zstd) writer.u16(extension_compression).u16(1).u8(compression_zstd);
      if (frame.more)
        writer.u16(extension_connections)
            .u16(1 + sizeof(join_secret))
            .u8(frame.more->connections)
            .bytes(frame.more->secret);
      if (frame.quick_check) writer.u16(extension_quick_check).u16(0);
    });
  }
  void operator()(const frames::offer& frame) const {
    put_frame(out, type::offer, offer_flag(frame), [&](byte_writer& writer) {
      const entry& item = frame.item;
      writer.u32(frame.id).u8(static_cast<std::uint8_t>(item.kind)).u8(item.block_log2).u16(item.mode);
      writer.u64(static_cast<std::uint64_t>(item.modified.seconds)).u32(item.modified.nanoseconds);
      writer.u64(item.size).u64(item.allocated);
      writer.u16(static_cast<std::uint16_t>(item.path.size())).text(item.path).text(item.target);
      if (const auto* body = std::get_if<frames::inlined>(&frame.body)) {
        writer.bytes(body->content_digest.bytes).bytes(body->content);
      } else if (const auto* promise = std::get_if<frames::promised>(&frame.body); promise && promise->content_digest) {
        writer.bytes(promise->content_digest->bytes);
      }
    });
  }
  void operator()(const frames::block& frame) const {
    auto header = encode_block_header(frame.id, frame.index, frame.content_digest, frame.data.size());
    if (frame.compressed) mark_compressed(header, frame.data.size());
    byte_writer{out}.bytes(header).bytes(frame.data);
  }
  void operator()(const frames::hole& frame) const { put_run(out, type::hole, frame.id, frame.blocks); }
  void operator()(const frames::keep& frame) const { put_run(out, type::keep, frame.id, frame.blocks); }
  void operator()(const frames::need& frame) const { put_run(out, type::need, frame.id, frame.blocks); }
  void operator()(const frames::finish& frame) const {
    put_frame(out, type::finish, 0,
              [&](byte_writer& writer) { writer.u32(frame.id).u64(frame.size).bytes(frame.root.bytes); });
  }
  void operator()(const frames::accept& frame) const {
    put_frame(out, type::accept, 0, [&](byte_writer& writer) { writer.u32(frame.id).u64(frame.checked); });
  }
  void operator()(const frames::have& frame) const {
    put_frame(out, type::have, frame.digests.empty() ? 0 : 1, [&](byte_writer& writer) {
      writer.u32(frame.id).u64(frame.blocks.first).u32(static_cast<std::uint32_t>(frame.blocks.count));
      for (const digest& one : frame.digests) writer.bytes(one.bytes);
    });
  }
  void operator()(const frames::delivered& frame) const {
    put_frame(out, type::delivered, frame.unchanged ? 1 : 0,
              [&](byte_writer& writer) { writer.u32(frame.id).text(frame.path); });
  }
  void operator()(const frames::refuse& frame) const {
    put_reason(out, type::refuse, frame.id, frame.code, frame.text);
  }
  void operator()(const frames::cancel& frame) const {
    put_reason(out, type::cancel, frame.id, frame.code, frame.text);
  }
  void operator()(const frames::join& frame) const {
    put_frame(out, type::join, 0, [&](byte_writer& writer) { writer.bytes(frame.session).bytes(frame.secret); });
  }
  void operator()(const frames::fence& frame) const {
    put_frame(out, type::fence, 0, [&](byte_writer& writer) { writer.u32(frame.id); });
  }
  void operator()(const frames::progress& frame) const {
    put_frame(out, type::progress, 0, [&](byte_writer& writer) { writer.u32(frame.id).u64(frame.bytes); });
  }
  void operator()(const frames::error& frame) const {
    put_frame(out, type::error, 0,
              [&](byte_writer& writer) { writer.u16(static_cast<std::uint16_t>(frame.code)).text(cut(frame.text)); });
  }
  void operator()(const frames::bye& /*frame*/) const {
    put_frame(out, type::bye, 0, [](byte_writer& /*writer*/) {});
  }
  void operator()(const frames::unknown& /*frame*/) const {}
};

}  // namespace

void encode(const frame& value, byte_buffer& out) { std::visit(encoder{out}, value); }

}  // namespace tcptools::transfer
