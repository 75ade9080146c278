// Rooms: who is in them, what of their messages each is told, and who came and went.
#include <algorithm>
#include <string>
#include <vector>

#include "support/chat_rig.hpp"
#include "tcptools/chat/limits.hpp"

using namespace tcptools;
using namespace tcptools::chat;
using namespace tcptools::testing;

namespace {

void send_texts(chat_rig& rig, scripted_member& who, int first, int last) {
  for (int i = first; i <= last; ++i) rig.say(who, {{"type", "send"}, {"text", std::to_string(i)}});
}

std::vector<json> of_type(const std::vector<json>& lines, std::string_view type) {
  std::vector<json> found;
  std::ranges::copy_if(lines, std::back_inserter(found), [type](const json& line) { return line["type"] == type; });
  return found;
}

// "3 4 5"
std::string ids_of(const std::vector<json>& lines) {
  std::string ids;
  for (const json& line : of_type(lines, "message")) {
    ids += (ids.empty() ? "" : " ") + std::to_string(line["id"].get<std::uint64_t>());
  }
  return ids;
}

json since_id(std::uint64_t id, const std::string& epoch = {}) {
  json made{{"id", id}};
  if (!epoch.empty()) made["epoch"] = epoch;
  return made;
}

// A room "lobby" in which alice has said so many messages; she has read everything.
struct spoken_room : chat_rig {
  explicit spoken_room(int count, server_settings settings = {}) : chat_rig{std::move(settings)} {
    alice = &greet({{"tcpchat", 1}, {"nick", "alice"}, {"room", "lobby"}});
    send_texts(*this, *alice, 1, count);
    (void)heard(*alice);
  }

  scripted_member* alice;
};

server_settings keeping(std::size_t messages) {
  server_settings settings;
  settings.history.messages = messages;
  settings.flood.off = true;
  return settings;
}

// One who is told who comes and goes.
scripted_member& watch(chat_rig& rig, const char* nick, const char* room = "lobby") {
  scripted_member& made = rig.greet({{"tcpchat", 1}, {"nick", nick}, {"room", room}});
  rig.pass(3s);
  (void)rig.heard(made);
  return made;
}

}  // namespace

TEST_CASE("a message reaches all in its room, its sender too, and an acknowledgement its sender") {
  spoken_room rig{0};
  scripted_member& bob = rig.greet({{"tcpchat", 1}, {"nick", "bob"}, {"room", "lobby"}, {"presence", false}});
  scripted_member& carol = rig.greet({{"tcpchat", 1}, {"nick", "carol"}, {"room", "ops"}});
  rig.say(*rig.alice, {{"type", "send"}, {"text", "hello"}, {"tag", "t1"}});
  const std::vector<json> lines = rig.heard(*rig.alice);
  REQUIRE(lines.size() == 2);
  const json message{{"type", "message"},    {"room", "lobby"}, {"id", 1},
                     {"time", rig.now.wall}, {"from", "alice"}, {"text", "hello"}};
  CHECK(lines[0]["type"] == "ack");
  CHECK(lines[0]["id"] == 1);
  CHECK(lines[0]["tag"] == "t1");
  CHECK_FALSE(lines[0].contains("repeat"));
  CHECK(lines[1] == message);
  CHECK(rig.one(bob) == message);
  CHECK(rig.heard(carol).empty());
}

TEST_CASE("a message may go to a room that its sender is not in, which exists from then on") {
  chat_rig rig;
  scripted_member& alice = rig.greet({{"tcpchat", 1}, {"nick", "alice"}});
  rig.say(alice, {{"type", "send"}, {"text", "hello"}, {"room", "#Ops"}});
  const json ack = rig.one(alice);
  CHECK(ack["id"] == 1);
  rig.say(alice, {{"type", "join"}, {"room", "ops"}, {"since", since_id(0)}});
  const std::vector<json> lines = rig.heard(alice);
  CHECK(lines[0]["epoch"] == ack["epoch"]);
  CHECK(ids_of(lines) == "1");
}

