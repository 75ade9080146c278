// Sessions: their languages, how they begin and how they end.
#include "tcptools/chat/chat_machine.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "support/chat_rig.hpp"

using namespace tcptools;
using namespace tcptools::chat;
using namespace tcptools::testing;

namespace {

bool has_noted(const chat_rig& rig, const std::string& line) {
  return std::ranges::find(rig.log.lines, line) != rig.log.lines.end();
}

// What becomes of a connection that says this first; its end is not said.
std::string first_answer(std::string_view bytes, server_settings settings = {}) {
  chat_rig rig{std::move(settings)};
  scripted_member& who = rig.connect();
  rig.say(who, bytes);
  return rig.text(who);
}

json first_answers(std::string_view bytes) {
  chat_rig rig;
  scripted_member& who = rig.connect();
  rig.say(who, bytes);
  return rig.heard(who);
}

}  // namespace

TEST_CASE("a greeting is answered with a welcome, and with where the session is") {
  chat_rig rig;
  scripted_member& alice = rig.connect();
  rig.say(alice, {{"tcpchat", 1}, {"nick", "Alice"}, {"room", "#Lobby"}});
  const std::vector<json> lines = rig.heard(alice);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0]["type"] == "welcome");
  CHECK(lines[0]["tcpchat"] == 1);
  CHECK(lines[0]["nick"] == "Alice");
  CHECK(lines[0]["ticket"].get<std::string>().size() == 32);
  CHECK(lines[1] == json{{"type", "joined"},
                         {"room", "lobby"},
                         {"epoch", lines[1]["epoch"]},
                         {"next", 1},
                         {"lost", 0},
                         {"resumed", true},
                         {"members", 1}});
  CHECK(lines[1]["epoch"].get<std::string>().size() == 16);
  CHECK(alice.speaks == language::structured);
  CHECK(has_noted(rig, "named Alice"));
}

TEST_CASE("a greeting without a name makes a guest, one without a room is in none") {
  chat_rig rig;
  scripted_member& guest = rig.connect();
  rig.say(guest, {{"tcpchat", 1}});
  CHECK(rig.one(guest)["nick"] == "127.0.0.1:5001");
  CHECK(rig.machine.rooms().empty());
  rig.say(guest, {{"type", "send"}, {"text", "hi"}, {"tag", "t"}});
  const json answer = rig.one(guest);
  CHECK(answer["code"] == "no_room");
  CHECK(answer["tag"] == "t");
  rig.say(guest, {{"type", "leave"}});
  CHECK(rig.one(guest)["code"] == "no_room");
}

TEST_CASE("a client that knows later versions is spoken to in this one") {
  const json answers = first_answers("{\"tcpchat\":7,\"news\":{\"a\":1}}\r\n");
  REQUIRE(answers.size() == 1);
  CHECK(answers[0]["tcpchat"] == 1);
}

TEST_CASE("a greeting that is wrong ends the session with the reason") {
  const auto reason = [](std::string_view greeting) {
    const json answers = first_answers(greeting);
    REQUIRE(answers.size() == 1);
    CHECK(answers[0]["type"] == "bye");
    return answers[0]["code"].get<std::string>();
  };
  CHECK(reason("{\"tcpchat\":0}\n") == "version");
  CHECK(reason("{\"tcpchat\":\"1\"}\n") == "bad_request");
  CHECK(reason("{\"tcpchat\":1,\"tcpchat\":1}\n") == "bad_request");
  CHECK(reason("{\"tcpchat\":1,\"nick\":\"7up\"}\n") == "bad_name");
  CHECK(reason("{\"tcpchat\":1,\"nick\":\"operator\"}\n") == "bad_name");
  CHECK(reason("{\"tcpchat\":1,\"nick\":\"Guest7\"}\n") == "bad_name");
  CHECK(reason("{\"tcpchat\":1,\"room\":\"no room\"}\n") == "bad_name");
  CHECK(reason("{\"tcpchat\":1,\"since\":{}}\n") == "bad_request");
}

TEST_CASE("a name in use ends a greeting, and is refused to who asks for it later") {
  chat_rig rig;
  (void)rig.greet({{"tcpchat", 1}, {"nick", "alice"}});
  scripted_member& second = rig.connect();
  rig.say(second, {{"tcpchat", 1}, {"nick", "ALICE"}});
  CHECK(rig.one(second)["code"] == "nick_in_use");
  CHECK(second.is_closing());
  scripted_member& bob = rig.greet({{"tcpchat", 1}, {"nick", "bob"}});
  rig.say(bob, {{"type", "nick"}, {"nick", "Alice"}, {"tag", "7"}});
  const json refusal = rig.one(bob);
  CHECK(refusal["type"] == "error");
  CHECK(refusal["code"] == "nick_in_use");
  CHECK(refusal["tag"] == "7");
  CHECK(bob.nick == "bob");
}

