#include "tcptools/transfer/glob.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>

#include "tcptools/base/text.hpp"

namespace tcptools::transfer {
namespace {

// Takes one character off the front: a code point's bytes, or a single byte where `text` does not begin with UTF-8.
// Precondition: !text.empty().
std::string_view take_character(std::string_view& text) noexcept {
  std::size_t length = 1;
  while (length < std::min<std::size_t>(4, text.size()) && !is_utf8(text.substr(0, length))) ++length;
  if (!is_utf8(text.substr(0, length))) length = 1;
  const std::string_view character = text.substr(0, length);
  text.remove_prefix(length);
  return character;
}

// One element of a pattern's component that stands for one character: `?`, a set, or the character itself.
// UTF-8 sorts as its code points do, so the ranges of a set compare bytes.
class one_character {
 public:
  // Takes the element off the front. Preconditions: !pattern.empty(), pattern[0] != '*'.
  static one_character take(std::string_view& pattern) noexcept {
    one_character element;
    if (pattern[0] == '?') {
      element.any_ = true;
      pattern.remove_prefix(1);
    } else if (const std::size_t end = set_end(pattern); end != 0) {
      element.set_ = pattern.substr(1, end - 1);
      pattern.remove_prefix(end + 1);
    } else {
      element.literal_ = take_literal(pattern);
    }
    return element;
  }

  [[nodiscard]] bool matches(std::string_view character) const noexcept {
    if (any_) return true;
    return set_.empty() ? character == literal_ : in_set(character);
  }

 private:
  static std::string_view take_literal(std::string_view& pattern) noexcept {
    if (pattern[0] == '\\' && pattern.size() > 1) pattern.remove_prefix(1);
    return take_character(pattern);
  }

  // Where the `]` is that ends the set `pattern` begins with; 0 without one. A `]` that comes first belongs to the set.
  static std::size_t set_end(std::string_view pattern) noexcept {
    if (pattern[0] != '[') return 0;
    std::size_t at = pattern.size() > 1 && (pattern[1] == '!' || pattern[1] == '^') ? 2 : 1;
    if (at < pattern.size() && pattern[at] == ']') ++at;
    while (at < pattern.size() && pattern[at] != ']') at += pattern[at] == '\\' ? 2U : 1U;
    return at < pattern.size() ? at : 0;
  }

  [[nodiscard]] bool in_set(std::string_view character) const noexcept {
    std::string_view left = set_;
    const bool negated = left[0] == '!' || left[0] == '^';
    if (negated) left.remove_prefix(1);
    bool found = false;
    while (!left.empty()) {
      const std::string_view first = take_literal(left);
      std::string_view last = first;
      if (left.size() > 1 && left[0] == '-') {
        left.remove_prefix(1);
        last = take_literal(left);
      }
      found = found || (character >= first && character <= last);
    }
    return found != negated;
  }

  bool any_ = false;
  std::string_view set_;  // what is between the brackets; never empty where there is a set
  std::string_view literal_;
};

// `pattern` and `name` are single components. Going back to the last `*` only is enough: an earlier one could not match
// more than it did.
bool component_matches(std::string_view pattern, std::string_view name) noexcept {
  struct retry {
    std::string_view pattern;
    std::string_view name;
  };
  std::optional<retry> last_star;
  for (;;) {
    if (pattern.starts_with('*')) {
      pattern.remove_prefix(1);
      last_star = {pattern, name};
      continue;
    }
    if (pattern.empty() && name.empty()) return true;
    if (!pattern.empty() && !name.empty()) {
      std::string_view pattern_left = pattern;
      std::string_view name_left = name;
      if (one_character::take(pattern_left).matches(take_character(name_left))) {
        pattern = pattern_left;
        name = name_left;
        continue;
      }
    }
    if (!last_star || last_star->name.empty()) return false;
    take_character(last_star->name);
    pattern = last_star->pattern;
    name = last_star->name;
  }
}

std::string_view take_component(std::string_view& path) noexcept {
  const std::size_t slash = path.find('/');
  const std::string_view component = path.substr(0, slash);
  path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  return component;
}

// The same one level up: components instead of characters, `**` instead of `*`. A `**` at the end means what is below,
// so there it takes one component at least.
bool path_matches(std::string_view pattern, std::string_view path) noexcept {
  struct retry {
    std::string_view pattern;
    std::string_view path;
  };
  std::optional<retry> last_stars;
  for (;;) {
    if (pattern == "**") return !path.empty();
    if (pattern.starts_with("**/")) {
      pattern.remove_prefix(3);
      last_stars = {pattern, path};
      continue;
    }
    if (pattern.empty() && path.empty()) return true;
    if (!pattern.empty() && !path.empty()) {
      std::string_view pattern_left = pattern;
      std::string_view path_left = path;
      if (component_matches(take_component(pattern_left), take_component(path_left))) {
        pattern = pattern_left;
        path = path_left;
        continue;
      }
    }
    if (!last_stars || last_stars->path.empty()) return false;
    take_component(last_stars->path);
    pattern = last_stars->pattern;
    path = last_stars->path;
  }
}

}  // namespace

result<glob> glob::parse(std::string_view pattern) {
  glob parsed;
  std::string_view inner = pattern;
  while (inner.ends_with('/')) {
    parsed.directories_only_ = true;
    inner.remove_suffix(1);
  }
  parsed.last_component_ = inner.find('/') == std::string_view::npos;
  while (inner.starts_with('/')) inner.remove_prefix(1);
  if (inner.empty()) return error{errc::usage, in_quotes(pattern) + " is a pattern that matches nothing"};
  parsed.pattern_ = inner;
  return parsed;
}

bool glob::matches(std::string_view path, bool is_directory) const noexcept {
  if (directories_only_ && !is_directory) return false;
  if (last_component_) return component_matches(pattern_, path.substr(path.rfind('/') + 1));
  return path_matches(pattern_, path);
}

}  // namespace tcptools::transfer