TEST_CASE("what is said before somebody joins is not told to them, unless they ask") {
  spoken_room rig{5};
  scripted_member& bob = rig.connect();
  rig.say(bob, {{"tcpchat", 1}, {"room", "lobby"}});
  const std::vector<json> lines = rig.heard(bob);
  REQUIRE(lines.size() == 2);
  CHECK(lines[1]["next"] == 6);
  CHECK(lines[1]["members"] == 2);
  scripted_member& carol = rig.connect();
  rig.say(carol, {{"tcpchat", 1}, {"room", "lobby"}, {"since", since_id(0)}});
  send_texts(rig, *rig.alice, 6, 6);
  const std::vector<json> all = rig.heard(carol);
  CHECK(all[1]["type"] == "joined");
  CHECK(all[1]["next"] == 6);
  CHECK(all[1]["lost"] == 0);
  CHECK(ids_of(all) == "1 2 3 4 5 6");
}

TEST_CASE("who comes back with the epoch and the last id gets exactly what was missed") {
  spoken_room rig{10};
  scripted_member& bob = rig.connect();
  rig.say(bob, {{"tcpchat", 1}, {"room", "lobby"}, {"since", since_id(0)}});
  const std::string epoch = rig.heard(bob)[1]["epoch"];
  scripted_member& carol = rig.connect();
  rig.say(carol, {{"tcpchat", 1}, {"room", "lobby"}, {"since", since_id(7, epoch)}});
  std::vector<json> lines = rig.heard(carol);
  CHECK(lines[1]["resumed"] == true);
  CHECK(lines[1]["lost"] == 0);
  CHECK(ids_of(lines) == "8 9 10");

  rig.say(carol, {{"type", "join"}, {"room", "lobby"}, {"since", since_id(7, "0123456789abcdef")}, {"tag", "j"}});
  lines = rig.heard(carol);
  CHECK(lines[0]["resumed"] == false);
  CHECK(lines[0]["lost"] == 0);
  CHECK(lines[0]["tag"] == "j");
  CHECK(ids_of(lines) == "1 2 3 4 5 6 7 8 9 10");

  rig.say(carol, {{"type", "join"}, {"room", "lobby"}, {"since", since_id(10, epoch)}});
  lines = rig.heard(carol);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0]["resumed"] == true);
  CHECK(lines[0]["next"] == 11);
}

TEST_CASE("what is gone of the history is said to be lost") {
  spoken_room rig{20, keeping(5)};
  scripted_member& bob = rig.connect();
  rig.say(bob, {{"tcpchat", 1}, {"room", "lobby"}, {"since", since_id(10)}});
  std::vector<json> lines = rig.heard(bob);
  CHECK(lines[1]["lost"] == 5);
  CHECK(lines[1]["resumed"] == true);
  CHECK(ids_of(lines) == "16 17 18 19 20");
  rig.say(bob, {{"type", "history"}, {"room", "lobby"}, {"since", since_id(3)}});
  lines = rig.heard(bob);
  CHECK(lines.back()["lost"] == 12);
  CHECK(lines.back()["count"] == 5);
}

TEST_CASE("one may begin so many seconds ago") {
  spoken_room rig{2};
  rig.pass(60s);
  send_texts(rig, *rig.alice, 3, 4);
  rig.pass(10s);
  scripted_member& bob = rig.connect();
  rig.say(bob, {{"tcpchat", 1}, {"room", "lobby"}, {"since", {{"ago", 30}}}});
  CHECK(ids_of(rig.heard(bob)) == "3 4");
  rig.say(bob, {{"type", "join"}, {"room", "lobby"}, {"since", {{"ago", 5}}}});
  CHECK(ids_of(rig.heard(bob)).empty());
  rig.say(bob, {{"type", "join"}, {"room", "lobby"}, {"since", {{"ago", 70}}}});
  CHECK(ids_of(rig.heard(bob)) == "1 2 3 4");
}