TEST_CASE("a name is free again when its session has another one, or has ended") {
  chat_rig rig;
  scripted_member& alice = rig.greet({{"tcpchat", 1}, {"nick", "alice"}});
  rig.say(alice, {{"type", "nick"}, {"nick", "Alicia"}, {"tag", "x"}});
  CHECK(rig.one(alice) == json{{"type", "nick"}, {"nick", "Alicia"}, {"tag", "x"}});
  scripted_member& second = rig.greet({{"tcpchat", 1}, {"nick", "alice"}});
  CHECK_FALSE(second.is_closing());
  rig.say(second, {{"type", "quit"}});
  scripted_member& third = rig.greet({{"tcpchat", 1}, {"nick", "alice"}});
  CHECK_FALSE(third.is_closing());
  // The one that is only told goodbye does not take the name away when its connection goes.
  rig.machine.close(second, "", rig.now);
  CHECK(rig.machine.find("alice") == &third);
}

TEST_CASE("a session may write its own name in other letters") {
  chat_rig rig;
  scripted_member& alice = rig.greet({{"tcpchat", 1}, {"nick", "alice"}});
  rig.say(alice, {{"type", "nick"}, {"nick", "ALICE"}});
  CHECK(rig.one(alice)["nick"] == "ALICE");
  CHECK(rig.machine.find("alice") == &alice);
}

TEST_CASE("a ticket takes an earlier session's place; a wrong one does not") {
  chat_rig rig;
  scripted_member& first = rig.connect();
  rig.say(first, {{"tcpchat", 1}, {"nick", "alice"}, {"room", "lobby"}});
  const std::string ticket = rig.heard(first)[0]["ticket"];
  const std::string none(32, '0');
  for (const std::string& wrong : {std::string{"x"}, none, std::string(32, 'g'), ticket.substr(1) + "f"}) {
    scripted_member& thief = rig.connect();
    rig.say(thief, {{"tcpchat", 1}, {"nick", "alice"}, {"ticket", wrong}});
    CHECK(rig.one(thief)["code"] == "nick_in_use");
  }
  CHECK_FALSE(first.is_closing());
  scripted_member& second = rig.connect();
  rig.say(second, {{"tcpchat", 1}, {"nick", "Alice"}, {"room", "lobby"}, {"ticket", ticket}});
  CHECK(rig.one(first)["code"] == "replaced");
  const std::vector<json> lines = rig.heard(second);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0]["ticket"] != ticket);
  CHECK(lines[1]["members"] == 1);
  CHECK(rig.machine.find("alice") == &second);
}

TEST_CASE("a second greeting is a bad request") {
  chat_rig rig;
  scripted_member& alice = rig.greet({{"tcpchat", 1}, {"nick", "alice"}});
  rig.say(alice, {{"tcpchat", 1}, {"nick", "bob"}, {"tag", "t"}});
  const json answer = rig.one(alice);
  CHECK(answer["type"] == "error");
  CHECK(answer["code"] == "bad_request");
  CHECK(answer["tag"] == "t");
  CHECK(alice.nick == "alice");
}

TEST_CASE("requests that are wrong are answered, and the session goes on") {
  chat_rig rig;
  scripted_member& alice = rig.greet({{"tcpchat", 1}, {"nick", "alice"}, {"room", "lobby"}});
  const auto code_for = [&](const char* line) {
    rig.say(alice, std::string{line} + "\n");
    const json answer = rig.one(alice);
    CHECK(answer["type"] == "error");
    return answer["code"].get<std::string>();
  };
  CHECK(code_for("hello") == "bad_request");
  CHECK(code_for("{\"type\":\"dance\"}") == "bad_request");
  CHECK(code_for("{\"type\":\"send\"}") == "bad_request");
  CHECK(code_for("{\"type\":\"send\",\"text\":[]}") == "bad_request");
  CHECK(code_for("{\"type\":\"send\",\"text\":\"\"}") == "bad_request");
  CHECK(code_for("{\"type\":\"send\",\"text\":\" \\t \"}") == "bad_request");
  CHECK(code_for("{\"type\":\"send\",\"text\":\"x\",\"room\":\"a b\"}") == "bad_name");
  CHECK(code_for("{\"type\":\"join\",\"room\":\"\"}") == "bad_name");
  CHECK(code_for("{\"type\":\"nick\",\"nick\":\"me\"}") == "bad_name");
  CHECK(code_for("{\"type\":\"who\",\"room\":\"!\"}") == "bad_name");
  CHECK(code_for("{\"type\":\"history\",\"room\":\"!\"}") == "bad_name");
  rig.say(alice, "\n\r\n");
  CHECK(rig.heard(alice).empty());
  rig.say(alice, {{"type", "ping"}, {"tag", "p"}});
  CHECK(rig.one(alice) == json{{"type", "pong"}, {"tag", "p"}});
  rig.say(alice, {{"type", "pong"}});
  CHECK(rig.heard(alice).empty());
}

