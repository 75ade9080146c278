#include "tcptools/base/units.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <limits>
#include <ranges>
#include <span>

#include "tcptools/base/text.hpp"

namespace tcptools {
namespace {

struct unit {
  std::string_view suffix;
  std::uint64_t factor;
};

constexpr std::uint64_t largest_size = std::numeric_limits<std::int64_t>::max();
constexpr std::array size_units{
    unit{"", 1},
    unit{"b", 1},
    unit{"k", 1ULL << 10U},
    unit{"kib", 1ULL << 10U},
    unit{"kb", 1'000},
    unit{"m", 1ULL << 20U},
    unit{"mib", 1ULL << 20U},
    unit{"mb", 1'000'000},
    unit{"g", 1ULL << 30U},
    unit{"gib", 1ULL << 30U},
    unit{"gb", 1'000'000'000},
    unit{"t", 1ULL << 40U},
    unit{"tib", 1ULL << 40U},
    unit{"tb", 1'000'000'000'000},
    unit{"p", 1ULL << 50U},
    unit{"pib", 1ULL << 50U},
    unit{"pb", 1'000'000'000'000'000},
};

constexpr std::uint64_t largest_duration = std::chrono::milliseconds{std::chrono::years{10}}.count();
constexpr std::array duration_units{
    unit{"", 1'000}, unit{"ms", 1}, unit{"s", 1'000}, unit{"m", 60'000}, unit{"h", 3'600'000}, unit{"d", 86'400'000},
};

constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string_view take_digits(std::string_view& text) noexcept {
  const auto end = std::ranges::find_if_not(text, is_digit);
  const std::string_view digits = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(digits.size());
  return digits;
}

error wrong(std::string_view text, std::string_view why) {
  return error{errc::usage, in_quotes(text) + " " + std::string{why}};
}

// NUMBER[.FRACTION] [SUFFIX] as a multiple of the suffix's factor, rounded down. `example` completes "is not".
result<std::uint64_t> parse_quantity(std::string_view text, std::span<const unit> units, std::uint64_t largest,
                                     std::string_view example) {
  const auto malformed = [&] { return wrong(text, "is not " + std::string{example}); };

  std::string_view left = text;
  const std::string_view whole_digits = take_digits(left);
  if (whole_digits.empty()) return malformed();
  std::string_view fraction_digits;
  if (left.starts_with('.')) {
    left.remove_prefix(1);
    fraction_digits = take_digits(left);
    if (fraction_digits.empty()) return malformed();
  }
  const bool spaced = left.starts_with(' ');
  if (spaced) left.remove_prefix(1);
  const auto same = [left](std::string_view suffix) { return std::ranges::equal(left, suffix, {}, lower); };
  const auto found = std::ranges::find_if(units, same, &unit::suffix);
  if (found == units.end() || (spaced && left.empty())) return malformed();
  const std::uint64_t factor = found->factor;

  std::uint64_t whole = 0;
  const auto parsed = std::from_chars(whole_digits.data(), whole_digits.data() + whole_digits.size(), whole);
  if (parsed.ec != std::errc{} || whole > largest / factor) return wrong(text, "is too large");

  // Horner's rule from the last digit: exact, and never more than ten times the factor.
  std::uint64_t fraction = 0;
  for (const char digit : std::views::reverse(fraction_digits)) {
    fraction = (fraction + static_cast<std::uint64_t>(digit - '0') * factor) / 10;
  }
  const std::uint64_t value = whole * factor + fraction;
  if (value > largest) return wrong(text, "is too large");
  return value;
}

std::string two_digits(std::int64_t value) { return (value < 10 ? "0" : "") + std::to_string(value); }

}  // namespace

result<std::uint64_t> parse_size(std::string_view text) {
  return parse_quantity(text, size_units, largest_size, "a size such as 1500, 10M or 1.5GiB");
}

result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  auto parsed = parse_quantity(text, duration_units, largest_duration, "a duration such as 250ms, 30s or 1.5h");
  if (!parsed) return std::move(parsed).error();
  return std::chrono::milliseconds{static_cast<std::int64_t>(*parsed)};
}

std::string format_size(std::uint64_t bytes) {
  constexpr std::array suffixes{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return std::to_string(bytes) + " B";

  std::size_t step = 0;
  while (step + 1 < suffixes.size() && bytes >> (10 * (step + 2)) != 0) ++step;
  const std::size_t shift = 10 * (step + 1);
  const std::uint64_t whole = bytes >> shift;
  std::string number = std::to_string(whole);
  if (whole < 100) {
    const std::uint64_t rest = bytes - (whole << shift);
    number += "." + std::to_string(rest * 10 >> shift);
  }
  return number + " " + suffixes[step];
}

std::string format_duration(std::chrono::milliseconds duration) {
  const std::int64_t total_ms = std::max<std::int64_t>(duration.count(), 0);
  if (total_ms < 1'000) return std::to_string(total_ms) + " ms";
  if (total_ms < 10'000) return std::to_string(total_ms / 1'000) + "." + std::to_string(total_ms / 100 % 10) + " s";

  const std::chrono::hh_mm_ss split{std::chrono::seconds{total_ms / 1'000}};
  const std::int64_t hours = split.hours().count();
  const std::int64_t minutes = split.minutes().count();
  const std::int64_t seconds = split.seconds().count();
  if (hours >= 24) return std::to_string(hours / 24) + "d " + two_digits(hours % 24) + "h";
  if (hours > 0) return std::to_string(hours) + ":" + two_digits(minutes) + ":" + two_digits(seconds);
  if (minutes > 0) return std::to_string(minutes) + ":" + two_digits(seconds);
  return std::to_string(seconds) + " s";
}

std::string format_rate(std::uint64_t bytes, std::chrono::milliseconds elapsed) {
  if (elapsed.count() <= 0) return "0 B/s";
  const double rate = static_cast<double>(bytes) * 1'000 / static_cast<double>(elapsed.count());
  constexpr double beyond = 18'446'744'073'709'551'616.0;  // 2^64
  return format_size(rate < beyond ? static_cast<std::uint64_t>(rate) : std::numeric_limits<std::uint64_t>::max()) +
         "/s";
}

}  // namespace tcptools
