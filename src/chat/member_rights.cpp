#include "tcptools/chat/member_rights.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "tcptools/base/text.hpp"
#include "tcptools/chat/limits.hpp"
#include "tcptools/chat/names.hpp"
#include "tcptools/chat/safe_text.hpp"

namespace tcptools::chat {
namespace {

// An empty text is one empty name, so that it is refused.
std::vector<std::string_view> names_in(std::string_view list) {
  std::vector<std::string_view> names;
  for (;;) {
    const std::size_t end = std::min(list.find(','), list.size());
    names.push_back(list.substr(0, end));
    if (end == list.size()) return names;
    list.remove_prefix(end + 1);
  }
}

result<void> check_nicks(std::string_view list) {
  for (const std::string_view name : names_in(list)) {
    if (!is_nick(name)) return error{errc::usage, in_quotes(name) + " is no nickname"};
    if (is_reserved_nick(name)) return error{errc::usage, "the nickname " + in_quotes(name) + " is reserved"};
  }
  return {};
}

result<void> check_rooms(std::string_view list) {
  for (const std::string_view name : names_in(list)) {
    if (!canonical_room(name)) return error{errc::usage, in_quotes(name) + " is no room"};
  }
  return {};
}

result<void> check_bare(std::string_view value) {
  if (!value.empty()) return error{errc::usage, "it takes no value"};
  return {};
}

void add_nicks(member_rights& to, std::string_view list) {
  for (const std::string_view name : names_in(list)) to.nicks.emplace_back(name);
}
void add_rooms(member_rights& to, std::string_view list) {
  for (const std::string_view name : names_in(list)) to.rooms.push_back(canonical_room(name).value_or(""));
}
void make_admin(member_rights& to, std::string_view /*value*/) { to.admin = true; }

struct right_rule {
  std::string_view name;
  result<void> (*check)(std::string_view value);
  void (*add)(member_rights& to, std::string_view value);
};
constexpr std::array right_rules{
    right_rule{"nick", check_nicks, add_nicks},
    right_rule{"rooms", check_rooms, add_rooms},
    right_rule{"admin", check_bare, make_admin},
};

const right_rule* rule_of(std::string_view name) noexcept {
  const auto* const found = std::ranges::find(right_rules, name, &right_rule::name);
  return found == right_rules.end() ? nullptr : found;
}

}  // namespace

bool member_rights::has_nick(std::string_view name) const {
  return std::ranges::any_of(nicks, [folded = fold(name)](const std::string& one) { return fold(one) == folded; });
}

bool member_rights::allows_room(std::string_view name) const {
  return rooms.empty() || std::ranges::find(rooms, name) != rooms.end();
}

result<void> check_right(const net::key_right& one) {
  const right_rule* const rule = rule_of(one.name);
  if (rule == nullptr) return error{errc::usage, "there is no right " + in_quotes(one.name)};
  const result<void> good = rule->check(one.value);
  return good ? good : good.error().in("the right " + one.name);
}

member_rights rights_of(const net::peer_identity& who) {
  member_rights rights;
  rights.owner = cut_to(safe_text(who.name), limits::owner);
  rights.is_key = who.by_key != nullptr;
  if (!rights.is_key) return rights;
  for (const net::key_right& one : who.by_key->rights) {
    if (const right_rule* const rule = rule_of(one.name)) rule->add(rights, one.value);
  }
  return rights;
}

nick_set nicks_of(const std::vector<std::shared_ptr<const net::key>>& keys) {
  nick_set all;
  for (const std::shared_ptr<const net::key>& one : keys) {
    for (const std::string& name : rights_of({one->name, one}).nicks) all.insert(fold(name));
  }
  return all;
}

}  // namespace tcptools::chat
