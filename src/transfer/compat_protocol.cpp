#include "tcptools/transfer/compat_protocol.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <limits>

#include "tcptools/base/text.hpp"
#include "tcptools/transfer/limits.hpp"
#include "tcptools/transfer/safe_path.hpp"

namespace tcptools::transfer {
namespace {

constexpr std::size_t most_shown = 80;  // bytes of a wrong header in an error text

bool has_control_character(std::string_view text) noexcept {
  unsigned char before = 0;
  for (const char byte : text) {
    const auto octet = static_cast<unsigned char>(byte);
    const bool c1 = before == 0xC2 && octet >= 0x80 && octet <= 0x9F;
    if (octet < 0x20 || octet == 0x7F || c1) return true;
    before = octet;
  }
  return false;
}

// `text` without a code point at its end that may be waiting for its last bytes. The ones that a first byte begins with
// are the code point's length.
std::string_view without_cut_code_point(std::string_view text) noexcept {
  for (std::size_t back = 1; back <= std::min<std::size_t>(3, text.size()); ++back) {
    const auto octet = static_cast<unsigned char>(text[text.size() - back]);
    const auto length = static_cast<std::size_t>(std::countl_one(octet));
    if (length == 1) continue;
    return length > back && length <= 4 ? text.substr(0, text.size() - back) : text;
  }
  return text;
}

std::optional<std::uint64_t> parse_digits(std::string_view digits) noexcept {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (digits.empty() || digits.size() > limits::compat_digits || !std::ranges::all_of(digits, is_digit))
    return std::nullopt;
  std::uint64_t value = 0;
  if (std::from_chars(digits.data(), digits.data() + digits.size(), value).ec != std::errc{}) return std::nullopt;
  if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
  return value;
}

error bad_header(std::string_view text, const char* why) {
  const std::string_view shown = text.substr(0, most_shown);
  return error{errc::protocol_violation,
               "the header '" + visible(shown) + (shown.size() < text.size() ? "...' " : "' ") + why};
}

// The rules of compat_header::state(). They must never take back an error when `text` goes on.
result<std::optional<compat_file>> judge(std::string_view text) {
  if (has_control_character(text)) return bad_header(text, "has a control character");
  if (!is_utf8(without_cut_code_point(text))) return bad_header(text, "is not UTF-8");
  if (text.find('/') != std::string_view::npos) return bad_header(text, "has a name with directories");

  // Whatever comes behind a wrong size can only make all of this part of the name.
  const std::size_t separator = text.rfind('&');
  const bool separated = separator != std::string_view::npos;
  const std::string_view digits = separated ? text.substr(separator + 1) : std::string_view{};
  const std::optional<std::uint64_t> size = parse_digits(digits);
  const bool size_may_follow = separated && digits.empty();
  const std::string_view name = size || size_may_follow ? text.substr(0, separator) : text;
  if (name.size() > limits::component) return bad_header(text, "has a name that is too long");

  if (!size || !check_path(name)) return std::optional<compat_file>{};
  return std::optional{compat_file{std::string{name}, *size}};
}

}  // namespace

result<std::string> encode_compat_header(std::string_view name, std::uint64_t size) {
  if (result<void> allowed = check_path(name); !allowed) return allowed.error();
  const auto refusal = [&](errc code, const char* why) {
    return error{code, in_quotes(name) + " cannot be sent over the compatibility protocol: " + why};
  };
  if (name.find_first_of("/&") != std::string_view::npos)
    return refusal(errc::name_rejected, "its name has a '/' or '&'");
  if (has_control_character(name)) return refusal(errc::name_rejected, "its name has a control character");
  if (size == 0) return refusal(errc::refused, "it is empty");
  if (size > limits::compat_largest_sent) return refusal(errc::too_large, "it has more than 2147483647 bytes");
  return std::string{name} + '&' + std::to_string(size);
}

std::size_t compat_header::feed(byte_view bytes) {
  if (!state_) return 0;
  // One byte more than the longest header makes it impossible.
  const std::size_t taken = std::min(bytes.size(), limits::compat_header + 1 - text_.size());
  text_ += as_text(bytes.first(taken));
  state_ = judge(text_);
  return taken;
}

}  // namespace tcptools::transfer