TEST_CASE("text makes a plain session, which is in the lobby as a guest") {
  chat_rig rig;
  scripted_member& alice = rig.greet({{"tcpchat", 1}, {"nick", "alice"}, {"room", "lobby"}});
  scripted_member& plain = rig.connect();
  rig.say(plain, "hello\r\nworld\n");
  CHECK(rig.text(plain).empty());
  const std::vector<json> heard = rig.heard(alice);
  REQUIRE(heard.size() == 2);
  CHECK(heard[0]["from"] == "127.0.0.1:5002");
  CHECK(heard[0]["text"] == "hello");
  CHECK(heard[1]["text"] == "world");
  rig.say(alice, {{"type", "send"}, {"text", "hi"}});
  CHECK(rig.text(plain) == "[alice] hi\n");
}

TEST_CASE("text that looks like JSON but is no greeting is text") {
  chat_rig rig;
  scripted_member& alice = rig.greet({{"tcpchat", 1}, {"nick", "alice"}, {"room", "lobby"}});
  for (const std::string text : {"{\"level\":\"info\"}", "{ not json", "{}", " {"}) {
    scripted_member& plain = rig.connect();
    rig.say(plain, text + "\n");
    CHECK(rig.one(alice)["text"] == text);
    CHECK(plain.speaks == language::plain);
  }
  // Only the first line may be a greeting.
  scripted_member& late = rig.connect();
  rig.say(late, "hello\n{\"tcpchat\":1}\n");
  CHECK(rig.heard(alice).back()["text"] == "{\"tcpchat\":1}");
  CHECK(late.speaks == language::plain);
}

TEST_CASE("a greeting may arrive in any pieces, and requests come along with it") {
  const std::string all = "{\"tcpchat\":1,\"nick\":\"alice\",\"room\":\"lobby\"}\n{\"type\":\"ping\"}\n";
  for (std::size_t cut = 0; cut <= all.size(); ++cut) {
    chat_rig rig;
    scripted_member& alice = rig.connect();
    rig.say(alice, all.substr(0, cut));
    rig.say(alice, all.substr(cut));
    const std::vector<json> lines = rig.heard(alice);
    REQUIRE(lines.size() == 3);
    CHECK(lines[0]["type"] == "welcome");
    CHECK(lines[1]["type"] == "joined");
    CHECK(lines[2]["type"] == "pong");
  }
}

TEST_CASE("blanks before a greeting are allowed, and do not make it expensive to wait for it") {
  chat_rig rig;
  scripted_member& alice = rig.connect();
  rig.say(alice, " \t {\"tcpchat\":1}\n");
  CHECK(rig.one(alice)["type"] == "welcome");
  scripted_member& blank = rig.connect();
  rig.say(blank, std::string(100, ' '));
  CHECK(blank.speaks == language::plain);
}

TEST_CASE("who speaks TLS is answered with an alert") {
  const std::string answer = first_answer("\x16\x03\x01 hello");
  CHECK(answer == std::string{"\x15\x03\x03\x00\x02\x02\x0A", 7});
}

