#include "tcptools/net/key_ring.hpp"

#include <algorithm>
#include <functional>

namespace tcptools::net {
namespace {

const std::string& name_of(const std::shared_ptr<const key>& one) { return one->name; }

}  // namespace

void key_ring::replace(std::vector<key> keys) {
  std::vector<std::shared_ptr<const key>> next;
  next.reserve(keys.size());
  for (key& one : keys) {
    std::shared_ptr<const key> old = find(one.name);
    next.push_back(old && *old == one ? std::move(old) : std::make_shared<const key>(std::move(one)));
  }
  std::ranges::sort(next, std::less{}, name_of);
  keys_ = std::move(next);
}

std::shared_ptr<const key> key_ring::find(std::string_view name) const {
  const auto found = std::ranges::lower_bound(keys_, name, std::less{}, name_of);
  return found != keys_.end() && (*found)->name == name ? *found : nullptr;
}

bool key_ring::holds(const key& one, std::chrono::system_clock::time_point now) const {
  return find(one.name).get() == &one && !one.is_expired(now);
}

bool key_ring::still_admits(const peer_identity* who, std::chrono::system_clock::time_point now) const {
  return who == nullptr || who->by_key == nullptr || holds(*who->by_key, now);
}

}  // namespace tcptools::net
