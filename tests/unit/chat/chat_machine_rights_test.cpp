// What sessions may do by their key, what they may not, and what becomes of them when keys change.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "support/chat_rig.hpp"
#include "support/memory_history.hpp"
#include "tcptools/chat/chat_machine.hpp"

using namespace tcptools;
using namespace tcptools::chat;
using namespace tcptools::testing;

namespace {

using rights = std::shared_ptr<const member_rights>;
using names = std::vector<std::string>;

rights key_with(member_rights chosen) { return std::make_shared<member_rights>(std::move(chosen)); }
rights key_for_nicks(names nicks, std::string owner = "key") {
  return key_with({std::move(owner), true, std::move(nicks), {}, false});
}
rights key_for_rooms(names rooms, std::string owner = "key") {
  return key_with({std::move(owner), true, {}, std::move(rooms), false});
}
rights admin_key() { return key_with({"boss", true, {}, {}, true}); }

server_settings reserving(nick_set nicks) {
  server_settings settings;
  settings.reserved_nicks = std::move(nicks);
  return settings;
}

// What a greeting is answered with: "welcome NICK", or "CODE: TEXT".
std::string greeted(chat_rig& rig, scripted_member& who, const json& greeting) {
  rig.say(who, greeting);
  const std::vector<json> lines = rig.heard(who);
  REQUIRE_FALSE(lines.empty());
  if (lines[0]["type"] == "welcome") return "welcome " + lines[0]["nick"].get<std::string>();
  return lines[0]["code"].get<std::string>() + ": " + lines[0]["text"].get<std::string>();
}
std::string greeted(chat_rig& rig, const rights& by, const json& greeting) {
  return greeted(rig, rig.connect_as(by), greeting);
}

// The last thing that a request is answered with: its type, or "CODE: TEXT".
std::string answered(chat_rig& rig, scripted_member& who, const json& request) {
  rig.say(who, request);
  const std::vector<json> lines = rig.heard(who);
  REQUIRE_FALSE(lines.empty());
  const json& last = lines.back();
  if (!last.contains("code")) return last["type"];
  return last["code"].get<std::string>() + ": " + last["text"].get<std::string>();
}

const json as_guest{{"tcpchat", 1}};
json as_nick(const std::string& name) { return {{"tcpchat", 1}, {"nick", name}}; }
json in_room(const std::string& name) { return {{"tcpchat", 1}, {"room", name}}; }
json send_to(const std::string& room, const std::string& text = "hi") {
  return {{"type", "send"}, {"room", room}, {"text", text}};
}
json tell(const std::string& nick) { return {{"type", "send"}, {"to", nick}, {"text", "psst"}}; }

names seen(chat_rig& rig, scripted_member& who, const json& request = {{"type", "who"}}) {
  rig.say(who, request);
  names found;
  for (const json& line : rig.heard(who)) {
    if (line["type"] == "member") found.push_back(line["nick"]);
  }
  return found;
}

}  // namespace

TEST_CASE("a nickname of a key is refused to everybody else") {
  chat_rig rig{reserving({"alice"})};
  const std::string for_its_key = "is for those who have its key";
  CHECK(greeted(rig, rig.connect(), as_nick("alice")) == "refused: the nickname alice " + for_its_key);
  CHECK(greeted(rig, rig.connect(), as_nick("ALICE")) == "refused: the nickname ALICE " + for_its_key);
  CHECK(greeted(rig, key_for_rooms({}), as_nick("Alice")) == "refused: the nickname Alice " + for_its_key);
  CHECK(greeted(rig, key_for_nicks({"bob"}), as_nick("alice")) == "refused: this key may be called bob");

  scripted_member& guest = rig.greet(as_guest);
  CHECK(answered(rig, guest, {{"type", "nick"}, {"nick", "alicE"}}) == "refused: the nickname alicE " + for_its_key);
  scripted_member& plain = rig.connect();
  rig.say(plain, "hello\n/nick Alice\n");
  CHECK(rig.text(plain) == "* the nickname Alice " + for_its_key + "\n");
}

TEST_CASE("a key with nicknames may have these, in any capitals, and no other") {
  chat_rig rig{reserving({"alice", "al"})};
  const rights alice = key_for_nicks({"alice", "al"});
  CHECK(greeted(rig, alice, as_nick("ALICE")) == "welcome ALICE");
  CHECK(greeted(rig, alice, as_nick("al")) == "welcome al");
  CHECK(greeted(rig, alice, as_nick("mallory")) == "refused: this key may be called alice, al");
  CHECK(greeted(rig, alice, as_nick("alice")) == "nick_in_use: the nickname alice is in use");
}

