// The keys that a server takes, which may change while it runs.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "tcptools/net/key.hpp"

namespace tcptools::net {

class key_ring {
 public:
  // Precondition, here and below: no two have one name.
  explicit key_ring(std::vector<key> keys) { replace(std::move(keys)); }

  // A key that is the same in everything remains the object that it was.
  void replace(std::vector<key> keys);

  // Null if there is none.
  [[nodiscard]] std::shared_ptr<const key> find(std::string_view name) const;
  // This very object is still one of the keys, and has not expired.
  [[nodiscard]] bool holds(const key& one, std::chrono::system_clock::time_point now) const;
  // The key by which somebody came in is still held; true of those who came in without (null: nobody in particular).
  [[nodiscard]] bool still_admits(const peer_identity* who, std::chrono::system_clock::time_point now) const;
  [[nodiscard]] const std::vector<std::shared_ptr<const key>>& all() const noexcept { return keys_; }

 private:
  std::vector<std::shared_ptr<const key>> keys_;  // sorted by name
};

}  // namespace tcptools::net
