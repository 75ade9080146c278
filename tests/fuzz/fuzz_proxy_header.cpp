// However a PROXY header comes, it is the same; nothing behind it is read, and what it says of the peer is an address.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "tcptools/net/proxy_header.hpp"

namespace {

using namespace tcptools;
using namespace tcptools::net;

void require(bool condition) {
  if (!condition) std::abort();
}

struct outcome {
  bool is_complete = false;
  bool is_wrong = false;
  std::size_t taken = 0;  // where it is not wrong
  std::optional<proxied_peer> peer;

  friend bool operator==(const outcome&, const outcome&) = default;
};

outcome decode(std::string_view stream, std::size_t piece) {
  proxy_header_decoder decoder;
  std::size_t taken = 0;
  while (decoder.wanted() > 0 && taken < stream.size()) {
    const std::size_t count = std::min({decoder.wanted(), piece, stream.size() - taken});
    const auto fed = decoder.feed(as_bytes(stream.substr(taken, count)));
    taken += count;
    if (!fed) {
      require(fed.error().code() == errc::protocol_violation);
      return {false, true, 0, {}};
    }
  }
  require(taken <= proxy_header_decoder::longest);
  if (decoder.wanted() > 0) return {false, false, taken, {}};
  if (stream.starts_with('P')) {
    require(taken <= proxy_header_decoder::longest_line && stream.substr(0, taken).ends_with("\r\n"));
  }
  return {true, false, taken, decoder.peer()};
}

}  // namespace

// The first byte says in what pieces the rest comes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t piece = data[0] % 24 + 1;
  const std::string_view stream{reinterpret_cast<const char*>(data) + 1, size - 1};
  const outcome whole = decode(stream, stream.size() + 1);
  require(decode(stream, piece) == whole);
  if (whole.is_complete) {
    require(decode(stream.substr(0, whole.taken), piece) == whole);
    require(!decode(stream.substr(0, whole.taken - 1), piece).is_complete);
  }
  return 0;
}