TEST_CASE("who asks for no nickname is called by the first that is free") {
  chat_rig rig{reserving({"alice", "al"})};
  const rights alice = key_for_nicks({"alice", "al"});
  CHECK(greeted(rig, alice, as_guest) == "welcome alice");
  CHECK(greeted(rig, alice, as_guest) == "welcome al");

  // The third is a guest whom nobody hears as one.
  scripted_member& third = rig.connect_as(alice);
  CHECK(greeted(rig, third, in_room("lobby")) == "welcome " + std::string{third.peer});
  CHECK(answered(rig, third, {{"type", "who"}}) == "end");
  rig.say(third, send_to("lobby"));
  CHECK(rig.heard(third).at(1)["from"] == "alice");
  CHECK(answered(rig, third, tell("al")) == "ack");
  CHECK(rig.one(*rig.members[1])["from"] == "alice");

  // Until one becomes free.
  rig.machine.close(*rig.members[0], "", rig.now);
  rig.say(third, send_to("lobby"));
  const std::vector<json> lines = rig.heard(third);
  REQUIRE(lines.size() == 3);
  CHECK(lines[0] == json{{"type", "nick"}, {"nick", "alice"}});
  CHECK(lines[1]["type"] == "ack");
  CHECK(lines[2]["from"] == "alice");
}

TEST_CASE("nobody speaks in the name of another key's session, though both keys have that name") {
  chat_rig rig{reserving({"duty"})};
  CHECK(greeted(rig, key_for_nicks({"duty"}, "one"), as_guest) == "welcome duty");
  scripted_member& other = rig.greet_as(key_for_nicks({"Duty"}, "two"), in_room("lobby"));
  CHECK(answered(rig, other, send_to("lobby")) == "nick_in_use: every nickname of this key is in use");
  CHECK(answered(rig, other, tell("duty")) == "nick_in_use: every nickname of this key is in use");
  scripted_member& same = rig.greet_as(key_for_nicks({"duty"}, "one"), in_room("lobby"));
  CHECK(answered(rig, same, send_to("lobby")) == "message");
}

TEST_CASE("a plain session of a key is called by its nickname from the start, and announced") {
  chat_rig rig{reserving({"bot"})};
  scripted_member& reader = rig.greet(in_room("lobby"));
  scripted_member& bot = rig.connect_as(key_for_nicks({"bot"}));
  rig.say(bot, "beep\n");
  const std::vector<json> lines = rig.heard(reader);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0]["from"] == "bot");
  rig.pass(2s);
  CHECK(rig.one(reader)["joined"] == json{{"bot", 1}});
  rig.say(bot, "/nick other\n");
  CHECK(rig.text(bot) == "* this key may be called bot\n");
}

TEST_CASE("a session that began as a plain one and greets after all keeps the nickname of its key") {
  chat_rig rig{reserving({"bot"})};
  scripted_member& bot = rig.connect_as(key_for_nicks({"bot"}));
  rig.pass(2s);
  CHECK(bot.nick == "bot");
  CHECK(greeted(rig, bot, in_room("lobby")) == "welcome bot");
}

TEST_CASE("a ticket is good for the same key only") {
  chat_rig rig;
  const auto ticket_of = [&](const rights& by) {
    scripted_member& made = by == nullptr ? rig.connect() : rig.connect_as(by);
    rig.say(made, as_nick("carol"));
    return rig.heard(made).at(0)["ticket"];
  };
  const auto with = [](const json& ticket) {
    json greeting = as_nick("carol");
    greeting["ticket"] = ticket;
    return greeting;
  };
  const std::string in_use = "nick_in_use: the nickname carol is in use";
  const rights one = key_for_rooms({}, "one");
  SECTION("of a key") {
    const json ticket = ticket_of(one);
    CHECK(greeted(rig, key_for_rooms({}, "two"), with(ticket)) == in_use);
    CHECK(greeted(rig, rig.connect(), with(ticket)) == in_use);
    CHECK(greeted(rig, key_with({"one", false, {}, {}, false}), with(ticket)) == in_use);
    // Also where its rights were read again meanwhile.
    CHECK(greeted(rig, key_for_rooms({"ops"}, "one"), with(ticket)) == "welcome carol");
  }
  SECTION("of nobody") {
    const json ticket = ticket_of(nullptr);
    CHECK(greeted(rig, one, with(ticket)) == in_use);
    CHECK(greeted(rig, rig.connect(), with(ticket)) == "welcome carol");
  }
}

