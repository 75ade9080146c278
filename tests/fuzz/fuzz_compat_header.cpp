// Whatever bytes come in and however they are cut, a header is read in the same way, and what was read can be sent on.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "tcptools/base/text.hpp"
#include "tcptools/transfer/compat_protocol.hpp"
#include "tcptools/transfer/limits.hpp"

namespace {

using tcptools::byte_view;
using tcptools::errc;
using namespace tcptools::transfer;

void require(bool condition) {
  if (!condition) std::abort();
}

compat_header fed(byte_view bytes, std::size_t piece) {
  compat_header header;
  while (!bytes.empty()) {
    const byte_view next = bytes.first(std::min(piece, bytes.size()));
    const std::size_t taken = header.feed(next);
    require(taken == next.size() || !header.state());
    bytes = bytes.subspan(next.size());
  }
  return header;
}

}  // namespace

// The first byte says how the others are cut.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const byte_view bytes = std::as_bytes(std::span{data + 1, size - 1});
  const compat_header whole = fed(bytes, size);
  const compat_header pieces = fed(bytes, std::size_t{1} + data[0] % 32);

  require(whole.state().has_value() == pieces.state().has_value());
  if (!whole.state()) {
    require(whole.state().error().code() == errc::protocol_violation);
    require(tcptools::is_utf8(whole.state().error().text()));
    return 0;
  }
  require(*whole.state() == *pieces.state());
  require(bytes.size() <= limits::compat_header);
  if (!*whole.state()) return 0;

  const compat_file& file = **whole.state();
  if (const auto header = encode_compat_header(file.name, file.size)) {
    require(*fed(tcptools::as_bytes(*header), size).state() == file);
  } else {
    require(file.size == 0 || file.size > limits::compat_largest_sent || file.name.find('&') != std::string::npos);
  }
  return 0;
}
