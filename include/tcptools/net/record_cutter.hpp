// Cuts a row of pieces into TLS records: as few and as full as possible, copied only where a record spans pieces.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <span>

#include "tcptools/base/bytes.hpp"

namespace tcptools::net {

class record_cutter {
 public:
  static constexpr std::size_t longest_record = 16U << 10U;  // RFC 8446, 5.1
  using scratch = std::array<std::byte, longest_record>;

  // Both outlive the cutter.
  record_cutter(std::span<const byte_view> pieces, scratch& room) noexcept : pieces_{pieces}, room_{room} {
    skip_empty();
  }

  [[nodiscard]] bool is_done() const noexcept { return pieces_.empty(); }

  // The next record's content, valid until the next call. Precondition: !is_done().
  [[nodiscard]] byte_view next() {
    const byte_view whole = pieces_[0].subspan(begun_);
    if (whole.size() >= longest_record || pieces_.size() == 1) {
      return take(whole.first(std::min(whole.size(), longest_record)));
    }
    std::size_t filled = 0;
    while (!is_done() && filled < longest_record) {
      const byte_view rest = pieces_[0].subspan(begun_);
      const byte_view part = take(rest.first(std::min(rest.size(), longest_record - filled)));
      std::memcpy(room_.data() + filled, part.data(), part.size());
      filled += part.size();
    }
    return byte_view{room_}.first(filled);
  }

 private:
  byte_view take(byte_view part) noexcept {
    begun_ += part.size();
    skip_empty();
    return part;
  }

  void skip_empty() noexcept {
    while (!pieces_.empty() && begun_ == pieces_[0].size()) {
      pieces_ = pieces_.subspan(1);
      begun_ = 0;
    }
  }

  std::span<const byte_view> pieces_;
  std::size_t begun_ = 0;  // of the first piece
  scratch& room_;
};

}  // namespace tcptools::net