TEST_CASE("history is told in order, of any room, and ends with where it ends") {
  spoken_room rig{10};
  scripted_member& bob = rig.greet({{"tcpchat", 1}, {"nick", "bob"}, {"room", "ops"}});
  rig.say(bob, {{"type", "history"}, {"room", "lobby"}, {"limit", 3}, {"tag", "h"}});
  std::vector<json> lines = rig.heard(bob);
  CHECK(ids_of(lines) == "8 9 10");
  const json end = lines.back();
  CHECK(end["type"] == "end");
  CHECK(end["count"] == 3);
  CHECK(end["room"] == "lobby");
  CHECK(end["next"] == 11);
  CHECK(end["tag"] == "h");
  CHECK(end["epoch"].get<std::string>().size() == 16);
  rig.say(bob, {{"type", "history"}, {"room", "lobby"}, {"since", since_id(4)}, {"limit", 0}});
  CHECK(rig.one(bob)["count"] == 0);
  rig.say(bob, {{"type", "history"}, {"room", "lobby"}, {"since", since_id(8)}, {"limit", 100}});
  CHECK(ids_of(rig.heard(bob)) == "9 10");
  rig.say(bob, {{"type", "history"}, {"room", "nowhere"}});
  CHECK(rig.one(bob)["count"] == 0);
  CHECK(bob.where->log.room() == "ops");
}

TEST_CASE("who leaves a room gets what was said until then, and nothing after") {
  spoken_room rig{0};
  scripted_member& bob = rig.greet({{"tcpchat", 1}, {"nick", "bob"}, {"room", "lobby"}, {"presence", false}});
  send_texts(rig, *rig.alice, 1, 2);
  rig.say(bob, {{"type", "leave"}, {"tag", "l"}});
  send_texts(rig, *rig.alice, 3, 3);
  std::vector<json> lines = rig.heard(bob);
  REQUIRE(lines.size() == 3);
  CHECK(ids_of(lines) == "1 2");
  CHECK(lines[2] == json{{"type", "left"}, {"room", "lobby"}, {"tag", "l"}});
  rig.say(bob, {{"type", "join"}, {"room", "ops"}});
  CHECK(rig.one(bob)["room"] == "ops");
}

TEST_CASE("joining another room leaves the one before; joining the same one again does not") {
  spoken_room rig{0};
  scripted_member& bob = watch(rig, "bob");
  (void)rig.heard(*rig.alice);
  rig.say(bob, {{"type", "join"}, {"room", "LOBBY"}});
  CHECK(rig.one(bob)["members"] == 2);
  rig.pass(2s);
  CHECK(rig.heard(*rig.alice).empty());
  rig.say(bob, {{"type", "join"}, {"room", "ops"}});
  CHECK(rig.one(bob)["members"] == 1);
  rig.pass(2s);
  const json told = rig.one(*rig.alice);
  CHECK(told["left"] == json{{"bob", 1}});
  CHECK(told["members"] == 1);
  send_texts(rig, *rig.alice, 1, 1);
  CHECK(rig.heard(bob).empty());
}

TEST_CASE("a plain session that joins another room hears that one") {
  spoken_room rig{0};
  scripted_member& plain = rig.connect();
  rig.say(plain, "hi\n");
  send_texts(rig, *rig.alice, 1, 1);
  rig.say(plain, "/join ops\n");
  send_texts(rig, *rig.alice, 2, 2);
  CHECK(rig.text(plain) == "[alice] 1\n* you are in ops (1 here)\n");
  rig.say(*rig.alice, {{"type", "send"}, {"text", "3"}, {"room", "ops"}});
  rig.say(plain, "mine\n");
  rig.say(*rig.alice, {{"type", "send"}, {"text", "4"}, {"room", "ops"}});
  CHECK(rig.text(plain) == "[alice] 3\n[alice] 4\n");
}

