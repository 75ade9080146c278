#include "tcptools/transfer/connection_plan.hpp"

#include <algorithm>

namespace tcptools::transfer {
namespace {

using namespace std::chrono_literals;

// Where answers come sooner, one connection fills the way.
constexpr auto long_way = 5ms;

// How long is measured, and how long a step has time to bring something: a new connection begins slowly, and doubles
// what it sends with each round trip.
constexpr auto least_measured = 100ms;
constexpr int round_trips_measured = 2;
constexpr auto least_patience = 1s;
constexpr int round_trips_of_patience = 12;

// The first step is a large one: on a long way one connection is slow to begin and slow to recover, whatever it is
// measured to carry.
constexpr unsigned first_step = 4;

// What a step brings is hard to see where packets get lost, and a connection too many costs little.
constexpr double worth_it = 1.1;

}  // namespace

void connection_plan::on_sight(const sight& seen, clock::time_point now) {
  if (is_settled()) return;
  if (seen.round_trip > 0us) {
    round_trip_ = round_trip_ > 0us ? std::min(round_trip_, seen.round_trip) : seen.round_trip;
  }
  if (!seen.waits_for_network || round_trip_ < long_way) {
    begin_.reset();
    return;
  }
  if (!begin_) begin_ = mark{now, seen.acknowledged};
  const auto measured = now - begin_->when;
  if (measured < std::max<clock::duration>(least_measured, round_trips_measured * round_trip_)) return;
  // With encryption it may go back a little: what is under way is then more than what was written.
  const std::uint64_t moved = seen.acknowledged - std::min(seen.acknowledged, begin_->acknowledged);
  const double rate = static_cast<double>(moved) / std::chrono::duration<double>{measured}.count();
  begin_ = mark{now, seen.acknowledged};
  judge(rate, now);
}

void connection_plan::judge(double rate, clock::time_point now) {
  const bool is_first_step = wanted_ == 1;
  if (is_first_step || rate >= rate_before_ * worth_it) {
    wanted_ = std::min(is_first_step ? first_step : 2 * wanted_, most_);
    rate_before_ = rate;
    stepped_at_ = now;
    return;
  }
  const auto patience = std::max<clock::duration>(least_patience, round_trips_of_patience * round_trip_);
  settled_ = now - stepped_at_ >= patience;
}

}  // namespace tcptools::transfer
