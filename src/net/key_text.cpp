#include "tcptools/net/key_text.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "tcptools/base/text.hpp"

namespace tcptools::net {
namespace {

// 32 bytes: ten groups of four characters, and one that ends in "=".
constexpr std::size_t base64_length = 44;
// As long as a run of characters that might be (a part of) a secret can be in what is shown of a file.
constexpr std::size_t longest_shown_run = 19;
constexpr std::string_view blanks = " \t\r";  // lines may end as on Windows

error bad_keys(std::string why) { return error{errc::usage, std::move(why)}; }

secret_bytes to_base64(std::span<const std::byte, secret::size> bytes) {
  secret_bytes text(base64_length + 1);  // it ends with a NUL
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), reinterpret_cast<const unsigned char*>(bytes.data()),
                  static_cast<int>(bytes.size()));
  text.pop_back();
  return text;
}

// Strict: what the secret's own text is, and nothing else that could be read as it.
std::optional<secret> from_base64(std::string_view text) {
  if (text.size() != base64_length) return std::nullopt;
  secret_bytes decoded(base64_length / 4 * 3);
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(decoded.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (size != static_cast<int>(decoded.size())) return std::nullopt;
  secret value;
  std::ranges::copy(std::span{decoded}.first<secret::size>(), value.bytes().begin());
  if (as_text(to_base64(value.bytes())) != text) return std::nullopt;
  return value;
}

// Base64 but for its padding, its variant for URLs, and hexadecimal digits.
constexpr bool is_secretive(char c) noexcept {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
         std::string_view{"+/-_"}.find(c) != std::string_view::npos;
}

// Something may stand at the wrong place: a right that is none may well be the secret.
bool could_be_secret(std::string_view word) {
  std::size_t run = 0;
  for (const char c : word) {
    run = is_secretive(c) ? run + 1 : 0;
    if (run > longest_shown_run) return true;
  }
  return false;
}

// The next word of the line; empty at its end.
std::string_view take_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
  const std::string_view word = line.substr(0, line.find_first_of(blanks));
  line.remove_prefix(word.size());
  return word;
}

result<std::vector<cidr>> parse_from(std::string_view list) {
  std::vector<cidr> blocks;
  while (true) {
    const std::size_t comma = list.find(',');
    result<cidr> block = cidr::parse(list.substr(0, comma));
    if (!block) return std::move(block).error();
    blocks.push_back(*std::move(block));
    if (comma == std::string_view::npos) return blocks;
    list.remove_prefix(comma + 1);
  }
}

// The numbers in `text`, which looks like `pattern`: there a 0 stands for any digit, all else for itself.
std::optional<std::vector<unsigned>> parse_numbers(std::string_view text, std::string_view pattern) {
  if (text.size() != pattern.size()) return std::nullopt;
  std::vector<unsigned> numbers;
  bool inside = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_digit = pattern[i] == '0';
    if (is_digit ? text[i] < '0' || text[i] > '9' : text[i] != pattern[i]) return std::nullopt;
    if (is_digit && !inside) numbers.push_back(0);
    if (is_digit) numbers.back() = numbers.back() * 10 + static_cast<unsigned>(text[i] - '0');
    inside = is_digit;
  }
  return numbers;
}

result<std::chrono::sys_seconds> parse_expires(std::string_view text) {
  std::optional<std::vector<unsigned>> numbers = parse_numbers(text, "0000-00-00");
  if (numbers) {
    numbers->resize(6);
  } else {
    numbers = parse_numbers(text, "0000-00-00T00:00:00Z");
  }
  if (numbers) {
    const auto& at = *numbers;
    const std::chrono::year_month_day date{std::chrono::year{static_cast<int>(at[0])}, std::chrono::month{at[1]},
                                           std::chrono::day{at[2]}};
    if (date.ok() && at[3] < 24 && at[4] < 60 && at[5] < 60) {
      return std::chrono::sys_days{date} + std::chrono::hours{at[3]} + std::chrono::minutes{at[4]} +
             std::chrono::seconds{at[5]};
    }
  }
  return bad_keys(in_quotes(text) + " is not a date such as 2030-12-31 or 2030-12-31T23:59:59Z");
}