TEST_CASE("a browser is answered in its language, and nothing of it is said to anybody") {
  server_settings with_words;
  with_words.motd = "welcome";
  CHECK(first_answer("POST / HTTP/1.1\r\nHost: x\r\n\r\nhello\n", with_words)
            .starts_with("HTTP/1.1 400 Bad Request\r\n"));
  chat_rig rig;
  scripted_member& alice = rig.greet({{"tcpchat", 1}, {"nick", "alice"}, {"room", "lobby"}});
  scripted_member& browser = rig.connect();
  rig.say(browser, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n{\"type\":\"send\"}\n");
  CHECK(browser.is_closing());
  CHECK(rig.heard(alice).empty());
  // Later on it is text.
  scripted_member& plain = rig.connect();
  rig.say(plain, "look:\nGET / HTTP/1.1\n");
  CHECK(rig.heard(alice).size() == 2);
}

TEST_CASE("the server's greeting text is said in both languages") {
  server_settings settings;
  settings.motd = "be kind";
  chat_rig rig{settings};
  scripted_member& alice = rig.connect();
  rig.say(alice, {{"tcpchat", 1}, {"room", "lobby"}});
  const std::vector<json> lines = rig.heard(alice);
  REQUIRE(lines.size() == 3);
  CHECK(lines[1] == json{{"type", "notice"}, {"text", "be kind"}});
  scripted_member& plain = rig.connect();
  rig.say(plain, "hi\n");
  CHECK(rig.text(plain) == "* be kind\n");
}

TEST_CASE("plain commands are answered with lines that begin with a star") {
  chat_rig rig;
  scripted_member& plain = rig.connect();
  rig.say(plain, "/nick Bob\n");
  CHECK(rig.text(plain) == "* you are called Bob\n");
  rig.say(plain, "/join ops\n");
  CHECK(rig.text(plain) == "* you are in ops (1 here)\n");
  rig.say(plain, "/who\n");
  CHECK(rig.text(plain) == "* Bob (you) in ops\n");
  rig.say(plain, "/nick operator\n");
  CHECK(rig.text(plain) == "* the nickname operator is reserved\n");
  rig.say(plain, "/msg nobody hi\n");
  CHECK(rig.text(plain) == "* there is no nobody\n");
  rig.say(plain, "/dance\n");
  CHECK(rig.text(plain) == "* there is no command '/dance', /help lists those there are\n");
  rig.say(plain, "/help\n");
  CHECK(rig.text(plain).find("* /quit") != std::string::npos);
  rig.say(plain, "/quit\n");
  CHECK(rig.text(plain).empty());
  CHECK(plain.is_closing());
}

TEST_CASE("what is said to one alone reaches it alone, in its language") {
  server_settings settings;
  settings.has_operator = true;
  chat_rig rig{settings};
  scripted_member& alice = rig.greet({{"tcpchat", 1}, {"nick", "alice"}, {"room", "lobby"}});
  scripted_member& bob = rig.greet({{"tcpchat", 1}, {"nick", "bob"}, {"room", "lobby"}});
  scripted_member& plain = rig.connect();
  rig.say(plain, "/msg Alice psst\n");
  const json direct = rig.one(alice);
  CHECK(
      direct ==
      json{{"type", "direct"}, {"time", rig.now.wall}, {"from", "127.0.0.1:5003"}, {"to", "alice"}, {"text", "psst"}});
  rig.say(alice, {{"type", "send"}, {"to", "127.0.0.1:5003"}, {"text", "yes?"}, {"tag", "t"}});
  CHECK(rig.one(alice) == json{{"type", "ack"}, {"tag", "t"}});
  CHECK(rig.text(plain) == "[alice -> you] yes?\n");
  rig.say(alice, {{"type", "send"}, {"to", "zoe"}, {"text", "?"}});
  CHECK(rig.one(alice)["code"] == "no_such_nick");
  rig.say(alice, {{"type", "send"}, {"to", "operator"}, {"text", "help"}});
  CHECK(rig.one(alice)["type"] == "ack");
  CHECK(has_noted(rig, "alice operator help"));
  CHECK(rig.heard(bob).empty());
}

TEST_CASE("nothing can be said to who is silent yet, or gone") {
  chat_rig rig;
  scripted_member& alice = rig.greet({{"tcpchat", 1}, {"nick", "alice"}});
  (void)rig.connect();
  rig.say(alice, {{"type", "send"}, {"to", "127.0.0.1:5002"}, {"text", "hi"}});
  CHECK(rig.one(alice)["code"] == "no_such_nick");
  scripted_member& bob = rig.greet({{"tcpchat", 1}, {"nick", "bob"}});
  rig.say(bob, {{"type", "quit"}});
  rig.say(alice, {{"type", "send"}, {"to", "bob"}, {"text", "hi"}});
  CHECK(rig.one(alice)["code"] == "no_such_nick");
}

TEST_CASE("who is here: of a room, and everybody but those who are silent yet") {
  chat_rig rig;
  scripted_member& alice = rig.greet({{"tcpchat", 1}, {"nick", "alice"}, {"room", "lobby"}});
  (void)rig.greet({{"tcpchat", 1}, {"nick", "bob"}, {"room", "ops"}});
  (void)rig.greet({{"tcpchat", 1}});
  (void)rig.connect();
  rig.pass(700ms);
  rig.say(alice, {{"type", "who"}, {"tag", "w"}});
  std::vector<json> lines = rig.heard(alice);
  std::erase_if(lines, [](const json& line) { return line["type"] == "presence"; });
  REQUIRE(lines.size() == 4);
  CHECK(lines[0] == json{{"type", "member"}, {"nick", "alice"}, {"room", "lobby"}, {"idle", 0}, {"tag", "w"}});
  CHECK(lines[1]["room"] == "ops");
  CHECK(lines[2] == json{{"type", "member"}, {"nick", "127.0.0.1:5003"}, {"idle", 0}, {"tag", "w"}});
  CHECK(lines[3] == json{{"type", "end"}, {"count", 3}, {"tag", "w"}});
  rig.pass(5s);
  rig.say(alice, {{"type", "who"}, {"room", "OPS"}});
  lines = rig.heard(alice);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0]["idle"] == 5);
  rig.say(alice, {{"type", "who"}, {"room", "nowhere"}});
  CHECK(rig.one(alice) == json{{"type", "end"}, {"count", 0}});
}

