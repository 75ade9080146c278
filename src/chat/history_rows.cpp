#include "history_rows.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include "tcptools/base/text.hpp"
#include "tcptools/chat/limits.hpp"

namespace tcptools::chat {
namespace {

// "[fe80::1111:2222:3333:4444%interface-name1]:65535", and more than any such.
constexpr std::size_t longest_sender = 96;

// CRC-32 as of ISO 3309 (reflected polynomial 0xEDB88320).
constexpr std::array<std::uint32_t, 256> crc_table = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t octet = 0; octet < table.size(); ++octet) {
    std::uint32_t rest = octet;
    for (int bit = 0; bit < 8; ++bit) rest = (rest >> 1U) ^ ((rest & 1U) != 0 ? 0xEDB88320U : 0U);
    table[octet] = rest;
  }
  return table;
}();

class checksum {
 public:
  checksum& add(std::string_view text) noexcept {
    add(text.size());  // so that no byte can move from one text to the next
    for (const char c : text) add_octet(static_cast<unsigned char>(c));
    return *this;
  }
  checksum& add(std::uint64_t number) noexcept {
    for (unsigned shift = 0; shift < 64; shift += 8) add_octet(static_cast<unsigned char>(number >> shift));
    return *this;
  }
  checksum& add(std::int64_t number) noexcept { return add(static_cast<std::uint64_t>(number)); }

  [[nodiscard]] std::uint32_t value() const noexcept { return ~state_; }

 private:
  void add_octet(unsigned char octet) noexcept { state_ = (state_ >> 8U) ^ crc_table[(state_ ^ octet) & 0xFFU]; }

  std::uint32_t state_ = ~std::uint32_t{0};
};

}  // namespace

bool is_sender(std::string_view sender) noexcept {
  return !sender.empty() && sender.size() <= longest_sender &&
         std::ranges::all_of(sender, [](char c) { return c > ' ' && c < 0x7F; });
}

bool is_message_text(std::string_view text) noexcept {
  const auto is_control = [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7F; };
  return !text.empty() && text.size() <= limits::text && is_utf8(text) && std::ranges::none_of(text, is_control);
}

bool is_key(std::string_view key) noexcept { return !key.empty() && key.size() <= limits::owned_key && is_utf8(key); }

std::uint32_t room_sum(std::string_view name, std::string_view epoch, std::uint64_t oldest,
                       std::uint64_t next) noexcept {
  return checksum{}.add(name).add(epoch).add(oldest).add(next).value();
}

std::uint32_t message_sum(std::int64_t room, std::uint64_t id, wall_time time, std::string_view sender,
                          std::string_view text) noexcept {
  return checksum{}.add(room).add(id).add(time).add(sender).add(text).value();
}

std::uint32_t key_sum(std::int64_t room, std::string_view key, std::uint64_t id, wall_time time) noexcept {
  return checksum{}.add(room).add(key).add(id).add(time).value();
}

}  // namespace tcptools::chat
