// What becomes of sessions because time passes.
#include <algorithm>
#include <string>
#include <vector>

#include "support/chat_rig.hpp"
#include "tcptools/chat/limits.hpp"

using namespace tcptools;
using namespace tcptools::chat;
using namespace tcptools::testing;

namespace {

// The texts of messages that a session was sent.
std::vector<std::string> texts_heard(chat_rig& rig, scripted_member& who) {
  std::vector<std::string> texts;
  for (const json& line : rig.heard(who)) {
    if (line["type"] == "message") texts.push_back(line["text"]);
  }
  return texts;
}

using texts = std::vector<std::string>;

scripted_member& listener(chat_rig& rig) {
  return rig.greet({{"tcpchat", 1}, {"nick", "alice"}, {"room", "lobby"}, {"presence", false}});
}

}  // namespace

TEST_CASE("a silent connection is plain after a second, and hears what is said") {
  chat_rig rig;
  scripted_member& alice = listener(rig);
  scripted_member& silent = rig.connect();
  rig.pass(999ms);
  CHECK(silent.speaks == language::undecided);
  rig.pass(1ms);
  CHECK(silent.speaks == language::plain);
  rig.say(alice, {{"type", "send"}, {"text", "hello"}});
  CHECK(rig.text(silent) == "[alice] hello\n");
}

TEST_CASE("a connection that has become plain by saying nothing may still greet") {
  chat_rig rig;
  scripted_member& alice = listener(rig);
  scripted_member& late = rig.connect();
  rig.pass(5s);
  rig.say(alice, {{"type", "send"}, {"text", "nobody has read this"}});
  rig.say(late, {{"tcpchat", 1}, {"nick", "bob"}, {"room", "lobby"}});
  const std::vector<json> lines = rig.heard(late);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0]["nick"] == "bob");
  CHECK(lines[1]["members"] == 2);
  rig.say(late, {{"type", "ping"}});
  CHECK(rig.one(late)["type"] == "pong");
}

TEST_CASE("a late greeting may come in pieces, with pauses") {
  chat_rig rig;
  scripted_member& alice = listener(rig);
  scripted_member& late = rig.connect();
  rig.pass(2s);
  rig.say(late, "{\"tcpchat\":1,");
  rig.pass(500ms);
  rig.say(late, "\"nick\":\"bob\"}\n");
  CHECK(rig.one(late)["nick"] == "bob");
  CHECK(texts_heard(rig, alice).empty());
}

TEST_CASE("a first line that begins with a brace has ten seconds, then it is text") {
  chat_rig rig;
  scripted_member& alice = listener(rig);
  scripted_member& slow = rig.connect();
  for (int i = 0; i < 9; ++i) {
    rig.say(slow, i == 0 ? "{" : "x");
    rig.pass(1s);
  }
  CHECK(slow.speaks == language::undecided);
  rig.pass(1200ms);
  CHECK(slow.speaks == language::plain);
  CHECK(texts_heard(rig, alice) == texts{"{xxxxxxxx"});
  rig.say(slow, "more\n");
  CHECK(texts_heard(rig, alice) == texts{"more"});

  scripted_member& greeting = rig.connect();
  rig.say(greeting, "{\"tcpchat\":1,");
  rig.pass(9900ms);
  rig.say(greeting, "\"nick\":\"bob\"}\n");
  CHECK(rig.heard(greeting).at(0)["nick"] == "bob");
}

TEST_CASE("a greeting that never ends is a bad request") {
  chat_rig rig;
  scripted_member& slow = rig.connect();
  rig.say(slow, "{\"tcpchat\":1,");
  rig.pass(11s);
  CHECK(rig.one(slow)["code"] == "bad_request");
}

TEST_CASE("text without an end is a message after a tenth of a second of silence") {
  chat_rig rig;
  scripted_member& alice = listener(rig);
  scripted_member& plain = rig.connect();
  rig.say(plain, "hel");
  rig.pass(90ms);
  rig.say(plain, "lo");
  rig.pass(99ms);
  CHECK(texts_heard(rig, alice).empty());
  rig.pass(1ms);
  CHECK(texts_heard(rig, alice) == texts{"hello"});
  rig.say(plain, "a\nb");
  CHECK(texts_heard(rig, alice) == texts{"a"});
  rig.pass(100ms);
  CHECK(texts_heard(rig, alice) == texts{"b"});
  // The end of a line that was a message already.
  rig.say(plain, "\n");
  rig.pass(1s);
  CHECK(texts_heard(rig, alice).empty());
}

TEST_CASE("a message never ends within a character, and nobody is looked at for one that never ends") {
  const std::string text = "h\u00E4\u20AC\U0001F600";
  for (std::size_t cut = 1; cut < text.size(); ++cut) {
    chat_rig rig;
    scripted_member& alice = listener(rig);
    scripted_member& plain = rig.connect();
    rig.say(plain, text.substr(0, cut));
    rig.pass(2s);
    CHECK(rig.machine.next_due() > rig.now.at + 1s);
    rig.say(plain, text.substr(cut));
    rig.pass(500ms);
    std::string all;
    for (const std::string& one : texts_heard(rig, alice)) all += one;
    CHECK(all == text);
  }
}

