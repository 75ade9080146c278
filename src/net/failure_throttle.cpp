#include "tcptools/net/failure_throttle.hpp"

#include <algorithm>
#include <functional>

namespace tcptools::net {

bool failure_throttle::note_failure(const asio::ip::address& address, time_point now) {
  const source whose = source_of(address);
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
  const source whose = source_of(address);
  const auto found = std::ranges::lower_bound(blamed_, whose, std::less{}, &blame::whose);
  return found != blamed_.end() && found->whose == whose && is_too_much(*found, now);
}

failure_throttle::source failure_throttle::source_of(const asio::ip::address& address) {
  if (address.is_v4()) return {false, address.to_v4().to_uint()};
  const asio::ip::address_v6 v6 = address.to_v6();
  if (v6.is_v4_mapped()) return {false, asio::ip::make_address_v4(asio::ip::v4_mapped, v6).to_uint()};
  std::uint64_t network = 0;
  const asio::ip::address_v6::bytes_type bytes = v6.to_bytes();
  for (std::size_t i = 0; i < sizeof network; ++i) network = network << 8U | bytes[i];
  return {true, network};
}

bool failure_throttle::is_too_much(const blame& one, time_point now) {
  return one.until - now > (most_failures - 1) * forgiven_after;
}

void failure_throttle::make_room(time_point now) {
  if (std::erase_if(blamed_, [now](const blame& one) { return one.until <= now; }) > 0) return;
  blamed_.erase(std::ranges::min_element(blamed_, std::less{}, &blame::until));
}

}  // namespace tcptools::net
