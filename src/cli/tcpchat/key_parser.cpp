#include "cli/tcpchat/key_parser.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include "cli/tcpchat/utf32.hpp"

namespace tcptools::cli {
namespace {

constexpr char escape = '\x1b';
constexpr std::size_t longest_sequence = 32;

constexpr char control(char letter) noexcept { return static_cast<char>(letter & 0x1f); }

std::optional<key_code> control_key(char byte) noexcept {
  switch (byte) {
    case control('A'):
      return key_code::home;
    case control('B'):
      return key_code::left;
    case control('C'):
      return key_code::interrupt;
    case control('D'):
      return key_code::end_of_input;
    case control('E'):
      return key_code::end;
    case control('F'):
      return key_code::right;
    case control('G'):
      return key_code::cancel;
    case control('H'):
      return key_code::erase;
    case control('J'):
      return key_code::enter;
    case control('K'):
      return key_code::kill_rest;
    case control('L'):
      return key_code::clear_screen;
    case control('M'):
      return key_code::enter;
    case control('N'):
      return key_code::newer;
    case control('P'):
      return key_code::older;
    case control('R'):
      return key_code::search_older;
    case control('S'):
      return key_code::search_newer;
    case control('T'):
      return key_code::transpose;
    case control('U'):
      return key_code::kill_line;
    case control('W'):
      return key_code::kill_word;
    case control('Y'):
      return key_code::yank;
    case control('Z'):
      return key_code::suspend;
    case '\x7f':
      return key_code::erase;
    default:
      return std::nullopt;
  }
}

std::optional<key_code> meta_key(char byte) noexcept {
  switch (byte) {
    case 'b':
    case 'B':
      return key_code::word_left;
    case 'f':
    case 'F':
      return key_code::word_right;
    case 'd':
    case 'D':
      return key_code::kill_word_next;
    case 'u':
    case 'U':
      return key_code::upper_case;
    case 'l':
    case 'L':
      return key_code::lower_case;
    case 'c':
    case 'C':
      return key_code::capital;
    case control('H'):
    case '\x7f':
      return key_code::kill_word;
    default:
      return std::nullopt;
  }
}

// With `changed`: together with Ctrl or Alt.
std::optional<key_code> cursor_key(char last, bool changed) noexcept {
  switch (last) {
    case 'A':
      return key_code::older;
    case 'B':
      return key_code::newer;
    case 'C':
      return changed ? key_code::word_right : key_code::right;
    case 'D':
      return changed ? key_code::word_left : key_code::left;
    case 'H':
      return key_code::home;
    case 'F':
      return key_code::end;
    case 'M':
      return key_code::enter;  // of the keypad
    default:
      return std::nullopt;
  }
}

std::optional<key_code> numbered_key(std::string_view number, bool changed) noexcept {
  if (number == "1" || number == "7") return key_code::home;
  if (number == "4" || number == "8") return key_code::end;
  if (number == "3") return changed ? key_code::kill_word_next : key_code::erase_next;
  return std::nullopt;
}

std::optional<key_code> control_sequence(std::string_view parameters, char last) noexcept {
  const std::string_view first = parameters.substr(0, parameters.find(';'));
  const bool changed = first.size() < parameters.size() && parameters.substr(first.size() + 1) != "2";  // 2: Shift
  if (last == '~') return numbered_key(first, changed);
  return last == 'M' ? std::nullopt : cursor_key(last, changed);
}

bool is_between(char byte, char least, char most) noexcept { return byte >= least && byte <= most; }

void add(std::vector<key>& keys, std::optional<key_code> code) {
  if (code) keys.push_back({*code, {}});
}

}  // namespace

std::vector<key> key_parser::feed(std::string_view bytes) {
  std::vector<key> keys;
  const std::string all = std::exchange(unfinished_, {}) + std::string{bytes};
  std::string_view left = all;
  while (!left.empty() && take_one(left, keys)) {
  }
  unfinished_ = left;
  return keys;
}

bool key_parser::take_one(std::string_view& bytes, std::vector<key>& keys) {
  const char byte = bytes[0];
  const bool second_of_line_end = std::exchange(after_return_, byte == '\r') && byte == '\n';
  if (byte == escape) return take_escape(bytes, keys);
  if (byte == '\t' || (static_cast<unsigned char>(byte) >= 0x20 && byte != '\x7f')) return take_text(bytes, keys);
  if (!second_of_line_end) add(keys, control_key(byte));
  bytes.remove_prefix(1);
  return true;
}

bool key_parser::take_escape(std::string_view& bytes, std::vector<key>& keys) {
  if (bytes.size() == 1) return false;
  const char kind = bytes[1];
  if (kind != '[' && kind != 'O') {
    // Of two Escapes the second begins anew; and what is not ASCII has no meaning after one.
    const bool is_key = kind != escape && static_cast<unsigned char>(kind) < 0x80;
    if (is_key) add(keys, meta_key(kind));
    bytes.remove_prefix(is_key ? 2 : 1);
    return true;
  }
  if (bytes.size() == 2) return false;
  if (kind == 'O') {
    add(keys, cursor_key(bytes[2], false));
    bytes.remove_prefix(is_between(bytes[2], '\x40', '\x7e') ? 3 : 2);
    return true;
  }
  if (bytes[2] == '[') {  // the Linux console's function keys have one more
    if (bytes.size() == 3) return false;
    bytes.remove_prefix(4);
    return true;
  }

  std::size_t at = 2;
  while (at < bytes.size() && is_between(bytes[at], '\x20', '\x3f')) ++at;
  if (at == bytes.size() && at < longest_sequence) return false;
  const bool complete = at < bytes.size() && is_between(bytes[at], '\x40', '\x7e');
  if (complete) add(keys, control_sequence(bytes.substr(2, at - 2), bytes[at]));
  bytes.remove_prefix(complete ? at + 1 : at);
  return true;
}

bool key_parser::take_text(std::string_view& bytes, std::vector<key>& keys) {
  const auto [character, length] = first_character(bytes);
  if (length == 0) return false;
  bytes.remove_prefix(length);
  if (character >= U'\x80' && character < U'\xa0') return true;  // C1 controls
  if (keys.empty() || keys.back().code != key_code::text) keys.push_back({key_code::text, {}});
  keys.back().text += character;
  return true;
}

}  // namespace tcptools::cli
