#include "tcptools/net/waiting_room.hpp"

#include <algorithm>
#include <cassert>

namespace tcptools::net {

asio::ip::address origin_of(const asio::ip::address& address) {
  if (address.is_v4()) return address;
  const asio::ip::address_v6 six = address.to_v6();
  if (six.is_v4_mapped()) return asio::ip::make_address_v4(asio::ip::v4_mapped, six);
  asio::ip::address_v6::bytes_type bytes = six.to_bytes();
  std::fill(bytes.begin() + bytes.size() / 2, bytes.end(), std::uint8_t{0});
  return asio::ip::address_v6{bytes};
}

waiting_room::rank waiting_room::rank_of(const group& all, const asio::ip::address& origin) {
  return {all.size(), -static_cast<std::int64_t>(*all.begin()), origin};
}

void waiting_room::add(ticket who, const asio::ip::address& origin) {
  group& all = groups_[origin];
  if (!all.empty()) ranks_.erase(rank_of(all, origin));
  all.insert(who);
  ranks_.insert(rank_of(all, origin));
}

void waiting_room::remove(ticket who, const asio::ip::address& origin) {
  const auto found = groups_.find(origin);
  group& all = found->second;
  ranks_.erase(rank_of(all, origin));
  all.erase(who);
  if (all.empty()) {
    groups_.erase(found);
  } else {
    ranks_.insert(rank_of(all, origin));
  }
}

waiting_room::entry waiting_room::enter(const asio::ip::address& from, clock::time_point now) {
  const asio::ip::address origin = origin_of(from);
  entry made;
  const auto send_away = [this, &made](ticket who) {
    made.to_go.push_back(who);
    leave(who);
  };
  for (;;) {
    const auto same = groups_.find(origin);
    if (same == groups_.end() || same->second.size() < settings_.seats_per_origin) break;
    const ticket oldest = *same->second.begin();
    if (now - waiting_.at(oldest).since < settings_.patience) break;
    send_away(oldest);
  }
  while (waiting_.size() >= settings_.seats) send_away(*groups_.at(std::get<2>(*ranks_.rbegin())).begin());

  made.given = ++last_;
  waiting_.emplace(made.given, waiting{origin, now});
  add(made.given, origin);
  return made;
}

void waiting_room::move(ticket who, const asio::ip::address& from) {
  waiting& one = waiting_.at(who);
  remove(who, one.origin);
  one.origin = origin_of(from);
  add(who, one.origin);
}

void waiting_room::leave(ticket who) {
  const auto found = waiting_.find(who);
  assert(found != waiting_.end());
  remove(who, found->second.origin);
  waiting_.erase(found);
}

}  // namespace tcptools::net