TEST_CASE("who came and went is told at most once a second") {
  chat_rig rig;
  scripted_member& alice = watch(rig, "alice");
  (void)rig.greet({{"tcpchat", 1}, {"nick", "bob"}, {"room", "lobby"}});
  CHECK(rig.heard(alice).empty());
  rig.pass(100ms);
  CHECK(rig.one(alice) == json{{"type", "presence"}, {"room", "lobby"}, {"members", 2}, {"joined", {{"bob", 1}}}});
  (void)rig.greet({{"tcpchat", 1}, {"nick", "carol"}, {"room", "lobby"}});
  scripted_member& dave = rig.greet({{"tcpchat", 1}, {"nick", "dave"}, {"room", "lobby"}});
  rig.pass(900ms);
  CHECK(rig.heard(alice).empty());
  rig.machine.close(dave, "", rig.now);
  rig.pass(100ms);
  CHECK(rig.one(alice) == json{{"type", "presence"}, {"room", "lobby"}, {"members", 3}, {"joined", {{"carol", 1}}}});
}

TEST_CASE("a storm of comings and goings is a line a second for each") {
  server_settings settings;
  settings.max_per_address = 10'000;
  chat_rig rig{settings};
  scripted_member& alice = watch(rig, "alice");
  for (int i = 0; i < 500; ++i) {
    (void)rig.greet({{"tcpchat", 1}, {"nick", "n" + std::to_string(i)}, {"room", "lobby"}});
    rig.pass(10ms);
  }
  rig.pass(2s);
  const std::vector<json> lines = rig.heard(alice);
  CHECK(lines.size() >= 5);
  CHECK(lines.size() <= 7);
  std::uint64_t told = 0;
  for (const json& line : lines) {
    CHECK(line["joined"].size() <= 8);
    told += line["joined"].size() + line.value("more", 0U);
  }
  CHECK(told == 500);
  CHECK(lines.back()["members"] == 501);
}

TEST_CASE("nobody is told that they came themselves") {
  chat_rig rig;
  scripted_member& alice = rig.greet({{"tcpchat", 1}, {"nick", "alice"}, {"room", "lobby"}});
  rig.pass(2s);
  CHECK(rig.heard(alice).empty());
  scripted_member& bob = rig.greet({{"tcpchat", 1}, {"nick", "bob"}, {"room", "lobby"}});
  rig.pass(2s);
  CHECK(rig.heard(bob).empty());
  CHECK(rig.one(alice)["joined"] == json{{"bob", 1}});
  scripted_member& plain = rig.connect();
  rig.say(plain, "/nick carol\n");
  rig.pass(2s);
  CHECK(rig.text(plain) == "* you are called carol\n");
  CHECK(rig.one(bob)["joined"] == json{{"carol", 1}});
}

TEST_CASE("nobody is told that they changed their own name, others are") {
  chat_rig rig;
  scripted_member& alice = watch(rig, "alice");
  scripted_member& bob = watch(rig, "bob");
  (void)rig.heard(alice);
  rig.say(bob, {{"type", "nick"}, {"nick", "Robert"}});
  CHECK(rig.one(bob)["type"] == "nick");
  rig.pass(2s);
  CHECK(rig.heard(bob).empty());
  const json told = rig.one(alice);
  CHECK(told["left"] == json{{"bob", 1}});
  CHECK(told["joined"] == json{{"Robert", 1}});
  CHECK(told["members"] == 2);
}

TEST_CASE("plain sessions read who came and went in words") {
  chat_rig rig;
  scripted_member& plain = rig.connect();
  rig.say(plain, "hi\n");
  (void)rig.text(plain);
  scripted_member& bob = rig.greet({{"tcpchat", 1}, {"nick", "bob"}, {"room", "lobby"}});
  rig.pass(1s);
  CHECK(rig.text(plain) == "* bob joined (2 here)\n");
  rig.machine.close(bob, "", rig.now);
  (void)rig.greet({{"tcpchat", 1}, {"nick", "carol"}, {"room", "lobby"}});
  rig.pass(1s);
  CHECK(rig.text(plain) == "* carol joined; bob left (2 here)\n");
}

