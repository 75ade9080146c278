#include "tcptools/net/patient_stream.hpp"

#include <asio/post.hpp>
#include <vector>

namespace tcptools::net {
namespace {

constexpr unsigned calls_per_turn = 16;

}  // namespace

bool patient_stream::is_turn_due() noexcept {
  if (++calls_in_a_row_ < calls_per_turn) return false;
  calls_in_a_row_ = 0;
  return true;
}

awaitable<result<std::size_t>> patient_stream::read_some(std::span<std::byte> into) {
  if (is_turn_due()) co_await asio::post(asio::use_awaitable_t<any_executor>{});
  for (;;) {
    const result<std::size_t> got = try_read(into);
    if (!got || *got > 0) co_return got;
    calls_in_a_row_ = 0;
    const result<void> ready = co_await wait_readable();
    if (!ready) co_return ready.error();
  }
}

awaitable<result<void>> patient_stream::write(std::span<const byte_view> pieces) {
  std::vector<byte_view> left{pieces.begin(), pieces.end()};
  std::erase_if(left, [](byte_view piece) { return piece.empty(); });
  std::span<byte_view> unwritten{left};
  while (!unwritten.empty()) {
    if (is_turn_due()) co_await asio::post(asio::use_awaitable_t<any_executor>{});
    const result<std::size_t> sent = try_write(unwritten);
    if (!sent) co_return sent.error();
    if (*sent == 0) {
      calls_in_a_row_ = 0;
      const result<void> ready = co_await wait_writable();
      if (!ready) co_return ready.error();
      continue;
    }
    std::size_t written = *sent;
    while (!unwritten.empty() && written >= unwritten[0].size()) {
      written -= unwritten[0].size();
      unwritten = unwritten.subspan(1);
    }
    if (written > 0) unwritten[0] = unwritten[0].subspan(written);
  }
  co_return result<void>{};
}

}  // namespace tcptools::net
