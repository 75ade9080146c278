#include "tcptools/net/failure_throttle.hpp"

#include <algorithm>
#include <functional>

#include "tcptools/net/address.hpp"

namespace tcptools::net {

bool failure_throttle::note_failure(const asio::ip::address& address, time_point now) {
  const asio::ip::address whose = origin_of(address);
  auto found = std::ranges::lower_bound(blamed_, whose, std::less{}, &blame::whose);
  if (found == blamed_.end() || found->whose != whose) {
    if (blamed_.size() == most_addresses) {
      make_room(now);
      found = std::ranges::lower_bound(blamed_, whose, std::less{}, &blame::whose);
    }
    found = blamed_.insert(found, blame{whose, now});
  }
  const bool was_too_much = is_too_much(*found, now);
  // No more than the bound, or those that were under way when it was reached would count for long.
  found->until = std::min(std::max(found->until, now) + forgiven_after, now + most_failures * forgiven_after);
  return !was_too_much && is_too_much(*found, now);
}

bool failure_throttle::is_blocked(const asio::ip::address& address, time_point now) const {
  const asio::ip::address whose = origin_of(address);
  const auto found = std::ranges::lower_bound(blamed_, whose, std::less{}, &blame::whose);
  return found != blamed_.end() && found->whose == whose && is_too_much(*found, now);
}

bool failure_throttle::is_too_much(const blame& one, time_point now) {
  return one.until - now > (most_failures - 1) * forgiven_after;
}

void failure_throttle::make_room(time_point now) {
  if (std::erase_if(blamed_, [now](const blame& one) { return one.until <= now; }) > 0) return;
  blamed_.erase(std::ranges::min_element(blamed_, std::less{}, &blame::until));
}

}  // namespace tcptools::net
