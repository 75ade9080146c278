// Decides who has to go where more wait to be let in than there is room for.
#pragma once

#include <asio/ip/address.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <tuple>
#include <vector>

namespace tcptools::net {

// Whoever may be one and the same: an IPv4 address, or the /64 of an IPv6 one, which is what one customer has.
[[nodiscard]] asio::ip::address origin_of(const asio::ip::address& address);

// No clock: time comes in as an argument.
class waiting_room {
 public:
  using clock = std::chrono::steady_clock;
  using ticket = std::uint64_t;  // the smaller, the longer it waits

  struct settings {
    std::size_t seats = 1'000;
    std::size_t seats_per_origin = 64;
    // What a handshake takes at least. Of those who come together from one origin nobody goes sooner, while others do
    // not need the room.
    std::chrono::milliseconds patience{1'000};
  };

  explicit waiting_room(settings chosen) : settings_{chosen} {}

  struct entry {
    ticket given = 0;
    std::vector<ticket> to_go;  // they have left with this call
  };

  // Who comes always gets in. Where its origin has more than its seats, those of it that have had their time go; where
  // there is no seat left, the one of the origin with most that has waited longest.
  [[nodiscard]] entry enter(const asio::ip::address& from, clock::time_point now);

  // A proxy has said where it comes from. Precondition, here and below: it is there.
  void move(ticket who, const asio::ip::address& from);
  void leave(ticket who);

  [[nodiscard]] bool has(ticket who) const { return waiting_.contains(who); }
  [[nodiscard]] std::size_t size() const noexcept { return waiting_.size(); }

 private:
  struct waiting {
    asio::ip::address origin;
    clock::time_point since;
  };
  using group = std::set<ticket>;
  // By size, then by how long its first has waited, so that the last one has to give.
  using rank = std::tuple<std::size_t, std::int64_t, asio::ip::address>;

  [[nodiscard]] static rank rank_of(const group& all, const asio::ip::address& origin);
  void add(ticket who, const asio::ip::address& origin);
  void remove(ticket who, const asio::ip::address& origin);

  settings settings_;
  std::map<ticket, waiting> waiting_;
  std::map<asio::ip::address, group> groups_;
  std::set<rank> ranks_;
  ticket last_ = 0;
};

}  // namespace tcptools::net
