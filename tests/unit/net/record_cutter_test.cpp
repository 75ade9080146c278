#include "tcptools/net/record_cutter.hpp"

#include <cstddef>
#include <vector>

#include "support/catch.hpp"

using namespace tcptools;
using namespace tcptools::net;

namespace {

byte_buffer counted_bytes(std::size_t size) {
  byte_buffer made(size);
  for (std::size_t i = 0; i < size; ++i) made[i] = static_cast<std::byte>(i * 7);
  return made;
}

// The sizes of the records; checks that they hold all of `content`.
std::vector<std::size_t> cut_sizes(byte_view content, const std::vector<std::size_t>& sizes) {
  std::vector<byte_view> pieces;
  byte_view rest = content;
  for (const std::size_t size : sizes) {
    pieces.push_back(rest.first(size));
    rest = rest.subspan(size);
  }
  REQUIRE(rest.empty());
  record_cutter::scratch room;
  byte_buffer all;
  std::vector<std::size_t> found;
  for (record_cutter cutter{pieces, room}; !cutter.is_done();) {
    const byte_view record = cutter.next();
    found.push_back(record.size());
    all.insert(all.end(), record.begin(), record.end());
  }
  CHECK((all == byte_buffer{content.begin(), content.end()}));
  return found;
}

}  // namespace

TEST_CASE("records are as full as can be") {
  constexpr std::size_t full = record_cutter::longest_record;
  const byte_buffer content = counted_bytes(3 * full + 5);
  const byte_view all{content};
  using sizes = std::vector<std::size_t>;
  CHECK(cut_sizes(all.first(0), {}).empty());
  CHECK(cut_sizes(all.first(0), {0, 0}).empty());
  CHECK(cut_sizes(all.first(7), {7}) == sizes{7});
  CHECK(cut_sizes(all.first(7), {0, 3, 0, 4, 0}) == sizes{7});
  CHECK(cut_sizes(all, {3 * full + 5}) == sizes{full, full, full, 5});
  CHECK(cut_sizes(all, {5, 3 * full}) == sizes{full, full, full, 5});
  CHECK(cut_sizes(all, {full, full, full, 5}) == sizes{full, full, full, 5});
  CHECK(cut_sizes(all, {2 * full + 5, full - 5, 5}) == sizes{full, full, full, 5});
  CHECK(cut_sizes(all.first(full), {full - 1, 1}) == sizes{full});
}