TEST_CASE("the keys of messages are those of one owner") {
  chat_rig rig;
  const auto sent = [&](scripted_member& who, const std::string& key) {
    json request = send_to("lobby");
    request["key"] = key;
    rig.say(who, request);
    const json ack = rig.one(who);
    return ack["id"].dump() + (ack.contains("repeat") ? " again" : "");
  };
  const auto of_owner = [&](std::string owner, bool is_key = true) -> scripted_member& {
    return rig.greet_as(key_with({std::move(owner), is_key, {}, {}, false}), as_guest);
  };
  CHECK(sent(of_owner("one"), "k") == "1");
  CHECK(sent(of_owner("two"), "k") == "2");
  CHECK(sent(rig.greet(as_guest), "k") == "3");
  CHECK(sent(of_owner("one", false), "k") == "4");
  CHECK(sent(of_owner("one"), "k") == "1 again");
  CHECK(sent(rig.greet(as_guest), "k") == "3 again");
  CHECK(sent(of_owner("one", false), "k") == "4 again");
  // Nobody's key cannot be made to look like somebody's.
  CHECK(sent(rig.greet(as_guest),
             "one\x1f"
             "k") == "5");
  CHECK(sent(rig.greet(as_guest),
             "certificate one\x1f"
             "k") == "6");
}

TEST_CASE("a key with rooms is refused all others") {
  chat_rig rig;
  const rights ops = key_for_rooms({"ops", "dev"});
  const std::string refusal = "refused: this key may be in ops, dev";
  CHECK(greeted(rig, ops, in_room("lobby")) == refusal);
  CHECK(greeted(rig, ops, in_room("#OPS")).starts_with("welcome"));
  scripted_member& who = rig.greet_as(ops, in_room("dev"));
  CHECK(answered(rig, who, {{"type", "join"}, {"room", "lobby"}}) == refusal);
  CHECK(answered(rig, who, send_to("lobby")) == refusal);
  CHECK(answered(rig, who, {{"type", "history"}, {"room", "lobby"}}) == refusal);
  CHECK(answered(rig, who, {{"type", "who"}, {"room", "lobby"}}) == refusal);
  CHECK(rig.machine.rooms().size() == 2);
  CHECK(answered(rig, who, {{"type", "join"}, {"room", "ops"}}) == "joined");
  CHECK(answered(rig, who, send_to("dev")) == "ack");
  CHECK(answered(rig, who, {{"type", "history"}, {"room", "dev"}}) == "end");
  CHECK(answered(rig, who, {{"type", "who"}, {"room", "dev"}}) == "end");
}

TEST_CASE("a key with rooms sees, and talks to, only those who are in them") {
  chat_rig rig;
  scripted_member& inside = rig.greet({{"tcpchat", 1}, {"nick", "inside"}, {"room", "ops"}});
  rig.greet({{"tcpchat", 1}, {"nick", "outside"}, {"room", "lobby"}});
  rig.greet(as_nick("nowhere"));
  scripted_member& who = rig.greet_as(key_for_rooms({"ops"}), as_nick("me2"));
  CHECK(seen(rig, who) == names{"inside", "me2"});
  CHECK(answered(rig, who, tell("inside")) == "ack");
  CHECK(answered(rig, who, tell("outside")) == "no_such_nick: there is no outside");
  CHECK(answered(rig, who, tell("nowhere")) == "no_such_nick: there is no nowhere");
  CHECK(rig.one(inside)["type"] == "direct");
  scripted_member& free = rig.greet_as(key_for_rooms({}), as_guest);
  CHECK(seen(rig, free).size() == 5);
}

TEST_CASE("a plain session begins in the first room of its key where that leaves out the lobby") {
  chat_rig rig;
  scripted_member& lobby = rig.connect_as(key_for_rooms({"ops", "lobby"}));
  rig.say(lobby, "hi\n");
  CHECK(lobby.where->log.room() == "lobby");
  scripted_member& ops = rig.connect_as(key_for_rooms({"ops", "dev"}));
  rig.say(ops, "hi\n/join lobby\n/join dev\n");
  CHECK(rig.text(ops) == "* this key may be in ops, dev\n* you are in dev (1 here)\n");
}

