// What a chat server does about keys that change while it runs.
#include <chrono>
#include <utility>

#include "tcptools/chat/chat_server.hpp"

namespace tcptools::chat {
namespace {

using wall_clock = std::chrono::system_clock;

}  // namespace

std::shared_ptr<const member_rights> chat_server::rights_of(const net::stream& stream) {
  const std::shared_ptr<const net::peer_identity> who = stream.identity();
  if (who == nullptr) return nullptr;
  if (who->by_key == nullptr) return std::make_shared<member_rights>(chat::rights_of(*who));
  known_rights& known = rights_[who->name];
  if (known.key != who->by_key) known = {who->by_key, std::make_shared<member_rights>(chat::rights_of(*who))};
  return known.rights;
}

bool chat_server::is_held(const net::peer_identity* who, std::chrono::system_clock::time_point wall) const {
  return keys_ == nullptr || who == nullptr || who->by_key == nullptr || keys_->holds(*who->by_key, wall);
}

void chat_server::use_keys(const net::key_ring& keys) {
  keys_ = &keys;
  machine_.reserve_nicks(nicks_of(keys_->all()), now());
}

void chat_server::recheck() {
  if (keys_ == nullptr) return;
  const wall_clock::time_point wall = wall_clock::now();
  for (const member* const one : machine_.all()) {
    member& who = *machine_.find_number(one->number);
    // Only sessions are in the machine.
    const auto identity = static_cast<chat_session&>(who).identity();  // NOLINT(*-static-cast-downcast)
    if (is_held(identity.get(), wall)) continue;
    const std::shared_ptr<const net::key> now_there = keys_->find(identity->name);
    const bool is_same_secret =
        now_there && now_there->value == identity->by_key->value && !now_there->is_expired(wall);
    if (is_same_secret) {
      machine_.dismiss(who, code::busy, "what this key entitles to has changed", now());
    } else {
      machine_.dismiss(who, code::refused, key_is_gone, now());
    }
  }
  std::erase_if(rights_, [&](const auto& one) { return !keys_->holds(*one.second.key, wall); });
  machine_.reserve_nicks(nicks_of(keys_->all()), now());
  note_news();
}

}  // namespace tcptools::chat