TEST_CASE("texts are made safe where they enter") {
  chat_rig rig;
  scripted_member& alice = rig.greet({{"tcpchat", 1}, {"nick", "alice"}, {"room", "lobby"}});
  scripted_member& plain = rig.connect();
  rig.say(plain, "a\x1B[31mb\xFE\u202E \n");
  CHECK(rig.one(alice)["text"] == "a\uFFFD[31mb\uFFFD\uFFFD");
  rig.say(alice, "{\"type\":\"send\",\"text\":\"one\\ntwo\"}\n");
  CHECK(rig.text(plain) == "[alice] one\uFFFDtwo\n");
}

TEST_CASE("a session that quits is told goodbye after what it was told before") {
  chat_rig rig;
  scripted_member& alice = rig.greet({{"tcpchat", 1}, {"nick", "alice"}, {"room", "lobby"}});
  scripted_member& bob = rig.greet({{"tcpchat", 1}, {"nick", "bob"}, {"room", "lobby"}});
  rig.say(bob, {{"type", "send"}, {"text", "hi"}});
  rig.say(alice, "{\"type\":\"quit\"}\n{\"type\":\"send\",\"text\":\"too late\"}\n");
  const std::vector<json> lines = rig.heard(alice);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0]["text"] == "hi");
  CHECK(lines[1] == json{{"type", "bye"}, {"code", "quit"}, {"text", ""}});
  CHECK_FALSE(rig.machine.wants_input(alice));
  rig.say(alice, {{"type", "send"}, {"text", "later still"}});
  CHECK(rig.heard(bob).size() == 2);  // its acknowledgement and its message
}

TEST_CASE("the end of what a structured session says ends it, after its last line") {
  chat_rig rig;
  scripted_member& alice = rig.greet({{"tcpchat", 1}, {"nick", "alice"}, {"room", "lobby"}});
  scripted_member& bob = rig.greet({{"tcpchat", 1}, {"nick", "bob"}, {"room", "lobby"}});
  rig.say(alice, "{\"type\":\"send\",\"text\":\"last\"}");
  rig.machine.on_end(alice, rig.now);
  CHECK(rig.one(bob)["text"] == "last");
  const std::vector<json> lines = rig.heard(alice);
  REQUIRE(lines.size() == 3);
  CHECK(lines[0]["type"] == "ack");
  CHECK(lines[2]["code"] == "quit");
}

TEST_CASE("a connection that ends with its first line said it, in whatever language") {
  chat_rig rig;
  scripted_member& bob = rig.greet({{"tcpchat", 1}, {"nick", "bob"}, {"room", "lobby"}});
  scripted_member& plain = rig.connect();
  rig.say(plain, "no newline");
  rig.machine.on_end(plain, rig.now);
  CHECK(rig.one(bob)["text"] == "no newline");
  scripted_member& brace = rig.connect();
  rig.say(brace, "{no greeting");
  rig.machine.on_end(brace, rig.now);
  CHECK(rig.one(bob)["text"] == "{no greeting");
  scripted_member& greeting = rig.connect();
  rig.say(greeting, "{\"tcpchat\":1}");
  rig.machine.on_end(greeting, rig.now);
  const std::vector<json> lines = rig.heard(greeting);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0]["type"] == "welcome");
  CHECK(lines[1]["type"] == "bye");
  scripted_member& silent = rig.connect();
  rig.machine.on_end(silent, rig.now);
  CHECK(silent.is_closing());
  CHECK(rig.text(silent).empty());
}

