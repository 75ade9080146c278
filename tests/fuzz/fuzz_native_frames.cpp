// Whatever bytes come in, they are taken frame by frame or refused, and what was taken is written as the same bytes.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <variant>

#include "tcptools/base/text.hpp"
#include "tcptools/transfer/protocol.hpp"

namespace {

using tcptools::byte_buffer;
using tcptools::byte_view;
using tcptools::errc;
using namespace tcptools::transfer;

void require(bool condition) {
  if (!condition) std::abort();
}

byte_buffer encoded(const frame& value) {
  byte_buffer out;
  encode(value, out);
  return out;
}

// Extensions and optional frames are skipped, so that they cannot come back.
bool comes_back(const frame& value) {
  return !std::holds_alternative<frames::hello>(value) && !std::holds_alternative<frames::welcome>(value) &&
         !std::holds_alternative<frames::unknown>(value);
}

void check_taken(const frame& value, byte_view wire) {
  const byte_buffer out = encoded(value);
  if (comes_back(value)) require(std::ranges::equal(out, wire));
  if (!out.empty()) {
    const auto again = decode(out);
    require(again && again->value && again->size == out.size());
    require(encoded(*again->value) == out);
  }

  const auto early = decode(wire.first(wire.size() - 1));
  require(early && !early->value);
  require(early->size == (wire.size() > frame_header_size ? wire.size() : frame_header_size));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  byte_view left = std::as_bytes(std::span{data, size});
  for (;;) {
    const auto step = decode(left);
    if (!step) {
      const errc code = step.error().code();
      require(code == errc::protocol_violation || code == errc::version_unsupported);
      require(tcptools::is_utf8(step.error().text()));
      return 0;
    }
    if (!step->value) {
      require(step->size > left.size());
      return 0;
    }
    require(step->size >= frame_header_size && step->size <= left.size());
    check_taken(*step->value, left.first(step->size));
    left = left.subspan(step->size);
  }
}
