// Keys that both sides share, and what they entitle to.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tcptools/base/result.hpp"
#include "tcptools/net/cidr.hpp"

namespace tcptools::net {

// 256 bits that are wiped when they go. Copies are made where a key is; there is no text of it but the key file's.
class secret {
 public:
  static constexpr std::size_t size = 32;

  secret() = default;
  secret(const secret&) = default;
  secret& operator=(const secret&) = default;
  ~secret();

  // From the system's generator for cryptographic use.
  [[nodiscard]] static secret random();

  [[nodiscard]] std::span<std::byte, size> bytes() noexcept { return bytes_; }
  [[nodiscard]] std::span<const std::byte, size> bytes() const noexcept { return bytes_; }

  // Takes as long whatever they are.
  friend bool operator==(const secret& a, const secret& b) noexcept;

 private:
  std::array<std::byte, size> bytes_{};
};

// Something after a key in its file that this floor does not know: `dir=logs`, `admin` (without a value).
struct key_right {
  std::string name;
  std::string value;

  friend bool operator==(const key_right&, const key_right&) = default;
};

// 1 to 64 of A-Z a-z 0-9 . _ - @
[[nodiscard]] bool is_key_name(std::string_view name) noexcept;

struct key {
  std::string name;  // is_key_name()
  secret value;
  std::vector<cidr> from;  // it counts from there only; empty: from everywhere
  std::optional<std::chrono::sys_seconds> expires;
  std::vector<key_right> rights;  // for whoever serves, in the file's order

  // A clock's finer unit could not hold every date.
  [[nodiscard]] bool is_expired(std::chrono::system_clock::time_point now) const {
    return expires && std::chrono::floor<std::chrono::seconds>(now) >= *expires;
  }

  friend bool operator==(const key&, const key&) = default;
};

// Who a peer has proved to be.
struct peer_identity {
  std::string name;                   // of its key, or its certificate's subject
  std::shared_ptr<const key> by_key;  // null: it showed a certificate
};

}  // namespace tcptools::net
