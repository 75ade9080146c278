// Whatever stands in a key file, it is read as keys that can be written and read again, or refused with a text that
// shows nothing that could be a secret.
#include <openssl/evp.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "tcptools/base/text.hpp"
#include "tcptools/net/key_text.hpp"

namespace {

using namespace tcptools;
using namespace tcptools::net;

void require(bool condition) {
  if (!condition) std::abort();
}

// Says what it does not know, as the programs do.
result<void> check_right(const key_right& right) {
  if (right.name == "admin" || right.name == "dir" || right.name == "nick") return {};
  return error{errc::usage, in_quotes(right.name) + " with " + in_quotes(right.value) + " is not known"};
}

std::string to_line(const key& one) {
  std::vector<unsigned char> base64(45);
  EVP_EncodeBlock(base64.data(), reinterpret_cast<const unsigned char*>(one.value.bytes().data()), secret::size);
  std::string line = one.name + ":" + reinterpret_cast<const char*>(base64.data());
  for (std::size_t i = 0; i < one.from.size(); ++i) line += (i == 0 ? " from=" : ",") + one.from[i].text();
  if (one.expires) {
    const auto days = std::chrono::floor<std::chrono::days>(*one.expires);
    const std::chrono::year_month_day date{days};
    const std::chrono::hh_mm_ss time{*one.expires - days};
    char text[40];
    (void)std::snprintf(text, sizeof text, " expires=%04d-%02u-%02uT%02d:%02d:%02dZ", int{date.year()},
                        unsigned{date.month()}, unsigned{date.day()}, int(time.hours().count()),
                        int(time.minutes().count()), int(time.seconds().count()));
    line += text;
  }
  for (const key_right& right : one.rights) {
    line += " " + right.name + (right.value.empty() ? "" : "=" + right.value);
  }
  return line;
}

// Of a byte that cannot be seen.
bool is_escape(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEFabcdef";
  return text.size() >= 4 && text.starts_with("\\x") && digits.find(text[2]) != std::string_view::npos &&
         digits.find(text[3]) != std::string_view::npos;
}

bool shows_no_secret(std::string_view text) {
  std::size_t run = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (is_escape(text.substr(i))) i += 3;
    const bool is_secretive = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
                              c == '/' || c == '-' || c == '_';
    run = is_secretive ? run + 1 : 0;
    if (run >= 20) return false;
  }
  return true;
}

void check_keys(const std::vector<key>& keys) {
  require(!keys.empty() && keys.size() <= key_limits::most);
  std::string text;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    require(is_key_name(keys[i].name));
    for (std::size_t j = 0; j < i; ++j) require(keys[i].name != keys[j].name && !(keys[i].value == keys[j].value));
    const std::string line = to_line(keys[i]);
    // Addresses and dates may be longer than they were.
    if (line.size() > key_limits::line) return;
    text += line + "\n";
  }
  if (text.size() > key_limits::text) return;
  const auto again = parse_keys(text, check_right);
  require(again && *again == keys);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  if (const auto keys = parse_keys(text, check_right)) {
    check_keys(*keys);
  } else {
    require(keys.error().code() == errc::usage);
    require(is_utf8(keys.error().text()));
    require(shows_no_secret(keys.error().text()));
  }

  if (const auto line = make_key_line(text)) {
    const auto keys = parse_keys(as_text(*line), check_right);
    require(keys && keys->size() == 1 && keys->front().name == text);
  } else {
    require(!is_key_name(text));
  }
  return 0;
}