result<void> add_right(key& one, std::string_view word, const right_check& check) {
  const std::size_t equals = word.find('=');
  const bool has_value = equals != std::string_view::npos;
  const std::string_view name = word.substr(0, equals);
  const std::string_view value = has_value ? word.substr(equals + 1) : std::string_view{};
  if (name.starts_with('#')) return bad_keys("a comment takes a line of its own");
  if (has_value && value.empty()) return bad_keys(in_quotes(word) + " has no value");
  if (!is_utf8(word)) return bad_keys(in_quotes(word) + " is not UTF-8");

  const auto is_same = [&](const key_right& other) { return other.name == name; };
  if ((name == "from" && !one.from.empty()) || (name == "expires" && one.expires) ||
      std::ranges::any_of(one.rights, is_same)) {
    return bad_keys(in_quotes(name) + " is there twice");
  }
  if (name == "from") {
    result<std::vector<cidr>> blocks = parse_from(value);
    if (!blocks) return std::move(blocks).error().in("from");
    one.from = *std::move(blocks);
    return {};
  }
  if (name == "expires") {
    const result<std::chrono::sys_seconds> when = parse_expires(value);
    if (!when) return when.error().in("expires");
    one.expires = *when;
    return {};
  }
  key_right right{std::string{name}, std::string{value}};
  if (result<void> good = check(right); !good) return good;
  one.rights.push_back(std::move(right));
  return {};
}

result<key> parse_key(std::string_view line, const right_check& check) {
  const std::string_view first = take_word(line);
  const std::size_t colon = first.find(':');
  if (colon == std::string_view::npos) return bad_keys("a key is NAME:BASE64, and here is no colon");
  key one;
  one.name = first.substr(0, colon);
  if (!is_key_name(one.name)) {
    return bad_keys("what is before the colon is no name of 1 to 64 of A-Z a-z 0-9 . _ - @");
  }
  std::optional<secret> value = from_base64(first.substr(colon + 1));
  if (!value) return bad_keys("what is behind the colon is not 32 bytes in base64");
  one.value = *value;
  for (std::size_t number = 1;; ++number) {
    const std::string_view word = take_word(line);
    if (word.empty()) return one;
    const result<void> added = add_right(one, word, check);
    if (added) continue;
    if (!could_be_secret(word)) return added.error();
    return bad_keys("right " + std::to_string(number) +
                    " is wrong or unknown (it is not shown because it might be a secret)");
  }
}

struct by_bytes {
  bool operator()(const secret& a, const secret& b) const noexcept {
    return std::memcmp(a.bytes().data(), b.bytes().data(), secret::size) < 0;
  }
};

// What is known already, and in which line.
struct known_keys {
  std::map<std::string, std::size_t, std::less<>> names;
  std::map<secret, std::size_t, by_bytes> secrets;

  result<void> add(const key& one, std::size_t line) {
    const auto [same_name, is_new_name] = names.emplace(one.name, line);
    if (!is_new_name) return bad_keys("the key has the same name as that of line " + std::to_string(same_name->second));
    const auto [same_secret, is_new_secret] = secrets.emplace(one.value, line);
    if (!is_new_secret) return bad_keys("the key is the same as that of line " + std::to_string(same_secret->second));
    return {};
  }
};

}  // namespace

result<std::vector<key>> parse_keys(std::string_view text, const right_check& check) {
  if (text.size() > key_limits::text) return bad_keys("longer than " + std::to_string(key_limits::text) + " bytes");
  std::vector<key> keys;
  known_keys known;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto wrong = [number](const error& why) { return why.in("line " + std::to_string(number)); };
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.size() > key_limits::line) {
      return wrong(bad_keys("longer than " + std::to_string(key_limits::line) + " bytes"));
    }
    line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
    if (line.empty() || line.starts_with('#')) continue;

    if (keys.size() == key_limits::most)
      return wrong(bad_keys("more than " + std::to_string(key_limits::most) + " keys"));
    result<key> one = parse_key(line, check);
    if (!one) return wrong(one.error());
    if (const result<void> added = known.add(*one, number); !added) return wrong(added.error());
    keys.push_back(*std::move(one));
  }
  if (keys.empty()) return bad_keys("there is no key in it");
  return keys;
}

result<secret_bytes> make_key_line(std::string_view name) {
  if (!is_key_name(name)) {
    return bad_keys(in_quotes(name) + " is no name for a key: 1 to 64 of A-Z a-z 0-9 . _ - @");
  }
  const secret_bytes value = to_base64(secret::random().bytes());
  secret_bytes line;
  line.reserve(name.size() + 1 + value.size());
  const auto add = [&line](byte_view bytes) { line.insert(line.end(), bytes.begin(), bytes.end()); };
  add(as_bytes(name));
  add(as_bytes(":"));
  add(value);
  return line;
}

}  // namespace tcptools::net
