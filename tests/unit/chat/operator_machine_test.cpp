#include "tcptools/chat/operator_machine.hpp"

#include <string>
#include <vector>

#include "support/chat_rig.hpp"

using namespace tcptools;
using namespace tcptools::chat;
using namespace tcptools::testing;

namespace {

using shown_lines = std::vector<std::string>;

struct operator_rig : chat_rig {
  // What is shown for a line.
  shown_lines type(std::string_view line) {
    shown.clear();
    goes_on = operating.on_line(line, now);
    return shown;
  }

  shown_lines shown;
  bool goes_on = true;
  operator_machine operating{machine, [this](const std::string& line) { shown.push_back(line); }};
};

}  // namespace

TEST_CASE("the list of clients says by which key each came in") {
  operator_rig rig;
  rig.greet_as(std::make_shared<member_rights>(member_rights{"alice@laptop", true, {}, {}, false}), {{"tcpchat", 1}});
  rig.greet_as(std::make_shared<member_rights>(member_rights{"CN=host", false, {}, {}, false}), {{"tcpchat", 1}});
  const shown_lines lines = rig.type("/clients");
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].ends_with("  key alice@laptop"));
  CHECK(lines[1].ends_with("  certificate CN=host"));
}

TEST_CASE("what the operator types is said in the lobby") {
  operator_rig rig;
  scripted_member& alice = rig.greet({{"tcpchat", 1}, {"nick", "alice"}, {"room", "lobby"}});
  CHECK(rig.type("hello").empty());
  const json message = rig.one(alice);
  CHECK(message["from"] == "operator");
  CHECK(message["room"] == "lobby");
  CHECK(message["text"] == "hello");
  CHECK(rig.type("//quit").empty());
  CHECK(rig.one(alice)["text"] == "/quit");
  CHECK(rig.goes_on);
}

TEST_CASE("an empty line says nothing, and makes no room") {
  operator_rig rig;
  CHECK(rig.type("").empty());
  CHECK(rig.type(" \t ").empty());
  (void)rig.machine.say_as_operator("lobby", " ", rig.now);
  CHECK(rig.machine.rooms().empty());
}

TEST_CASE("the operator tells one alone by number, nickname or address") {
  operator_rig rig;
  scripted_member& alice = rig.greet({{"tcpchat", 1}, {"nick", "Alice"}});
  scripted_member& guest = rig.connect();
  rig.say(guest, "hi\n");
  (void)rig.text(guest);
  for (const char* const who : {"1", "alice", "ALICE", "127.0.0.1:5001"}) {
    CHECK(rig.type("/to " + std::string{who} + "  two words ").empty());
    const json told = rig.one(alice);
    CHECK(told["type"] == "direct");
    CHECK(told["from"] == "operator");
    CHECK(told["to"] == "Alice");
    CHECK(told["text"] == "two words");
  }
  CHECK(rig.type("/to 2 psst").empty());
  CHECK(rig.text(guest) == "[operator -> you] psst\n");
  CHECK(rig.type("/to 3 hello") == shown_lines{"there is no client '3'"});
  CHECK(rig.type("/to nobody hello") == shown_lines{"there is no client 'nobody'"});
  CHECK(rig.type("/to alice") == shown_lines{"what?"});
  CHECK(rig.type("/to") == shown_lines{"which client?"});
}

TEST_CASE("a client that is selected is told what is typed, until the room is selected again") {
  operator_rig rig;
  scripted_member& alice = rig.greet({{"tcpchat", 1}, {"nick", "alice"}, {"room", "lobby"}});
  scripted_member& bob = rig.greet({{"tcpchat", 1}, {"nick", "bob"}, {"room", "lobby"}});
  CHECK(rig.operating.target() == "lobby");
  CHECK(rig.type("/select 2") == shown_lines{"what you type goes to bob alone"});
  CHECK(rig.operating.target() == "bob");
  CHECK(rig.type("hello").empty());
  CHECK(rig.one(bob)["type"] == "direct");
  CHECK(rig.heard(alice).empty());
  CHECK(rig.type("/select") == shown_lines{"what you type goes to the room lobby"});
  CHECK(rig.type("hello all").empty());
  CHECK(rig.one(alice)["text"] == "hello all");
  CHECK(rig.type("/select zoe") == shown_lines{"there is no client 'zoe'"});
  CHECK(rig.operating.target() == "lobby");
}

TEST_CASE("what is typed for a client that is gone goes to nobody else") {
  operator_rig rig;
  scripted_member& alice = rig.greet({{"tcpchat", 1}, {"nick", "alice"}, {"room", "lobby"}});
  scripted_member& bob = rig.greet({{"tcpchat", 1}, {"nick", "bob"}});
  (void)rig.type("/select bob");
  rig.machine.close(bob, "gone", rig.now);
  CHECK(rig.operating.target() == "(gone)");
  CHECK(rig.type("a secret") == shown_lines{"there is no client '2'"});
  CHECK(rig.heard(alice).empty());
}

TEST_CASE("all are told, whatever they speak") {
  operator_rig rig;
  scripted_member& alice = rig.greet({{"tcpchat", 1}, {"nick", "alice"}});
  scripted_member& silent = rig.connect();
  scripted_member& plain = rig.connect();
  rig.say(plain, "hi\n");
  (void)rig.text(plain);
  CHECK(rig.type("/all the server goes down").empty());
  CHECK(rig.one(alice)["text"] == "the server goes down");
  CHECK(rig.text(plain) == "[operator -> you] the server goes down\n");
  CHECK(rig.text(silent).empty());
  CHECK(rig.type("/all") == shown_lines{"what?"});
}