TEST_CASE("guests come and go unannounced, until they have a name") {
  chat_rig rig;
  scripted_member& alice = watch(rig, "alice");
  scripted_member& guest = rig.greet({{"tcpchat", 1}, {"room", "lobby"}});
  rig.pass(2s);
  CHECK(rig.heard(alice).empty());
  rig.say(guest, {{"type", "nick"}, {"nick", "bob"}});
  rig.pass(2s);
  const json told = rig.one(alice);
  CHECK(told["joined"] == json{{"bob", 1}});
  CHECK_FALSE(told.contains("left"));
  scripted_member& other = rig.greet({{"tcpchat", 1}, {"room", "lobby"}});
  rig.machine.close(other, "", rig.now);
  rig.pass(2s);
  CHECK(rig.heard(alice).empty());
}

TEST_CASE("who wants no presence is neither announced nor told") {
  chat_rig rig;
  scripted_member& alice = watch(rig, "alice");
  scripted_member& bot = rig.greet({{"tcpchat", 1}, {"nick", "bot"}, {"room", "lobby"}, {"presence", false}});
  rig.pass(2s);
  rig.say(bot, {{"type", "nick"}, {"nick", "robot"}});
  rig.pass(2s);
  CHECK(rig.heard(alice).empty());
  (void)rig.greet({{"tcpchat", 1}, {"nick", "carol"}, {"room", "lobby"}});
  rig.pass(2s);
  CHECK(rig.heard(alice).size() == 1);
  CHECK(rig.one(bot)["type"] == "nick");
  rig.machine.close(bot, "", rig.now);
  rig.pass(2s);
  CHECK(rig.heard(alice).empty());
}

