#include "protocol_json.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ranges>
#include <utility>

namespace tcptools::chat {
namespace {

// In the order of the enumerators.
constexpr std::array<std::string_view, member_count> member_names{
    "type",    "text",    "tag",    "key",    "room",    "to",       "id",     "time",  "from",
    "epoch",   "nick",    "since",  "limit",  "tcpchat", "presence", "ticket", "next",  "lost",
    "resumed", "members", "repeat", "joined", "left",    "more",     "idle",   "count", "code",
};
constexpr std::array<std::string_view, since_member_count> since_member_names{"id", "epoch", "ago"};
static_assert(static_cast<std::size_t>(json_member::code) + 1 == member_count);

template <class Member, std::size_t Count>
std::optional<Member> find_name(const std::array<std::string_view, Count>& names, std::string_view name) noexcept {
  const auto found = std::ranges::find(names, name);
  if (found == names.end()) return std::nullopt;
  return static_cast<Member>(found - names.begin());
}

std::string not_json_at(std::size_t byte) { return "not JSON at byte " + std::to_string(byte); }

// Names of which none may come twice. They are compared once, at the end: somebody may send thousands.
class name_set {
 public:
  void add(std::string_view name) { names_.emplace_back(name); }
  // All are different. Forgets them.
  [[nodiscard]] bool close() {
    std::ranges::sort(names_);
    const bool different = std::ranges::adjacent_find(names_) == names_.end();
    names_.clear();
    return different;
  }

 private:
  std::vector<std::string> names_;
};

// What is wrong is remembered, and reading goes on while it is JSON: a tag may follow.
class sax_handler {
 public:
  explicit sax_handler(json_line& line) noexcept : line_{line} {}

  bool null() { return put(json_kind::other, 0); }
  bool boolean(bool value) { return put(json_kind::yes_no, value ? 1 : 0); }
  bool number_integer(std::int64_t /*negative*/) { return put(json_kind::other, 0); }
  bool number_unsigned(std::uint64_t value) { return put(json_kind::whole, value); }
  bool number_float(double /*value*/, const std::string& /*digits*/) { return put(json_kind::other, 0); }
  bool binary(nlohmann::json::binary_t& /*bytes*/) { return put(json_kind::other, 0); }  // JSON has none
  bool string(std::string& value) {
    if (target_ != nullptr) target_->text = std::move(value);
    return put(json_kind::text, 0);
  }

  bool start_object(std::size_t /*unknown*/) {
    if (depth_ >= 2) blame("objects are nested too deep");
    if (depth_ == 1) inner_ = outer_;
    if (depth_ > 0) put(json_kind::object, 0);
    ++depth_;
    return true;
  }
  bool key(std::string& name) {
    target_ = nullptr;
    if (depth_ == 1) {
      outer_key(name);
    } else if (depth_ == 2) {
      inner_key(name);
    }
    return true;
  }
  bool end_object() {
    if (depth_ <= 2 && !others_[depth_ - 1].close()) blame_repetition();
    return leave();
  }
  bool start_array(std::size_t /*unknown*/) {
    if (depth_ == 0) return put(json_kind::other, 0);
    blame("arrays are not part of this language");
    put(json_kind::other, 0);
    inner_.reset();
    ++depth_;
    return true;
  }
  bool end_array() { return leave(); }

  bool parse_error(std::size_t position, const std::string& /*token*/, const nlohmann::json::exception& /*why*/) {
    blame(not_json_at(position));
    return false;
  }

 private:
  void blame(std::string what) {
    if (!line_.fault) line_.fault = std::move(what);
  }
  void blame_repetition() { blame("a member occurs twice"); }

  bool put(json_kind what, std::uint64_t number) {
    if (depth_ == 0) {
      blame("not a JSON object");
      return false;
    }
    if (target_ == nullptr) return true;
    target_->what = what;
    target_->number = number;
    target_ = nullptr;
    return true;
  }
  bool leave() {
    --depth_;
    return true;
  }

  void aim_at(json_value& value) {
    if (value.what != json_kind::absent) {
      blame_repetition();
    } else {
      target_ = &value;
    }
  }
  void outer_key(std::string_view name) {
    outer_ = find_name<json_member>(member_names, name);
    if (outer_) {
      aim_at(line_[*outer_]);
    } else {
      others_[0].add(name);
    }
  }
  void inner_key(std::string_view name) {
    if (inner_ == json_member::since) {
      if (const auto which = find_name<since_member>(since_member_names, name)) return aim_at(line_[*which]);
    }
    others_[1].add(name);
    if (inner_ == json_member::joined) line_.joined.emplace_back(name);
    if (inner_ == json_member::left) line_.left.emplace_back(name);
  }

  json_line& line_;
  std::size_t depth_ = 0;
  std::optional<json_member> outer_;  // whose value is read on the first level
  std::optional<json_member> inner_;  // whose object is read on the second
  json_value* target_ = nullptr;      // where the next value goes; what nobody asks for goes nowhere
  std::array<name_set, 2> others_;    // names on both levels that have no place in `line_`
};

bool is_control(char c) noexcept { return static_cast<unsigned char>(c) < 0x20; }
bool is_space(char c) noexcept { return c == '\t' || c == '\r' || c == '\n'; }

// The line with spaces for the line ends and tabs between tokens, up to the first control character that is neither:
// JSON has none.
std::string without_controls(std::string_view line) {
  std::string clean{line};
  bool in_string = false;
  bool escaped = false;
  for (std::size_t at = 0; at < clean.size(); ++at) {
    char& c = clean[at];
    if (is_control(c)) {
      if (in_string || !is_space(c)) {
        clean.resize(at);
        break;
      }
      c = ' ';
    }
    if (!escaped && c == '"') in_string = !in_string;
    escaped = in_string && !escaped && c == '\\';
  }
  return clean;
}

void read_clean(json_line& into, std::string_view line) {
  sax_handler handler{into};
  // It would skip a byte order mark.
  if (line.starts_with('\xEF')) {
    into.fault = not_json_at(1);
    return;
  }
  nlohmann::json::sax_parse(line.begin(), line.end(), &handler);
}

}  // namespace

std::string_view name_of(json_member which) noexcept { return member_names.at(static_cast<std::size_t>(which)); }

// The library takes a NUL for the end, and what it does about an error takes long where there are many controls: it
// gets none to read.
json_line read_json_line(std::string_view line) {
  json_line found;
  if (std::ranges::none_of(line, is_control)) {
    read_clean(found, line);
    return found;
  }
  const std::string clean = without_controls(line);
  if (clean.size() < line.size()) found.fault = not_json_at(clean.size() + 1);
  read_clean(found, clean);
  return found;
}

}  // namespace tcptools::chat