TEST_CASE("a client is kicked, with a reason or without") {
  operator_rig rig;
  scripted_member& alice = rig.greet({{"tcpchat", 1}, {"nick", "alice"}});
  scripted_member& bob = rig.greet({{"tcpchat", 1}, {"nick", "bob"}});
  CHECK(rig.type("/kick alice").empty());
  CHECK(rig.one(alice) == json{{"type", "bye"}, {"code", "kicked"}, {"text", "the operator ended this session"}});
  CHECK(rig.type("/kick 2 too loud").empty());
  CHECK(rig.one(bob) == json{{"type", "bye"}, {"code", "kicked"}, {"text", "too loud"}});
  CHECK(rig.type("/kick bob") == shown_lines{"there is no client 'bob'"});
  CHECK(rig.type("/kick 2") == shown_lines{"there is no client '2'"});
  CHECK(rig.type("/kick") == shown_lines{"which client?"});
}

TEST_CASE("an address is banned with all its sessions") {
  operator_rig rig;
  scripted_member& one = rig.connect("10.0.0.1");
  scripted_member& two = rig.connect("10.0.0.1");
  scripted_member& other = rig.connect("10.0.0.2");
  CHECK(rig.type("/ban 10.0.0.1") == shown_lines{"banned 10.0.0.1, 2 sessions ended"});
  CHECK(one.is_closing());
  CHECK(two.is_closing());
  CHECK_FALSE(other.is_closing());
  const result<void> again = rig.machine.open(rig.add("10.0.0.1"), rig.now);
  REQUIRE_FALSE(again);
  CHECK(again.error().code() == errc::refused);
  CHECK(rig.type("/ban") == shown_lines{"which address?"});
}

TEST_CASE("clients are listed with what is known of them") {
  operator_rig rig;
  CHECK(rig.type("/clients") == shown_lines{"nobody is connected"});
  (void)rig.greet({{"tcpchat", 1}, {"nick", "alice"}, {"room", "ops"}});
  scripted_member& plain = rig.connect();
  rig.say(plain, "hi\n");
  (void)rig.text(plain);
  (void)rig.connect();
  scripted_member& gone = rig.greet({{"tcpchat", 1}, {"nick", "bob"}});
  rig.say(gone, {{"type", "quit"}});
  rig.now.at += 90s;
  (void)rig.machine.say_as_operator("lobby", "unread", rig.now);
  CHECK(rig.type("/clients") == shown_lines{"1  127.0.0.1:5001  alice  #ops  structured  1:30",
                                            "2  127.0.0.1:5002  -  #lobby  plain  1:30  waits to read 18 B",
                                            "3  127.0.0.1:5003  -  -  silent  1:30"});
}

TEST_CASE("rooms are listed with what is kept of them") {
  operator_rig rig;
  CHECK(rig.type("/rooms") == shown_lines{"there are no rooms"});
  scripted_member& alice = rig.greet({{"tcpchat", 1}, {"nick", "alice"}, {"room", "ops"}});
  rig.say(alice, {{"type", "send"}, {"text", "one"}});
  rig.say(alice, {{"type", "send"}, {"text", "two"}, {"room", "lobby"}});
  CHECK(rig.type("/rooms") ==
        shown_lines{"#lobby  0 here  1 messages kept, next 2", "#ops  1 here  1 messages kept, next 2"});
}

TEST_CASE("the server's numbers are shown") {
  operator_rig rig;
  CHECK(rig.type("/stats") == shown_lines{"sessions 0, rooms 0, messages 0, memory of logs and queues 0 B"});
  (void)rig.greet({{"tcpchat", 1}, {"room", "ops"}});
  (void)rig.type("hello");
  const shown_lines shown = rig.type("/stats");
  REQUIRE(shown.size() == 1);
  CHECK(shown[0].starts_with("sessions 1, rooms 2, messages 1, memory of logs and queues "));
}

TEST_CASE("help lists every command, and what is no command is said to be none") {
  operator_rig rig;
  const shown_lines help = rig.type("/help");
  for (const char* const command :
       {"/clients", "/select", "/to", "/all", "/kick", "/ban", "/rooms", "/stats", "/quit"}) {
    INFO(command);
    CHECK(std::ranges::any_of(help, [command](const std::string& line) { return line.starts_with(command); }));
  }
  CHECK(rig.type("/nonsense") == shown_lines{"there is no command '/nonsense'; /help lists them"});
  CHECK(rig.goes_on);
}

TEST_CASE("the operator ends the server") {
  operator_rig rig;
  (void)rig.type("/quit");
  CHECK_FALSE(rig.goes_on);
}

TEST_CASE("messages are shown with who said them where") {
  memory_use use;
  scripted_member guest{use, "127.0.0.1:4711", "127.0.0.1"};
  CHECK(operator_machine::describe_message(guest, "lobby", "hi") == "[127.0.0.1:4711] hi");
  guest.nick = "alice";
  CHECK(operator_machine::describe_message(guest, "lobby", "hi") == "[127.0.0.1:4711 alice] hi");
  CHECK(operator_machine::describe_message(guest, "ops", "hi") == "[127.0.0.1:4711 alice #ops] hi");
  CHECK(operator_machine::describe_direct(guest, "hi") == "[127.0.0.1:4711 alice -> operator] hi");
}