TEST_CASE("an admin's key may kick and ban, others may not") {
  chat_rig rig;
  scripted_member& alice = rig.greet(as_nick("alice"));
  scripted_member& bob = rig.greet(as_nick("bob"));
  const json kick{{"type", "kick"}, {"to", "Alice"}, {"text", "go\x1b"}, {"tag", "1"}};
  const json ban{{"type", "ban"}, {"to", "192.0.2.7"}, {"tag", "2"}};
  const std::string refusal = "refused: this takes the right 'admin'";
  for (scripted_member* const one : {&bob, &rig.greet_as(key_for_nicks({"carol"}), as_guest)}) {
    CHECK(answered(rig, *one, kick) == refusal);
    CHECK(answered(rig, *one, ban) == refusal);
  }
  scripted_member& boss = rig.greet_as(admin_key(), as_nick("chief"));
  rig.say(boss, kick);
  CHECK(rig.heard(boss) == std::vector<json>{{{"type", "notice"}, {"text", "alice's session was ended"}},
                                             {{"type", "end"}, {"count", 1}, {"tag", "1"}}});
  CHECK(rig.one(alice) == json{{"type", "bye"}, {"code", "kicked"}, {"text", "go\uFFFD"}});
  CHECK(answered(rig, boss, kick) == "no_such_nick: there is no Alice");
  CHECK(std::ranges::find(rig.log.lines, "chief kicks alice") != rig.log.lines.end());

  rig.say(boss, ban);
  CHECK(rig.heard(boss).back() == json{{"type", "end"}, {"count", 0}, {"tag", "2"}});
  CHECK_FALSE(rig.machine.open(rig.add("192.0.2.7"), rig.now));
  CHECK(std::ranges::find(rig.log.lines, "chief bans 192.0.2.7") != rig.log.lines.end());
}

TEST_CASE("a ban by name is of the address, an address is one, and no other word is") {
  chat_rig rig;
  scripted_member& boss = rig.greet_as(admin_key(), as_guest);
  scripted_member& first = rig.connect("2001:db8::1");
  scripted_member& second = rig.connect("2001:db8::1");
  rig.say(first, as_nick("mallory"));
  rig.say(second, as_guest);
  for (const char* const nobody : {"example.org", "1.2.3", "1.2.3.4.5", "10.0.0.x", "all", ":zz"}) {
    CHECK(answered(rig, boss, {{"type", "ban"}, {"to", nobody}}).starts_with("no_such_nick"));
  }
  rig.say(boss, json{{"type", "ban"}, {"to", "mallory"}});
  CHECK(rig.heard(boss).back()["count"] == 2);
  CHECK(rig.heard(second).back()["code"] == "refused");
  CHECK_FALSE(rig.machine.open(rig.add("2001:db8::1"), rig.now));
}

TEST_CASE("an admin who bans its own address has that for its last words") {
  chat_rig rig;
  scripted_member& boss = rig.greet_as(admin_key(), as_guest);
  CHECK(answered(rig, boss, {{"type", "ban"}, {"to", "127.0.0.1"}}) == "refused: this address is banned");
}

TEST_CASE("a plain admin types /kick and /ban") {
  chat_rig rig;
  scripted_member& alice = rig.greet(as_nick("alice"));
  scripted_member& boss = rig.connect_as(admin_key(), "127.0.0.2");
  rig.say(boss, "hello\n/kick alice for a reason\n/ban 127.0.0.1\n/kick alice\n");
  CHECK(rig.text(boss) == "* alice's session was ended\n* banned 127.0.0.1, 0 sessions ended\n* there is no alice\n");
  CHECK(rig.one(alice)["text"] == "for a reason");
  scripted_member& plain = rig.connect("127.0.0.3");
  rig.say(plain, "hello\n/kick alice\n/ban 127.0.0.1\n");
  CHECK(rig.text(plain) == "* this takes the right 'admin'\n* this takes the right 'admin'\n");
}

TEST_CASE("an admin with rooms kicks only those it sees") {
  chat_rig rig;
  rig.greet({{"tcpchat", 1}, {"nick", "outside"}, {"room", "lobby"}});
  rig.greet({{"tcpchat", 1}, {"nick", "inside"}, {"room", "ops"}});
  scripted_member& boss = rig.greet_as(key_with({"boss", true, {}, {"ops"}, true}), in_room("ops"));
  CHECK(answered(rig, boss, {{"type", "kick"}, {"to", "outside"}}) == "no_such_nick: there is no outside");
  CHECK(answered(rig, boss, {{"type", "ban"}, {"to", "outside"}}) == "no_such_nick: there is no outside");
  CHECK(answered(rig, boss, {{"type", "kick"}, {"to", "inside"}}) == "end");
}