TEST_CASE("structured lines are never ended by silence") {
  chat_rig rig;
  scripted_member& alice = listener(rig);
  rig.say(alice, "{\"type\":");
  rig.pass(5s);
  rig.say(alice, "\"ping\"}\n");
  CHECK(rig.one(alice)["type"] == "pong");
}

TEST_CASE("a session that says nothing is pinged after a minute and gone after two and a half") {
  chat_rig rig;
  scripted_member& alice = listener(rig);
  rig.pass(limits::ping_interval - 1ms);
  CHECK(rig.heard(alice).empty());
  rig.pass(1ms);
  CHECK(rig.one(alice) == json{{"type", "ping"}});
  rig.pass(limits::silence - limits::ping_interval - 1ms);
  CHECK(rig.heard(alice).empty());
  rig.pass(1ms);
  CHECK(rig.one(alice)["code"] == "timed_out");
  CHECK(alice.is_closing());
}

TEST_CASE("any line keeps a session, and it is pinged again") {
  chat_rig rig;
  scripted_member& alice = listener(rig);
  for (int i = 0; i < 10; ++i) {
    rig.pass(limits::silence - 1s);
    CHECK(rig.one(alice)["type"] == "ping");
    rig.say(alice, {{"type", "pong"}});
  }
  CHECK_FALSE(alice.is_closing());
}

TEST_CASE("who is timed out need not read what it was told before") {
  chat_rig rig;
  scripted_member& alice = listener(rig);
  scripted_member& bob = rig.greet({{"tcpchat", 1}, {"nick", "bob"}, {"room", "lobby"}, {"presence", false}});
  rig.say(bob, {{"type", "send"}, {"text", "hello"}});
  rig.pass(limits::silence);
  CHECK(rig.one(alice)["code"] == "timed_out");
}

TEST_CASE("a session is not timed out for lines that the server has yet to take") {
  server_settings settings;
  settings.flood = {1, 5, 1e6, 1e6, false};
  chat_rig rig{settings};
  scripted_member& alice = listener(rig);
  std::string many;
  for (int i = 0; i < 400; ++i) many += "{\"type\":\"ping\"}\n";
  rig.say(alice, many);
  rig.pass(300s);
  CHECK_FALSE(alice.is_closing());
  CHECK(rig.heard(alice).size() >= 300);
}

TEST_CASE("plain sessions are neither pinged nor timed out") {
  chat_rig rig;
  scripted_member& plain = rig.connect();
  rig.say(plain, "hi\n");
  rig.pass(1h);
  CHECK(rig.text(plain).empty());
  CHECK_FALSE(plain.is_closing());
  CHECK(rig.machine.next_due() == chat_machine::clock::time_point::max());
}

TEST_CASE("a plain session that half-closes gets what was said, and is closed a second later") {
  chat_rig rig;
  scripted_member& alice = listener(rig);
  scripted_member& plain = rig.connect();
  rig.say(plain, "hi");
  rig.machine.on_end(plain, rig.now);
  CHECK(texts_heard(rig, alice) == texts{"hi"});
  rig.say(alice, {{"type", "send"}, {"text", "hello"}});
  rig.say(alice, {{"type", "send"}, {"to", "127.0.0.1:5002"}, {"text", "psst"}});
  rig.pass(999ms);
  CHECK_FALSE(plain.is_closing());
  CHECK(rig.text(plain) == "[alice -> you] psst\n[alice] hello\n");
  rig.pass(1ms);
  CHECK(plain.is_closing());
  CHECK(rig.text(plain).empty());
}

TEST_CASE("who half-closes is closed a second after all it said was taken, not before") {
  server_settings settings;
  settings.flood = {1, 1, 1e6, 1e6, false};
  chat_rig rig{settings};
  scripted_member& alice = listener(rig);
  scripted_member& plain = rig.connect();
  rig.say(plain, "1\n2\n3\n4");
  rig.machine.on_end(plain, rig.now);
  rig.pass(3s);
  CHECK_FALSE(plain.is_closing());
  CHECK(texts_heard(rig, alice) == texts{"1", "2", "3", "4"});
  rig.pass(1s);
  CHECK(plain.is_closing());
}

TEST_CASE("a goodbye that is not read is cut off after five seconds") {
  chat_rig rig;
  scripted_member& alice = listener(rig);
  rig.machine.kick(alice, "", rig.now);
  rig.pass(4999ms);
  CHECK_FALSE(alice.is_aborted);
  rig.pass(1ms);
  CHECK(alice.is_aborted);
  rig.machine.close(alice, "", rig.now);
  rig.pass(60s);
  CHECK(rig.machine.count().sessions == 0);
}

TEST_CASE("time does nothing to sessions that are gone") {
  chat_rig rig;
  for (int i = 0; i < 100; ++i) {
    scripted_member& one = rig.connect();
    if (i % 2 == 0) rig.say(one, {{"tcpchat", 1}, {"nick", "n"}, {"room", "lobby"}});
    if (i % 3 == 0) rig.pass(500ms);
    rig.machine.close(one, "", rig.now);
    rig.members.clear();
  }
  rig.pass(5min);
  CHECK(rig.machine.next_due() == chat_machine::clock::time_point::max());
  CHECK(rig.use.bytes == 0);
}
