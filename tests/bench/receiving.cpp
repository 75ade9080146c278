#include "receiving.hpp"

#include <algorithm>
#include <utility>

namespace tcptools::bench {
namespace {

constexpr nanoseconds duplicates_at_most = 1'000'000'000;

}  // namespace

receiving::receiving(std::vector<session> sessions, const dialect& language, const payload& texts,
                     std::uint32_t messages)
    : messages_{messages},
      tallies_(sessions.size()),
      receivers_at_(messages + std::size_t{1}),
      from_{std::move(sessions), language, texts} {
  receivers_at_[0] = static_cast<std::uint32_t>(tallies_.size());
  find_floor();
}

void receiving::run(flow& bounds, std::size_t thread, nanoseconds patience) {
  while (floor_ < messages_ && !bounds.stopped()) {
    from_.poll(100, *this);
    bounds.advance(thread, floor_);
    if (now() > std::max(last_heard_, bounds.last_sent()) + patience) break;
  }
  const nanoseconds end = now() + duplicates_at_most;
  while (from_.open() > 0 && from_.poll(100, *this) && now() < end) {
  }
}

void receiving::heard(std::size_t which, nanoseconds when, const findings& found) {
  sequence_tally& tally = tallies_[which];
  const std::uint32_t before = tally.next();
  for (const stamp& message : found.messages) {
    if (message.sequence >= messages_ || !tally.add(message.sequence)) continue;
    latencies_.add(when > message.due ? when - message.due : 0);
    last_heard_ = when;
  }
  wrong_size_ += found.wrong_size;
  if (tally.next() == before) return;
  --receivers_at_[before];
  ++receivers_at_[tally.next()];
  find_floor();
}

void receiving::ended(std::size_t which) {
  --receivers_at_[tallies_[which].next()];
  ++disconnected_;
  find_floor();
}

void receiving::find_floor() {
  while (floor_ < messages_ && receivers_at_[floor_] == 0) ++floor_;
}

}  // namespace tcptools::bench
