#include "tcptools/chat/member_rights.hpp"

#include <memory>
#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace tcptools;
using namespace tcptools::chat;

namespace {

std::string checked(const std::string& name, const std::string& value) {
  const result<void> good = check_right({name, value});
  if (good) return "good";
  CHECK(good.error().code() == errc::usage);
  return good.error().text();
}

member_rights rights_with(std::vector<net::key_right> rights) {
  net::key one;
  one.name = "bot";
  one.rights = std::move(rights);
  return rights_of({one.name, std::make_shared<net::key>(std::move(one))});
}

}  // namespace

TEST_CASE("the rights of tcpchat's keys are nick, rooms and admin") {
  CHECK(checked("nick", "alice") == "good");
  CHECK(checked("nick", "alice,Bob.2") == "good");
  CHECK(checked("rooms", "ops") == "good");
  CHECK(checked("rooms", "ops,#Dev") == "good");
  CHECK(checked("admin", "") == "good");
}

TEST_CASE("a right that is not known, or has no good value, is an error") {
  CHECK(checked("dir", "logs") == "there is no right 'dir'");
  CHECK(checked("max-bytes", "1GiB") == "there is no right 'max-bytes'");
  CHECK(checked("no-replace", "") == "there is no right 'no-replace'");
  CHECK(checked("Admin", "") == "there is no right 'Admin'");
  CHECK(checked("nick", "") == "the right nick: '' is no nickname");
  CHECK(checked("nick", "alice,") == "the right nick: '' is no nickname");
  CHECK(checked("nick", "1st") == "the right nick: '1st' is no nickname");
  CHECK(checked("nick", "operator") == "the right nick: the nickname 'operator' is reserved");
  CHECK(checked("nick", "alice,Guest7") == "the right nick: the nickname 'Guest7' is reserved");
  CHECK(checked("rooms", "") == "the right rooms: '' is no room");
  CHECK(checked("rooms", "ops,,dev") == "the right rooms: '' is no room");
  CHECK(checked("rooms", "a room") == "the right rooms: 'a room' is no room");
  CHECK(checked("admin", "yes") == "the right admin: it takes no value");
}

TEST_CASE("a key without rights may have any nickname and be in any room, and is no admin") {
  const member_rights rights = rights_with({});
  CHECK(rights.owner == "bot");
  CHECK(rights.is_key);
  CHECK(rights.nicks.empty());
  CHECK(rights.allows_room("lobby"));
  CHECK_FALSE(rights.admin);
}

TEST_CASE("rights say which nicknames, in whatever capitals, and which rooms") {
  const member_rights rights = rights_with({{"nick", "Alice,al"}, {"rooms", "#Ops"}, {"rooms", "dev"}, {"admin", ""}});
  CHECK(rights.nicks == std::vector<std::string>{"Alice", "al"});
  CHECK(rights.has_nick("aLICE"));
  CHECK_FALSE(rights.has_nick("ali"));
  CHECK(rights.rooms == std::vector<std::string>{"ops", "dev"});
  CHECK(rights.allows_room("ops"));
  CHECK_FALSE(rights.allows_room("lobby"));
  CHECK(rights.admin);
}

TEST_CASE("who showed a certificate is known by its name, made safe and cut") {
  const member_rights rights = rights_of({"CN=a\nb" + std::string(500, 'x'), nullptr});
  CHECK_FALSE(rights.is_key);
  CHECK(rights.owner.starts_with("CN=a\uFFFDbx"));
  CHECK(rights.owner.size() <= 128);
  CHECK_FALSE(rights.admin);
}

TEST_CASE("all nicknames that keys have for themselves are reserved") {
  const auto key = [](std::string name, std::vector<net::key_right> rights) {
    net::key one;
    one.name = std::move(name);
    one.rights = std::move(rights);
    return std::make_shared<const net::key>(std::move(one));
  };
  CHECK(nicks_of({}).empty());
  CHECK(nicks_of({key("a", {{"nick", "Alice,al"}}), key("b", {{"admin", ""}}), key("c", {{"nick", "al,carol"}})}) ==
        nick_set{"al", "alice", "carol"});
}