TEST_CASE("a line that is too long ends a structured session") {
  chat_rig rig;
  scripted_member& alice = rig.greet({{"tcpchat", 1}, {"nick", "alice"}});
  rig.say(alice, "{\"type\":\"ping\"}\n" + std::string(65'537, 'x') + "\n{\"type\":\"ping\"}\n");
  const std::vector<json> lines = rig.heard(alice);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0]["type"] == "pong");
  CHECK(lines[1]["code"] == "too_long");
}

TEST_CASE("all sessions are ended, in their languages, and none is taken any more") {
  chat_rig rig;
  scripted_member& alice = rig.greet({{"tcpchat", 1}, {"nick", "alice"}});
  scripted_member& plain = rig.connect();
  rig.say(plain, "hi\n");
  rig.machine.stop_input();
  CHECK_FALSE(rig.machine.wants_input(alice));
  rig.say(alice, {{"type", "ping"}});
  CHECK(rig.heard(alice).empty());
  const result<void> taken = rig.machine.open(rig.add(), rig.now);
  REQUIRE_FALSE(taken);
  CHECK(taken.error().code() == errc::busy);
  rig.machine.end_all(code::shutting_down, "the server is shutting down", rig.now);
  CHECK(rig.one(alice)["code"] == "shutting_down");
  CHECK(rig.text(plain) == "* the session ends: the server is shutting down\n");
  rig.machine.abort_all();
  CHECK(alice.is_aborted);
  CHECK(plain.is_aborted);
}

TEST_CASE("what is said to a room can go to the operator instead") {
  server_settings settings;
  settings.relays_to_operator = true;
  chat_rig rig{settings};
  scripted_member& alice = rig.greet({{"tcpchat", 1}, {"nick", "alice"}, {"room", "lobby"}});
  scripted_member& plain = rig.connect();
  rig.say(plain, "psst\n");
  rig.say(alice, {{"type", "send"}, {"text", "hi"}, {"tag", "t"}});
  CHECK(rig.one(alice) == json{{"type", "ack"}, {"tag", "t"}});
  CHECK(rig.text(plain).empty());
  CHECK(has_noted(rig, "127.0.0.1:5002 lobby psst"));
  CHECK(has_noted(rig, "alice lobby hi"));
}

TEST_CASE("sessions are observed from their beginning to their end") {
  chat_rig rig;
  scripted_member& alice = rig.greet({{"tcpchat", 1}, {"nick", "alice"}, {"room", "lobby"}});
  rig.say(alice, {{"type", "send"}, {"text", "hi"}});
  rig.machine.close(alice, "connection reset", rig.now);
  CHECK(rig.log.lines == std::vector<std::string>{"open 127.0.0.1:5001", "named alice", "alice lobby hi",
                                                  "close alice quit: connection reset"});
  CHECK(rig.machine.count().sessions == 0);
  CHECK(rig.machine.count().messages == 1);
}

TEST_CASE("members are woken when they may go on or have to go") {
  chat_rig rig;
  scripted_member& alice = rig.greet({{"tcpchat", 1}, {"nick", "alice"}});
  const int before = alice.wakes;
  rig.machine.kick(alice, "", rig.now);
  CHECK(alice.wakes > before);
}

TEST_CASE("nothing is left of sessions that are gone and rooms where nothing was said") {
  chat_rig rig;
  for (int i = 0; i < 3; ++i) {
    scripted_member& alice = rig.greet({{"tcpchat", 1}, {"nick", "alice"}, {"room", "lobby"}});
    scripted_member& plain = rig.connect();
    rig.say(plain, "/join ops\n/who\nhalf a li");
    rig.say(alice, "{\"type\":\"who\"}\n{\"type\":");
    CHECK(rig.use.bytes > 0);
    rig.machine.close(alice, "", rig.now);
    rig.machine.close(plain, "", rig.now);
    rig.members.clear();
    CHECK(rig.machine.rooms().empty());
    CHECK(rig.use.bytes == 0);
  }
}
