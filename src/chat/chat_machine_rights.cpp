// What the machine does because of what a session is entitled to. docs/chat-protocol.md, "Keys, and what they entitle
// to".
#include <asio/ip/address.hpp>
#include <system_error>
#include <utility>

#include "tcptools/base/text.hpp"
#include "tcptools/chat/chat_machine.hpp"
#include "tcptools/chat/limits.hpp"
#include "tcptools/chat/names.hpp"
#include "tcptools/chat/safe_text.hpp"

namespace tcptools::chat {
namespace {

std::string list_of(const std::vector<std::string>& names) {
  std::string all;
  for (const std::string& one : names) all.append(all.empty() ? "" : ", ").append(one);
  return all;
}

// As it stands in peer_info::address; nothing for what is none, such as a host's name.
std::optional<std::string> address_of(std::string_view text) {
  std::error_code failure;
  const asio::ip::address address = asio::ip::make_address(text, failure);
  if (failure) return std::nullopt;
  return address.to_string();
}

}  // namespace

std::optional<complaint> chat_machine::why_not_nick(const member& who, std::string_view nick) const {
  if (who.has_own_nicks()) {
    if (who.rights->has_nick(nick)) return std::nullopt;
    return complaint{code::refused, "this key may be called " + list_of(who.rights->nicks), {}};
  }
  if (!settings_.reserved_nicks.contains(fold(nick))) return std::nullopt;
  return complaint{code::refused, "the nickname " + std::string{nick} + " is for those who have its key", {}};
}

std::optional<complaint> chat_machine::claim_own_nick(member& who, moment now) {
  if (!who.is_guest() || !who.has_own_nicks()) return std::nullopt;
  for (const std::string& nick : who.rights->nicks) {
    if (!claim_nick(who, nick, {}, now)) return std::nullopt;
  }
  return complaint{code::nick_in_use, "every nickname of this key is in use", {}};
}

std::optional<complaint> chat_machine::choose_speaker(member& who, std::string& name, moment now) {
  const bool must_be_named = who.is_guest() && who.has_own_nicks();
  std::optional<complaint> why_not = claim_own_nick(who, now);
  if (must_be_named && !why_not) tell_nick(who, {}, {}, now);
  name = who.name();
  if (!why_not) return std::nullopt;
  for (const std::string& nick : who.rights->nicks) {
    const auto taken = nicks_.find(fold(nick));
    if (taken == nicks_.end() || !taken->second->has_same_owner(who)) continue;
    name = nick;
    return std::nullopt;
  }
  return why_not;
}

std::optional<complaint> chat_machine::why_not_room(const member& who, std::string_view name) {
  if (who.allows_room(name)) return std::nullopt;
  return complaint{code::refused, "this key may be in " + list_of(who.rights->rooms), {}};
}

bool chat_machine::may_speak_language(member& who, language one, moment now) {
  if (who.is_encrypted || (one == language::plain ? settings_.in_clear.plain : settings_.in_clear.structured)) {
    return true;
  }
  end(who, code::refused, "this server speaks this language over TLS only", now);
  return false;
}

bool chat_machine::may_see(const member& who, const member& other) {
  if (&who == &other || who.rights == nullptr || who.rights->rooms.empty()) return true;
  return other.where != nullptr && who.allows_room(other.where->log.room());
}

void chat_machine::reserve_nicks(nick_set folded, moment now) {
  settings_.reserved_nicks = std::move(folded);
  for (const auto& [number, one] : members_) {
    if (one->is_closing() || one->is_guest()) continue;
    if (const auto why_not = why_not_nick(*one, one->nick)) end_at_once(*one, why_not->what, why_not->text, now);
  }
}

void chat_machine::handle(member& who, const requests::kick& asked, const std::string& tag, moment now) {
  if (!who.is_admin()) return complain(who, code::refused, "this takes the right 'admin'", tag);
  member* const whom = find(asked.to);
  if (whom == nullptr || !may_see(who, *whom)) {
    return complain(who, code::no_such_nick, "there is no " + safe_text(asked.to), tag);
  }
  const std::string name{whom->name()};
  observer_.on_kick(who, *whom);
  kick(*whom, asked.text, now);
  done(who, 1, name + "'s session was ended", tag);
}

void chat_machine::handle(member& who, const requests::ban& asked, const std::string& tag, moment now) {
  if (!who.is_admin()) return complain(who, code::refused, "this takes the right 'admin'", tag);
  const member* const whom = find(asked.to);
  const bool is_seen = whom != nullptr && may_see(who, *whom);
  const std::optional<std::string> address = is_seen ? std::string{whom->address} : address_of(asked.to);
  if (!address) return complain(who, code::no_such_nick, "there is no " + safe_text(asked.to), tag);
  if (banned_.size() >= limits::bans) return complain(who, code::busy, "too many addresses are banned", tag);
  observer_.on_ban(who, *address);
  const std::size_t ended = ban(*address, now);
  done(who, ended, "banned " + *address + ", " + std::to_string(ended) + " sessions ended", tag);
}

// Who was ended by what it asked for has had its last words.
void chat_machine::done(member& who, std::uint64_t count, std::string_view words, const std::string& tag) {
  if (who.is_closing()) return;
  say(who, events::notice{std::string{words}});
  say(who, events::end{count, {}, {}, 0, 0}, tag);
}

}  // namespace tcptools::chat
