// What a session is entitled to by its key. docs/chat-protocol.md, "Keys, and what they entitle to".
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tcptools/base/result.hpp"
#include "tcptools/net/key.hpp"

namespace tcptools::chat {

// Of all sessions of one key, or of one certificate.
struct member_rights {
  std::string owner;               // the key's name, or the certificate's made safe
  bool is_key = true;              // otherwise a certificate
  std::vector<std::string> nicks;  // it may have no other; empty: any that no key has for itself
  std::vector<std::string> rooms;  // as they are kept; empty: all
  bool admin = false;

  [[nodiscard]] bool has_nick(std::string_view name) const;
  [[nodiscard]] bool allows_room(std::string_view name) const;
};

// net::right_check of chat servers' key files: nick=, rooms=, admin.
[[nodiscard]] result<void> check_right(const net::key_right& one);

// Precondition: check_right() was asked about the rights of its key.
[[nodiscard]] member_rights rights_of(const net::peer_identity& who);

// Folded nicknames that others may not have.
using nick_set = std::set<std::string, std::less<>>;
[[nodiscard]] nick_set nicks_of(const std::vector<std::shared_ptr<const net::key>>& keys);

}  // namespace tcptools::chat