TEST_CASE("presence is left out for who lags behind") {
  chat_rig rig;
  scripted_member& alice = watch(rig, "alice");
  scripted_member& bob = rig.greet({{"tcpchat", 1}, {"nick", "bob"}, {"room", "lobby"}, {"presence", false}});
  for (int i = 0; i < 10; ++i) rig.say(bob, {{"type", "send"}, {"text", std::string(10'000, 'x')}});
  (void)rig.greet({{"tcpchat", 1}, {"nick", "carol"}, {"room", "lobby"}});
  rig.pass(2s);
  const std::vector<json> lines = rig.heard(alice);
  CHECK(lines.size() == 10);
  CHECK(of_type(lines, "presence").empty());
}

TEST_CASE("a room exists while it has members or messages") {
  chat_rig rig;
  scripted_member& alice = rig.greet({{"tcpchat", 1}, {"nick", "alice"}, {"room", "lobby"}});
  const std::string epoch = alice.where->log.epoch();
  rig.say(alice, {{"type", "join"}, {"room", "ops"}});
  CHECK(rig.machine.rooms().size() == 1);
  rig.say(alice, {{"type", "join"}, {"room", "lobby"}});
  CHECK(alice.where->log.epoch() != epoch);
  rig.say(alice, {{"type", "send"}, {"text", "hi"}});
  rig.machine.close(alice, "", rig.now);
  rig.pass(5s);
  CHECK(rig.machine.rooms().size() == 1);
}

TEST_CASE("of too many rooms, the one silent longest that nobody is in is forgotten") {
  server_settings settings;
  settings.flood.off = true;
  chat_rig rig{settings};
  scripted_member& alice = rig.greet({{"tcpchat", 1}, {"nick", "alice"}});
  const auto say_in = [&](const std::string& room) {
    rig.say(alice, {{"type", "send"}, {"text", "hi"}, {"room", room}, {"key", "k"}});
    rig.pass(1ms);
    const std::vector<json> lines = rig.heard(alice);
    return lines.at(0);
  };
  const auto exists = [&](std::string_view name) {
    return std::ranges::any_of(rig.machine.rooms(), [name](const room* one) { return one->log.room() == name; });
  };
  for (std::size_t i = 0; i < limits::rooms; ++i) (void)say_in("r" + std::to_string(i));
  (void)rig.greet({{"tcpchat", 1}, {"room", "r0"}});
  rig.say(alice, {{"type", "send"}, {"text", "again"}, {"room", "r1"}});
  (void)rig.heard(alice);
  const json before = say_in("r2");
  CHECK(before["repeat"] == true);
  CHECK(say_in("new")["id"] == 1);
  CHECK(rig.machine.count().rooms == limits::rooms);
  CHECK(exists("r0"));
  CHECK(exists("r1"));
  CHECK_FALSE(exists("r2"));
  // It begins anew: its ids, its epoch, its keys.
  const json anew = say_in("r2");
  CHECK(anew["id"] == 1);
  CHECK(anew["epoch"] != before["epoch"]);
  CHECK_FALSE(anew.contains("repeat"));
  CHECK_FALSE(exists("r3"));
}

TEST_CASE("where every room has somebody in it, no other can be made") {
  server_settings settings;
  settings.max_per_address = 10'000;
  chat_rig rig{settings};
  for (std::size_t i = 0; i < limits::rooms; ++i) {
    (void)rig.greet({{"tcpchat", 1}, {"room", "r" + std::to_string(i)}});
  }
  scripted_member& alice = rig.greet({{"tcpchat", 1}, {"nick", "alice"}});
  rig.say(alice, {{"type", "join"}, {"room", "other"}});
  CHECK(rig.one(alice)["code"] == "busy");
  rig.say(alice, {{"type", "send"}, {"text", "hi"}, {"room", "other"}});
  CHECK(rig.one(alice)["code"] == "busy");
  scripted_member& bob = rig.connect();
  rig.say(bob, {{"tcpchat", 1}, {"room", "other"}});
  CHECK(rig.heard(bob).back()["code"] == "busy");
  scripted_member& plain = rig.connect();
  rig.say(plain, "hi\n");
  CHECK(rig.text(plain) == "* the session ends: there are too many rooms\n");
  rig.machine.close(*rig.members.front(), "", rig.now);
  rig.say(alice, {{"type", "join"}, {"room", "other"}});
  CHECK(rig.one(alice)["type"] == "joined");
}

TEST_CASE("a key makes a repetition harmless, whoever repeats it") {
  spoken_room rig{3};
  scripted_member& bob = rig.greet({{"tcpchat", 1}, {"nick", "bob"}, {"room", "lobby"}, {"presence", false}});
  const json send{{"type", "send"}, {"text", "once"}, {"key", "k1"}, {"tag", "t"}};
  rig.say(*rig.alice, send);
  const std::vector<json> first = rig.heard(*rig.alice);
  CHECK(first[0]["id"] == 4);
  (void)rig.heard(bob);
  rig.say(bob, send);
  json again = rig.one(bob);
  CHECK(again["id"] == 4);
  CHECK(again["epoch"] == first[0]["epoch"]);
  CHECK(again["repeat"] == true);
  CHECK(again["tag"] == "t");
  CHECK(rig.heard(*rig.alice).empty());
  rig.say(bob, {{"type", "send"}, {"text", "once"}, {"key", "k1"}, {"room", "ops"}});
  again = rig.one(bob);
  CHECK(again["id"] == 1);
  CHECK_FALSE(again.contains("repeat"));
}

TEST_CASE("a key is forgotten after a day") {
  spoken_room rig{0};
  const json send{{"type", "send"}, {"text", "once"}, {"key", "k1"}};
  rig.say(*rig.alice, send);
  (void)rig.heard(*rig.alice);
  rig.now.wall += 24LL * 3600 * 1000;
  rig.say(*rig.alice, send);
  CHECK(rig.one(*rig.alice)["repeat"] == true);
  rig.now.wall += 1;
  rig.say(*rig.alice, send);
  const json ack = rig.heard(*rig.alice)[0];
  CHECK(ack["id"] == 2);
  CHECK_FALSE(ack.contains("repeat"));
}
