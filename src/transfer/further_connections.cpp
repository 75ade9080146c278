#include "tcptools/transfer/further_connections.hpp"

#include <algorithm>
#include <utility>

#include "tcptools/transfer/limits.hpp"

namespace tcptools::transfer {
namespace {

using namespace std::chrono_literals;

// Without an acknowledgement for this long, a connection is not worth waiting for.
constexpr auto least_stall = 2s;
constexpr int round_trips_of_stall = 4;

}  // namespace

further_connections::further_connections(net::stream& first, carrier& by, const send_settings& settings,
                                         session_id session, net::task_group::exception_handler on_exception)
    : first_{first},
      carrier_{by},
      settings_{settings},
      join_{session, {}},
      changed_{first.get_executor()},
      tasks_{first.get_executor(), std::move(on_exception)} {}

std::uint8_t further_connections::most(const send_settings& settings) noexcept {
  const unsigned in_all = settings.connections.value_or(settings.bytes_per_second ? 1U : limits::automatic_connections);
  return static_cast<std::uint8_t>(std::clamp(in_all, 1U, limits::most_connections) - 1);
}

void further_connections::begin(const frames::grant& granted) {
  if (is_stopped_) return;
  join_.secret = granted.secret;
  plan_ = connection_plan{1U + std::min(granted.connections, most(settings_)), settings_.connections.has_value()};
  tasks_.spawn("further connections", look_after());
}

void further_connections::stop() {
  is_stopped_ = true;
  for (const member& one : members_) one.connection->stop();
  changed_.notify_all();
  carrier_.wake();
}

net::awaitable<void> further_connections::look_after() {
  while (!is_stopped_ && !carrier_.words().has_had_blocks()) co_await carrier_.news().wait();
  while (!is_stopped_) {
    const auto now = clock::now();
    const net::path_state path = first_.path();
    plan_.on_sight({acknowledged_on_all(), path.round_trip, path.is_under_way && !carrier_.words().is_empty()}, now);
    cut_stalled(now);
    make_more();
    (void)co_await changed_.wait_until(now + connection_plan::look_every);
  }
}

void further_connections::make_more() {
  std::size_t there = 1;
  std::size_t lost = 0;
  for (const member& one : members_) {
    there += one.connection->has_ended() ? 0U : 1U;
    lost += one.connection->was_lost() ? 1U : 0U;
  }
  for (; lost < limits::lost_joins && there < plan_.wanted(); ++there) {
    member& one = members_.emplace_back();
    one.connection = std::make_unique<joined_connection>(first_, carrier_, settings_, join_);
    tasks_.spawn("joined connection", one.connection->run());
  }
}

void further_connections::cut_stalled(clock::time_point now) {
  for (member& one : members_) {
    if (!one.connection->is_at_work()) {
      one.moved_at = now;
    } else if (is_stalled(one, now)) {
      one.connection->cut();
    }
  }
}

// Nothing of what is under way on it arrives, while everything else is sent, or is there. Where the receiver itself
// takes no more of it, that is so before the end only, and later.
bool further_connections::is_stalled(member& one, clock::time_point now) const {
  const net::stream& stream = one.connection->stream();
  const net::path_state path = stream.path();
  const std::uint64_t moved = one.connection->acknowledged();
  const std::uint64_t others = acknowledged_on_all() - moved;
  if (moved != std::exchange(one.acknowledged, moved) || stream.unacknowledged() == 0) {
    one.moved_at = now;
    one.others_acknowledged = others;
    return false;
  }
  const clock::duration usual = std::max<clock::duration>(least_stall, round_trips_of_stall * path.round_trip);
  // A receiver that takes no more may be busy with its disk.
  const auto patience = path.is_under_way ? usual : std::max<clock::duration>(usual, settings_.idle_timeout / 4);
  if (now - one.moved_at < patience) return false;
  const bool is_overtaken = path.is_under_way && others > one.others_acknowledged;
  const bool is_the_last = carrier_.words().is_empty() && first_.unacknowledged() == 0;
  return is_overtaken || is_the_last;
}

std::uint64_t further_connections::acknowledged() const {
  std::uint64_t bytes = 0;
  for (const member& one : members_) bytes += one.connection->acknowledged();
  return bytes;
}

std::uint64_t further_connections::acknowledged_on_all() const { return first_.acknowledged() + acknowledged(); }

}  // namespace tcptools::transfer