TEST_CASE("nicknames that become a key's end whoever else has them") {
  chat_rig rig{reserving({"bob"})};
  scripted_member& alice = rig.greet(as_nick("Alice"));
  scripted_member& carol = rig.greet(as_nick("carol"));
  scripted_member& bob = rig.greet_as(key_for_nicks({"bob"}), as_guest);
  rig.machine.reserve_nicks({"alice", "bob"}, rig.now);
  CHECK(rig.one(alice)["code"] == "refused");
  CHECK(alice.is_closing());
  CHECK_FALSE(carol.is_closing());
  CHECK_FALSE(bob.is_closing());
  CHECK(greeted(rig, key_for_nicks({"alice"}), as_guest) == "welcome alice");
  rig.machine.reserve_nicks({}, rig.now);
  CHECK(greeted(rig, rig.connect(), as_nick("dave")) == "welcome dave");
}

TEST_CASE("who is dismissed is sent nothing more but why") {
  chat_rig rig;
  scripted_member& who = rig.greet_as(key_for_nicks({"bob"}), in_room("lobby"));
  scripted_member& other = rig.greet(in_room("lobby"));
  rig.say(other, send_to("lobby", "a secret"));
  rig.machine.dismiss(who, code::refused, "the key is no longer valid", rig.now);
  CHECK(rig.one(who) == json{{"type", "bye"}, {"code", "refused"}, {"text", "the key is no longer valid"}});
  rig.say(who, send_to("lobby", "too late"));
  CHECK(rig.heard(other).size() == 2);
}

TEST_CASE("in the clear only those languages are let in that the settings say") {
  const std::string why = "this server speaks this language over TLS only";
  const auto bye = R"({"type":"bye","code":"refused","text":")" + why + "\"}\n";
  const std::string hello = "{\"tcpchat\":1}\n";
  server_settings settings;
  settings.motd = "welcome to the secret place";
  settings.in_clear.plain = false;
  SECTION("structured alone") {
    chat_rig rig{settings};
    scripted_member& plain = rig.connect();
    rig.say(plain, "hi\n");
    CHECK(rig.text(plain) == "* the session ends: " + why + "\n");
    CHECK(plain.is_closing());
    scripted_member& half = rig.connect();
    rig.say(half, "hi");
    rig.machine.on_end(half, rig.now);
    CHECK(rig.text(half) == "* the session ends: " + why + "\n");
    CHECK(rig.machine.count().messages == 0);
    // It may take longer with its greeting than where it could be a plain one.
    scripted_member& slow = rig.connect();
    rig.pass(5s);
    rig.say(slow, hello);
    CHECK(rig.text(slow).starts_with(R"({"type":"welcome")"));
    scripted_member& silent = rig.connect();
    rig.pass(11s);
    CHECK(rig.text(silent) == "* the session ends: " + why + "\n");
    scripted_member& secure = rig.connect_as(key_for_rooms({}));
    rig.pass(2s);
    CHECK(rig.text(secure) == "* welcome to the secret place\n");
  }
  SECTION("plain alone") {
    settings.in_clear = {false, true};
    chat_rig rig{settings};
    scripted_member& structured = rig.connect();
    rig.say(structured, hello);
    CHECK(rig.text(structured) == bye);
    scripted_member& wrong = rig.connect();
    rig.say(wrong, "{\"tcpchat\":0}\n");
    CHECK(rig.text(wrong) == bye);
    scripted_member& late = rig.connect();
    rig.pass(2s);
    (void)rig.text(late);
    rig.say(late, hello);
    CHECK(rig.text(late) == bye);
    scripted_member& plain = rig.connect();
    rig.say(plain, "hi\n");
    CHECK(rig.text(plain) == "* welcome to the secret place\n");
  }
  SECTION("neither") {
    settings.in_clear = {false, false};
    chat_rig rig{settings};
    scripted_member& structured = rig.connect();
    rig.say(structured, hello);
    CHECK(rig.text(structured) == bye);
    CHECK(greeted(rig, key_for_rooms({}), as_guest).starts_with("welcome"));
  }
}
