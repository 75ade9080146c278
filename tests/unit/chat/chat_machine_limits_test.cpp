// What one session, or all of them, can make the machine use.
#include <algorithm>
#include <string>
#include <vector>

#include "support/chat_rig.hpp"
#include "tcptools/chat/limits.hpp"
#include "tcptools/chat/safe_text.hpp"

using namespace tcptools;
using namespace tcptools::chat;
using namespace tcptools::testing;

namespace {

server_settings unlimited_speech() {
  server_settings settings;
  settings.flood.off = true;
  return settings;
}

scripted_member& enter_lobby(chat_rig& rig, const char* nick, const char* room = "lobby") {
  return rig.greet({{"tcpchat", 1}, {"nick", nick}, {"room", room}, {"presence", false}});
}

void say_bytes(chat_rig& rig, scripted_member& who, std::size_t bytes, const char* room = "lobby") {
  for (std::size_t said = 0; said < bytes; said += 10'000) {
    rig.say(who, {{"type", "send"}, {"text", std::string(10'000, 'x')}, {"room", room}});
    (void)rig.text(who);
  }
}

std::size_t messages_in(const std::vector<json>& lines) {
  return static_cast<std::size_t>(
      std::ranges::count_if(lines, [](const json& line) { return line["type"] == "message"; }));
}

// So many bytes of what it is to be sent go out.
std::string send_part(scripted_member& who, std::size_t bytes) {
  std::string all;
  std::array<byte_view, 4> pieces;
  while (all.size() < bytes) {
    REQUIRE(who.out.pieces(pieces) > 0);
    const std::string_view part = as_text(pieces[0]).substr(0, bytes - all.size());
    all += part;
    who.out.consumed(part.size());
  }
  return all;
}

std::string pings(int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += "{\"type\":\"ping\"}\n";
  return all;
}

}  // namespace

TEST_CASE("who says too much is held back, and goes on as time passes") {
  server_settings settings;
  settings.flood = {10, 20, 1e6, 1e6, false};
  chat_rig rig{settings};
  scripted_member& alice = enter_lobby(rig, "alice");
  rig.say(alice, pings(50));
  CHECK(rig.heard(alice).size() == 20);
  CHECK_FALSE(rig.machine.wants_input(alice));
  rig.pass(1050ms);
  CHECK(rig.heard(alice).size() == 10);
  const int wakes = alice.wakes;
  rig.pass(2100ms);
  CHECK(rig.heard(alice).size() == 20);
  CHECK(rig.machine.wants_input(alice));
  CHECK(alice.wakes > wakes);
}

TEST_CASE("long messages are held back, too, and plain text like structured") {
  server_settings settings;
  settings.flood = {1e6, 1e6, 1000, 5000, false};
  chat_rig rig{settings};
  scripted_member& alice = enter_lobby(rig, "alice");
  scripted_member& plain = rig.connect();
  rig.say(plain, std::string(4000, 'a') + "\n" + std::string(4000, 'b') + "\nc\n");
  CHECK(messages_in(rig.heard(alice)) == 2);
  CHECK_FALSE(rig.machine.wants_input(plain));
  rig.pass(2900ms);
  CHECK(messages_in(rig.heard(alice)) == 0);
  rig.pass(200ms);
  CHECK(messages_in(rig.heard(alice)) == 1);
  CHECK(rig.machine.wants_input(plain));
}

TEST_CASE("unterminated text is held back, too") {
  server_settings settings;
  settings.flood = {1, 1, 1e6, 1e6, false};
  chat_rig rig{settings};
  scripted_member& alice = enter_lobby(rig, "alice");
  scripted_member& plain = rig.connect();
  rig.say(plain, "one");
  rig.pass(150ms);
  CHECK(messages_in(rig.heard(alice)) == 1);
  rig.say(plain, "two");
  rig.pass(500ms);
  CHECK(messages_in(rig.heard(alice)) == 0);
  rig.pass(1s);
  CHECK(messages_in(rig.heard(alice)) == 1);
}

TEST_CASE("who does not read what others say ends, after the line that has begun") {
  for (const std::size_t sent : {0U, 1U, 50U, 10'000U, 10'098U, 10'099U, 10'100U, 10'101U}) {
    server_settings settings = unlimited_speech();
    settings.max_backlog = 100'000;
    chat_rig rig{settings};
    scripted_member& alice = enter_lobby(rig, "alice");
    scripted_member& bob = enter_lobby(rig, "bob");
    say_bytes(rig, alice, 90'000);
    std::string all = send_part(bob, sent);
    bob.is_blocked = true;
    say_bytes(rig, alice, 20'000);
    CHECK(bob.is_closing());
    all += rig.text(bob);
    std::vector<json> lines;
    for (std::size_t begin = 0; begin < all.size();) {
      const std::size_t end = all.find('\n', begin);
      REQUIRE(end != std::string::npos);
      lines.push_back(json::parse(all.substr(begin, end - begin)));
      begin = end + 1;
    }
    for (std::size_t i = 0; i + 1 < lines.size(); ++i) CHECK(lines[i]["id"] == i + 1);
    const std::size_t line_size = all.find('\n') + 1;
    CHECK(lines.size() == (sent == 0 ? 0 : (sent + line_size - 1) / line_size) + 1);
    CHECK(lines.back()["code"] == "too_slow");
    CHECK_FALSE(alice.is_closing());
  }
}

TEST_CASE("who reads nothing that is said to them alone ends, too") {
  server_settings settings = unlimited_speech();
  settings.max_backlog = 100'000;
  chat_rig rig{settings};
  scripted_member& alice = enter_lobby(rig, "alice");
  scripted_member& bob = enter_lobby(rig, "bob", "ops");
  bob.is_blocked = true;
  for (int i = 0; i < 12; ++i) {
    rig.say(alice, {{"type", "send"}, {"text", std::string(10'000, 'x')}, {"to", "bob"}});
    CHECK(rig.one(alice)["type"] == (i < 10 ? "ack" : "error"));
  }
  CHECK(rig.one(bob)["code"] == "too_slow");
}

TEST_CASE("a history that is larger than the backlog is no reason to end") {
  server_settings settings = unlimited_speech();
  settings.max_backlog = 100'000;
  chat_rig rig{settings};
  scripted_member& alice = enter_lobby(rig, "alice");
  say_bytes(rig, alice, 500'000);
  scripted_member& bob = enter_lobby(rig, "bob");
  rig.say(bob, {{"type", "history"}, {"room", "lobby"}});
  rig.turn();
  bob.is_blocked = true;
  say_bytes(rig, alice, 50'000);
  CHECK_FALSE(bob.is_closing());
  CHECK(messages_in(rig.heard(bob)) == 55);
  // But nothing else is done for it until it has read that.
  rig.say(bob, {{"type", "history"}, {"room", "lobby"}});
  rig.say(bob, {{"type", "ping"}});
  CHECK_FALSE(rig.machine.wants_input(bob));
  const std::vector<json> lines = rig.heard(bob);
  CHECK(lines.back()["type"] == "end");
  CHECK(rig.one(bob)["type"] == "pong");
}

TEST_CASE("who does not read answers is not read from, until it reads") {
  chat_rig rig{unlimited_speech()};
  scripted_member& alice = enter_lobby(rig, "alice");
  const json ping{{"type", "ping"}, {"tag", std::string(60, 't')}};
  int said = 0;
  while (rig.machine.wants_input(alice)) {
    rig.say(alice, ping);
    ++said;
    REQUIRE(said < 10'000);
  }
  CHECK(alice.out.answers() > limits::unread_answers);
  CHECK(alice.out.answers() < limits::unread_answers + 1000);
  rig.say(alice, ping);
  const int wakes = alice.wakes;
  CHECK(static_cast<int>(rig.heard(alice).size()) == said);
  CHECK(alice.wakes > wakes);
  CHECK(rig.machine.wants_input(alice));
  CHECK(rig.heard(alice).size() == 1);
}

TEST_CASE("a plain session that does not read is not read from when too many of its own messages wait") {
  chat_rig rig{unlimited_speech()};
  scripted_member& alice = enter_lobby(rig, "alice");
  scripted_member& plain = rig.connect();
  rig.say(plain, "hi\n");
  for (std::size_t i = 0; i <= limits::own_messages_waiting; ++i) {
    rig.say(alice, {{"type", "send"}, {"text", "x"}});
    rig.say(plain, "y\n");
  }
  CHECK_FALSE(rig.machine.wants_input(plain));
  const std::string all = rig.text(plain);
  CHECK(std::ranges::count(all, '\n') == limits::own_messages_waiting + 1);
  CHECK(rig.machine.wants_input(plain));
}

TEST_CASE("short of memory, who lags furthest behind ends first, then history is forgotten") {
  server_settings settings = unlimited_speech();
  settings.max_memory = 4'000'000;
  settings.history = {100, 100'000};
  chat_rig rig{settings};
  scripted_member& alice = enter_lobby(rig, "alice", "none");
  scripted_member& worst = enter_lobby(rig, "worst", "a");
  scripted_member& second = enter_lobby(rig, "second", "b");
  scripted_member& good = enter_lobby(rig, "good", "c");
  say_bytes(rig, alice, 2'000'000, "a");
  say_bytes(rig, alice, 1'000'000, "b");
  say_bytes(rig, alice, 200'000, "c");
  CHECK_FALSE(worst.is_closing());
  say_bytes(rig, alice, 1'000'000, "d");
  say_bytes(rig, alice, 900'000, "b");
  CHECK(worst.is_closing());
  CHECK(rig.one(worst)["code"] == "too_slow");
  CHECK_FALSE(second.is_closing());
  CHECK(rig.use.bytes <= settings.max_memory);
  CHECK_FALSE(good.is_closing());

  settings.history = {10'000, 16U << 20U};
  chat_rig other{settings};
  scripted_member& bob = enter_lobby(other, "bob");
  say_bytes(other, bob, 10'000'000);
  other.turn();
  CHECK(other.use.bytes <= settings.max_memory);
  CHECK(bob.where->log.kept_bytes() > 1'000'000);
  CHECK(bob.where->log.next() == 1001);
  CHECK_FALSE(bob.is_closing());
}

TEST_CASE("there are no more sessions than there may be, and no more of one address") {
  server_settings settings;
  settings.max_sessions = 5;
  settings.max_per_address = 3;
  chat_rig rig{settings};
  const auto refusal = [&](const std::string& address) {
    const result<void> taken = rig.machine.open(rig.add(address), rig.now);
    return taken ? std::string{"taken"} : taken.error().text();
  };
  scripted_member& first = rig.connect("10.0.0.1");
  (void)rig.connect("10.0.0.1");
  (void)rig.connect("10.0.0.1");
  CHECK(refusal("10.0.0.1") == "there are too many sessions of this address");
  CHECK(rig.log.lines.back().starts_with("turned away 10.0.0.1:"));
  (void)rig.connect("10.0.0.2");
  (void)rig.connect("10.0.0.3");
  CHECK(refusal("10.0.0.4") == "there are too many sessions");
  CHECK(rig.machine.count().sessions == 5);
  // One that is told goodbye still counts.
  rig.machine.kick(first, "", rig.now);
  CHECK(refusal("10.0.0.1") == "there are too many sessions of this address");
  rig.machine.close(first, "", rig.now);
  CHECK(refusal("10.0.0.1") == "taken");
}

TEST_CASE("a banned address is let in no more, others are") {
  chat_rig rig;
  scripted_member& one = rig.connect("10.0.0.1");
  scripted_member& plain = rig.connect("10.0.0.1");
  rig.say(one, {{"tcpchat", 1}});
  (void)rig.heard(one);
  rig.say(plain, "hi\n");
  CHECK(rig.machine.ban("10.0.0.1", rig.now) == 2);
  CHECK(rig.one(one)["code"] == "refused");
  CHECK(rig.text(plain) == "* the session ends: this address is banned\n");
  CHECK(rig.machine.ban("10.0.0.1", rig.now) == 0);
  const result<void> taken = rig.machine.open(rig.add("10.0.0.1"), rig.now);
  REQUIRE_FALSE(taken);
  CHECK(taken.error().code() == errc::refused);
  (void)rig.connect("10.0.0.2");
}

TEST_CASE("a text may be as long as the limit and no longer, in both languages") {
  chat_rig rig;
  scripted_member& alice = enter_lobby(rig, "alice");
  scripted_member& plain = rig.connect();
  const std::string longest(limits::text, 'x');
  rig.say(alice, {{"type", "send"}, {"text", longest}});
  CHECK(rig.heard(alice).back()["text"] == longest);
  rig.say(alice, {{"type", "send"}, {"text", longest + "y"}, {"tag", "t"}});
  json refusal = rig.one(alice);
  CHECK(refusal["code"] == "too_long");
  CHECK(refusal["tag"] == "t");
  // Made safe it is three times as long.
  rig.say(alice, {{"type", "send"}, {"text", std::string(6000, '\x01')}});
  CHECK(rig.one(alice)["code"] == "too_long");

  rig.say(plain, longest + "\n");
  CHECK(rig.one(alice)["text"] == longest);
  rig.say(plain, longest + "y\n");
  const std::vector<json> two = rig.heard(alice);
  REQUIRE(two.size() == 2);
  CHECK(two[0]["text"] == longest);
  CHECK(two[1]["text"] == "y");
  rig.say(plain, std::string(limits::text - 1, 'x') + "\u20AC\n");
  const std::vector<json> parts = rig.heard(alice);
  REQUIRE(parts.size() == 2);
  CHECK(parts[1]["text"] == "\u20AC");
  rig.say(plain, std::string(limits::text, '\x01') + "\n");
  const std::string cut = rig.one(alice)["text"];
  CHECK(cut.size() <= limits::text);
  CHECK(safe_text(cut) == cut);
}

TEST_CASE("a line may be as long as the limit, and no longer") {
  chat_rig rig;
  scripted_member& alice = enter_lobby(rig, "alice");
  std::string line = "{\"type\":\"ping\",\"x\":\"";
  line += std::string(limits::structured_line - line.size() - 2, 'x') + "\"}";
  REQUIRE(line.size() == limits::structured_line);
  rig.say(alice, line + "\r\n");
  CHECK(rig.one(alice)["type"] == "pong");
  rig.say(alice, " " + line + "\n");
  CHECK(rig.one(alice)["code"] == "too_long");
  scripted_member& greeting = rig.connect();
  line = "{\"tcpchat\":1,\"x\":\"";
  line += std::string(limits::structured_line - line.size() - 2, 'x') + "\"}";
  rig.say(greeting, line + "\n");
  CHECK(rig.one(greeting)["type"] == "welcome");
}

TEST_CASE("a hundred megabytes without a newline take no memory, in either language") {
  const std::string chunk(64U << 10U, 'x');
  const auto feed = [&chunk](std::string_view first, bool greets) {
    server_settings settings = unlimited_speech();
    settings.history = {10, 100'000};
    chat_rig rig{settings};
    scripted_member& who = rig.connect();
    if (greets) rig.say(who, {{"tcpchat", 1}, {"room", "lobby"}});
    rig.say(who, first);
    std::size_t most = 0;
    for (std::size_t fed = 0; fed < 100'000'000; fed += chunk.size()) {
      rig.say(who, chunk);
      (void)rig.text(who);
      most = std::max(most, rig.use.bytes);
    }
    CHECK(most < 2'000'000);
    return who.is_closing();
  };
  CHECK(feed("{\"type\":\"send\",\"text\":\"", true));
  CHECK_FALSE(feed("", false));
  CHECK_FALSE(feed("{", false));
}

TEST_CASE("a million bytes that come one by one are taken in no time") {
  const auto feed = [](std::string_view beginning, std::string_view unit) {
    chat_rig rig{unlimited_speech()};
    scripted_member& who = rig.connect();
    rig.say(who, beginning);
    std::size_t fed = 0;
    while (fed < 1'000'000 && !who.is_closing()) {
      for (const char byte : unit) rig.machine.on_bytes(who, {&byte, 1}, rig.now);
      fed += unit.size();
      if (fed % 4096 < unit.size()) (void)rig.text(who);
    }
    return rig.machine.count().messages;
  };
  CHECK(feed("{\"tcpchat\":1,\"room\":\"lobby\"}\n", "{\"type\":\"send\",\"text\":\"hello\"}\n") > 30'000);
  CHECK(feed("", "hello world\n") > 80'000);
  CHECK(feed("", "x") == 61);
  CHECK(feed("{", "x") > 50);
  CHECK(feed("", " ") == 0);
  CHECK(feed("{\"tcpchat\":1,\"room\":\"lobby\"}\n", "x") == 0);
}
