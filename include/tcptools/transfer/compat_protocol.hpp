// The compatibility protocol's words: the header `NAME&SIZE` and its answer. docs/protocol.md, "The compatibility
// protocol".
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tcptools/base/bytes.hpp"
#include "tcptools/base/result.hpp"

namespace tcptools::transfer {

// The receiver's whole answer to a header.
inline constexpr std::string_view compat_go_ahead = "ok";

// What a header announces. The name passed check_path() and is a single component.
struct compat_file {
  std::string name;
  std::uint64_t size = 0;

  friend bool operator==(const compat_file&, const compat_file&) = default;
};

// Fails where the tutorial's receiver could not take the file: errc::name_rejected, errc::too_large, or errc::refused
// for an empty file.
[[nodiscard]] result<std::string> encode_compat_header(std::string_view name, std::uint64_t size);

// A header on its way in, in pieces of any size: how it was cut makes no difference. It has no end mark, so that one
// which is complete may still go on: "a&1" is, and "a&12" is, and so is "a&12&3".
class compat_header {
 public:
  // Takes bytes and says how many: fewer than all only where the header has become impossible.
  std::size_t feed(byte_view bytes);

  // The header as it is if nothing follows; nothing while it is incomplete. Fails with errc::protocol_violation for
  // good once nothing that could follow would make it valid.
  [[nodiscard]] const result<std::optional<compat_file>>& state() const noexcept { return state_; }

 private:
  std::string text_;
  result<std::optional<compat_file>> state_ = std::optional<compat_file>{};
};

}  // namespace tcptools::transfer
