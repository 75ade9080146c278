#include "tcptools/chat/client_machine.hpp"

#include <functional>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/show_chat.hpp"
#include "tcptools/chat/limits.hpp"

using namespace tcptools;
using namespace tcptools::chat;
using tcptools::testing::show;
using tcptools::testing::show_chat;
using namespace std::chrono_literals;

namespace {

// The server's lines, as the decoder gives them.
struct client_script {
  explicit client_script(client_machine::settings chosen = {}) : machine{std::move(chosen), "K"} {}

  client_script& connect() {
    machine.on_connected(now);
    return *this;
  }
  client_script& says(chat::event what, std::string tag = {}) {
    const result<void> good = machine.on_event({std::move(what), std::move(tag)});
    INFO((good ? "" : good.error().text()));
    CHECK(good);
    return *this;
  }
  client_script& welcome() { return says(events::welcome{1, "ann", "t1"}); }
  client_script& joined(std::uint64_t next, std::string epoch = "e1") {
    return says(events::joined{"lobby", std::move(epoch), next, 0, true, 1});
  }
  client_script& message(std::uint64_t id) { return says(events::message{"lobby", id, 0, "bob", "hi"}); }
  client_script& ack(std::uint64_t number, std::uint64_t id, bool repeat = false) {
    return says(events::ack{id, "e1", repeat}, std::to_string(number));
  }
  std::uint64_t ask(request what) {
    const result<std::uint64_t> number = machine.ask(std::move(what));
    REQUIRE(number);
    return *number;
  }
  std::uint64_t send(std::string text) { return ask(requests::send{std::move(text), {}, {}, {}}); }

  [[nodiscard]] error fails(chat::event what, std::string tag = {}) {
    const result<void> good = machine.on_event({std::move(what), std::move(tag)});
    REQUIRE_FALSE(good);
    return good.error();
  }
  [[nodiscard]] std::string asks() { return show_chat(machine.take_requests()); }
  [[nodiscard]] std::string news() { return show_chat(machine.take_news()); }
  void forget() {
    (void)machine.take_requests();
    (void)machine.take_news();
  }
  // Connected, in the room, and nothing said yet.
  client_script& settle(std::uint64_t next = 1) {
    connect();
    (void)machine.take_requests();
    welcome();
    if (!machine.room().empty()) joined(next);
    forget();
    return *this;
  }

  client_machine machine;
  client_machine::clock::time_point now;
};

client_machine::settings in_lobby(std::optional<since> start = {}) { return {"ann", "lobby", std::move(start), true}; }

}  // namespace

TEST_CASE("a session begins with what was chosen, and is ready once the server agreed to all of it") {
  client_script talk{{"ann", "lobby", since{7, "e1", {}}, false}};
  CHECK(talk.asks().empty());
  CHECK(talk.connect().asks() == "hello nick ann room lobby since e1:7 quiet");
  CHECK(talk.asks().empty());
  talk.welcome();
  CHECK(talk.machine.welcomed());
  CHECK_FALSE(talk.machine.ready());
  talk.joined(8);
  CHECK(talk.machine.ready());
  CHECK(talk.news() == "welcome ann, joined lobby");
}

TEST_CASE("without a room a session is ready with the welcome") {
  client_script talk;
  CHECK(talk.connect().asks() == "hello");
  talk.welcome();
  CHECK(talk.machine.ready());
}

TEST_CASE("requests wait until the session is ready, and are written once") {
  client_script talk{in_lobby()};
  CHECK(talk.send("one") == 1);
  CHECK(talk.send("two") == 2);
  CHECK(talk.connect().asks() == "hello nick ann room lobby");
  CHECK(talk.welcome().asks().empty());
  CHECK(talk.joined(1).asks() == "#1 send 'one' room lobby key K.1, #2 send 'two' room lobby key K.2");
  CHECK(talk.asks().empty());
}

TEST_CASE("a message ends with its ack, in whatever order acks come") {
  client_script talk{in_lobby()};
  talk.settle();
  talk.send("one");
  talk.send("two");
  talk.forget();
  talk.ack(2, 5).ack(1, 4, true);
  CHECK(talk.news() == "#2 ack e1:5, #1 ack e1:4 again");
  CHECK(talk.machine.unanswered() == 0);
  talk.ack(1, 4);
  CHECK(talk.news().empty());
}

TEST_CASE("a connection lost at any point of a message posts it under one key until it is acknowledged") {
  client_script talk{in_lobby()};
  const std::string written = "#1 send 'one' room lobby key K.1";
  SECTION("before it was written") {
    talk.connect();
    talk.send("one");
    talk.forget();
    talk.machine.on_disconnected();
    talk.settle();
  }
  SECTION("between the welcome and the room") {
    talk.send("one");
    talk.connect().forget();
    talk.welcome();
    talk.machine.on_disconnected();
    talk.connect().forget();
    talk.welcome().joined(1);
    CHECK(talk.asks() == written);
    talk.machine.on_disconnected();
  }
  SECTION("after it was written, twice") {
    talk.settle();
    talk.send("one");
    CHECK(talk.asks() == written);
    talk.machine.on_disconnected();
    CHECK(talk.news().empty());
    talk.connect().forget();
    talk.welcome().joined(1);
    CHECK(talk.asks() == written);
    talk.machine.on_disconnected();
  }
  CHECK(talk.machine.unanswered() == 1);
  if (!talk.machine.ready()) {
    talk.connect().forget();
    talk.welcome().joined(1);
    CHECK(talk.asks() == written);
  } else {
    // settle() has written it.
    CHECK(talk.asks().empty());
  }
  (void)talk.machine.take_news();
  talk.ack(1, 1, true);
  CHECK(talk.news() == "#1 ack e1:1 again");
}

TEST_CASE("a message keeps the room it was meant for") {
  client_script talk{in_lobby()};
  talk.settle();
  talk.send("for the lobby");
  talk.ask(requests::join{"games", {}});
  talk.send("for the players");
  talk.ask(requests::leave{});
  talk.send("for nobody");
  CHECK(talk.asks() ==
        "#1 send 'for the lobby' room lobby key K.1, #2 join room games, #3 send 'for the players' room games key K.3, "
        "#4 leave, #5 send 'for nobody' key K.5");
  talk.says(events::joined{"games", "g1", 1, 0, true, 1}, "2");
  talk.machine.on_disconnected();
  CHECK(talk.news() == "#2 joined games, #4 failed: the connection was lost before it was answered");
  CHECK(talk.connect().asks() == "hello nick ann room games since g1:0 ticket t1");
  talk.welcome().says(events::joined{"games", "g1", 1, 0, true, 1});
  CHECK(talk.asks() ==
        "#1 send 'for the lobby' room lobby key K.1, #3 send 'for the players' room games key K.3, "
        "#5 send 'for nobody' key K.5");
}

TEST_CASE("a message to a nickname has no key and is not repeated") {
  client_script talk;
  talk.settle();
  talk.ask(requests::send{"psst", {}, "bob", {}});
  CHECK(talk.asks() == "#1 send 'psst' to bob");
  SECTION("it was written and may have arrived") {
    talk.machine.on_disconnected();
    CHECK(talk.news() == "#1 failed: the connection was lost before it was acknowledged; it may have arrived");
    CHECK(talk.machine.unanswered() == 0);
  }
  SECTION("one that was not written waits for the next connection") {
    talk.says(events::ack{}, "1");
    talk.machine.on_disconnected();
    talk.ask(requests::send{"again", {}, "bob", {}});
    talk.connect().forget();
    talk.welcome();
    CHECK(talk.asks() == "#2 send 'again' to bob");
  }
}

TEST_CASE("a key of the user's own is kept") {
  client_script talk{in_lobby()};
  talk.settle();
  talk.ask(requests::send{"one", "games", {}, "backup-2024"});
  CHECK(talk.asks() == "#1 send 'one' room games key backup-2024");
}

TEST_CASE("texts are made safe, and bounded") {
  client_script talk{in_lobby()};
  talk.settle();
  talk.send("a\x1b[31m  ");
  CHECK(talk.asks() == "#1 send 'a\xEF\xBF\xBD[31m' room lobby key K.1");
  const auto refused = [&](requests::send what) { return talk.machine.ask(std::move(what)).error().code(); };
  CHECK(refused({" \t ", {}, {}, {}}) == errc::usage);
  CHECK(refused({"x", {}, {}, std::string(limits::key + 1, 'k')}) == errc::usage);
  CHECK(refused({std::string(limits::text + 1, 'x'), {}, {}, {}}) == errc::too_large);
  CHECK(talk.machine.unanswered() == 1);
  CHECK(talk.send(std::string(limits::text, 'x')) == 2);
}

TEST_CASE("no more than a window of requests waits") {
  client_script talk{in_lobby()};
  talk.settle();
  for (std::size_t i = 0; i < limits::client_window; ++i) {
    REQUIRE(talk.machine.has_room());
    talk.send("x");
  }
  CHECK_FALSE(talk.machine.has_room());
  CHECK(talk.machine.take_requests().size() == limits::client_window);
  talk.ack(3, 1);
  CHECK(talk.machine.has_room());
}

TEST_CASE("messages are told once, in one epoch, whatever the server repeats") {
  client_script talk{in_lobby()};
  talk.settle(5);
  talk.message(5).message(6).message(6).message(5).message(7);
  CHECK(talk.news() == "e1:5, e1:6, e1:7");
  talk.machine.on_disconnected();
  CHECK(talk.connect().asks() == "hello nick ann room lobby since e1:7 ticket t1");
  talk.welcome().joined(9).message(7).message(8).message(9);
  CHECK(talk.news() == "welcome ann, joined lobby, replayed e1:8, e1:9");
}

TEST_CASE("what is gone is told") {
  client_script talk{in_lobby()};
  talk.settle(5);
  talk.message(5);
  talk.machine.on_disconnected();
  talk.connect().forget();
  talk.welcome();
  SECTION("the log forgot some of what came meanwhile") {
    talk.says(events::joined{"lobby", "e1", 20, 4, true, 1}).message(10);
    CHECK(talk.news() == "welcome ann, joined lobby, lost 4, replayed e1:10");
  }
  SECTION("the log forgot all of it") {
    talk.says(events::joined{"lobby", "e1", 20, 14, true, 1}).message(20);
    CHECK(talk.news() == "welcome ann, joined lobby, lost 14, e1:20");
  }
  SECTION("it is another log") {
    talk.says(events::joined{"lobby", "e2", 3, 0, false, 1}).message(1).message(2).message(3);
    CHECK(talk.news() == "welcome ann, joined lobby, lost ?, replayed e2:1, replayed e2:2, e2:3");
    talk.machine.on_disconnected();
    CHECK(talk.connect().asks() == "hello nick ann room lobby since e2:3 ticket t1");
  }
  SECTION("it is another log, and the connection ends before anything of it came") {
    talk.says(events::joined{"lobby", "e2", 3, 0, false, 1});
    talk.machine.on_disconnected();
    CHECK(talk.connect().asks() == "hello nick ann room lobby since 0 ticket t1");
    talk.welcome().says(events::joined{"lobby", "e2", 3, 1, true, 1}).message(2);
    CHECK(talk.news() == "welcome ann, joined lobby, lost ?, welcome ann, joined lobby, replayed e2:2");
  }
  SECTION("it is shorter than what was seen of it") {
    talk.joined(3).message(3);
    CHECK(talk.news() == "welcome ann, joined lobby, lost ?, e1:3");
  }
  SECTION("ids leave something out") {
    talk.joined(6).message(6).message(9);
    CHECK(talk.news() == "welcome ann, joined lobby, e1:6, lost 2, e1:9");
  }
}

TEST_CASE("a listener begins where it was told to") {
  SECTION("with the next message") {
    client_script talk{in_lobby()};
    talk.connect().forget();
    talk.welcome().joined(8).message(8);
    CHECK(talk.news() == "welcome ann, joined lobby, e1:8");
  }
  SECTION("with the next message, of which it does not miss one") {
    client_script talk{in_lobby()};
    talk.settle(8);
    talk.machine.on_disconnected();
    CHECK(talk.connect().asks() == "hello nick ann room lobby since e1:7 ticket t1");
  }
  SECTION("with all there is: that some are gone is no loss") {
    client_script talk{in_lobby(since{0, {}, {}})};
    talk.connect().forget();
    talk.welcome().says(events::joined{"lobby", "e1", 8, 5, true, 1}).message(6);
    CHECK(talk.news() == "welcome ann, joined lobby, replayed e1:6");
  }
  SECTION("with what is young enough, which is more by the time that passed before anything came") {
    client_script talk{in_lobby(since{{}, {}, 60s})};
    CHECK(talk.connect().asks() == "hello nick ann room lobby since 60s");
    talk.welcome().joined(8);
    talk.machine.on_disconnected();
    CHECK(talk.connect().asks() == "hello nick ann room lobby since 60s ticket t1");
    talk.machine.on_disconnected();  // before it was in the room
    talk.now += 119'500ms;
    CHECK(talk.connect().asks() == "hello nick ann room lobby since 181s ticket t1");
    talk.welcome().joined(8);
    talk.machine.on_disconnected();
    talk.now += 10s;
    CHECK(talk.connect().asks() == "hello nick ann room lobby since 192s ticket t1");
    talk.welcome().joined(8).message(7);
    talk.machine.on_disconnected();
    CHECK(talk.connect().asks() == "hello nick ann room lobby since e1:7 ticket t1");
  }
  SECTION("with what is young enough, where there is nothing at all") {
    client_script talk{in_lobby(since{{}, {}, 60s})};
    talk.settle(1);
    talk.machine.on_disconnected();
    talk.now += 300s;
    CHECK(talk.connect().asks() == "hello nick ann room lobby since e1:0 ticket t1");
  }
  SECTION("after a message of an epoch that is over") {
    client_script talk{in_lobby(since{7, "e0", {}})};
    talk.connect().forget();
    talk.welcome().says(events::joined{"lobby", "e1", 3, 0, false, 1});
    CHECK(talk.news() == "welcome ann, joined lobby, lost ?");
  }
}

TEST_CASE("another room has a log of its own") {
  client_script talk{in_lobby()};
  talk.settle(5);
  talk.message(5);
  const std::uint64_t number = talk.ask(requests::join{"games", since{2, {}, {}}});
  talk.forget();
  talk.says(events::joined{"games", "g1", 5, 1, true, 2}, std::to_string(number));
  talk.says(events::message{"games", 4, 0, "bob", "hi"}).message(6);
  CHECK(talk.news() == "#1 joined games, lost 1, replayed g1:4");
  CHECK(talk.machine.room() == "games");
}

TEST_CASE("who left its room stays out of it") {
  client_script talk{in_lobby()};
  talk.settle(5);
  talk.ask(requests::leave{});
  talk.forget();
  talk.says(events::left{"lobby"}, "1").message(5);
  CHECK(talk.news() == "#1 left lobby");
  talk.machine.on_disconnected();
  CHECK(talk.connect().asks() == "hello nick ann ticket t1");
}

TEST_CASE("a nickname survives a loss, a guest's does not") {
  client_script talk;
  talk.connect().forget();
  talk.says(events::welcome{1, "127.0.0.1:4711", "t1"});
  CHECK(talk.machine.nick() == "127.0.0.1:4711");
  SECTION("a guest") {
    talk.machine.on_disconnected();
    CHECK(talk.connect().asks() == "hello ticket t1");
  }
  SECTION("one that chose a name") {
    talk.ask(requests::nick{"zoe"});
    talk.forget();
    talk.says(events::nick{"zoe"}, "1");
    CHECK(talk.news() == "#1 nick zoe");
    talk.machine.on_disconnected();
    CHECK(talk.connect().asks() == "hello nick zoe ticket t1");
  }
}

TEST_CASE("answers to who and history are complete, or failed") {
  client_script talk{in_lobby()};
  talk.settle(8);
  talk.ask(requests::who{"lobby"});
  talk.ask(requests::history{"lobby", {}, 3});
  CHECK(talk.asks() == "#1 who room lobby, #2 history room lobby");
  talk.says(events::member{"ann", "lobby", 3}, "1").says(events::end{1, {}, {}, 0, 0}, "1");
  talk.message(5).message(8).message(6).message(9);
  CHECK(talk.news() == "#1 member ann, #1 end 1, #2 old 5, e1:8, #2 old 6, e1:9");
  SECTION("complete") {
    talk.says(events::end{2, "lobby", "e1", 10, 0}, "2").message(9).message(10);
    CHECK(talk.news() == "#2 end 2, e1:10");
  }
  SECTION("failed") {
    talk.machine.on_disconnected();
    CHECK(talk.news() == "#2 failed: the connection was lost before it was answered");
  }
}

TEST_CASE("pings are answered once, pongs are not") {
  client_script talk;
  talk.settle();
  talk.says(events::ping{}, "x").says(events::ping{}, "y").says(events::pong{});
  CHECK(talk.asks() == "#y pong");
  talk.machine.ping();
  CHECK(talk.asks() == "ping");
  CHECK(talk.asks().empty());
  CHECK(talk.news().empty());
}

TEST_CASE("a request that is refused has failed, and the session goes on") {
  client_script talk{in_lobby()};
  talk.settle();
  talk.send("x");
  talk.forget();
  talk.says(events::error{code::storage, "the disk is full"}, "1");
  talk.says(events::error{code::bad_request, "what?"});
  CHECK(talk.news() == "#1 failed: the disk is full, failed: what?");
  CHECK(talk.machine.ready());
  CHECK(talk.machine.unanswered() == 0);
}

TEST_CASE("what ends a session says whether to come back") {
  const auto bye = [](code what) {
    client_script talk{in_lobby()};
    talk.settle();
    return talk.fails(events::bye{what, "so it is"});
  };
  CHECK(bye(code::kicked) == error{errc::refused, "the server ended the session: so it is"});
  CHECK(bye(code::replaced).code() == errc::refused);
  CHECK(bye(code::refused).code() == errc::refused);
  CHECK(bye(code::busy).code() == errc::busy);
  CHECK(bye(code::too_slow).code() == errc::busy);
  CHECK(bye(code::shutting_down).code() == errc::busy);
  CHECK(bye(code::timed_out).code() == errc::timed_out);
  CHECK(bye(code::bad_request).code() == errc::protocol_violation);
  CHECK(bye(code::too_long).code() == errc::too_large);
  CHECK(bye(code::storage).code() == errc::storage_failed);
  CHECK(bye(code::quit).code() == errc::connection_lost);
}

TEST_CASE("a greeting that is not accepted fails, step by step") {
  client_script talk{in_lobby()};
  talk.connect().forget();
  SECTION("the nickname is taken") {
    CHECK(talk.fails(events::error{code::nick_in_use, "ann is somebody else"}) ==
          error{errc::conflict, "the server did not accept the greeting: ann is somebody else"});
  }
  SECTION("the nickname is none") {
    CHECK(talk.fails(events::error{code::bad_name, ""}).text() == "the server did not accept the greeting: bad_name");
  }
  SECTION("the server is full") {
    CHECK(talk.fails(events::bye{code::busy, "too many sessions"}) ==
          error{errc::busy, "the server turned this client away: too many sessions"});
  }
  SECTION("no version in common") {
    CHECK(talk.fails(events::bye{code::version, ""}).code() == errc::version_unsupported);
  }
  SECTION("a version that was not offered") {
    CHECK(talk.fails(events::welcome{2, "ann", "t"}).code() == errc::version_unsupported);
  }
  SECTION("the room is none") {
    talk.welcome();
    CHECK(talk.fails(events::error{code::bad_name, "no such room"}).code() == errc::name_rejected);
  }
  SECTION("nothing but a welcome may come first") {
    talk.says(events::notice{"hello"}).says(events::ping{});
    CHECK(talk.fails(events::joined{"lobby", "e1", 1, 0, true, 1}).code() == errc::protocol_violation);
  }
}

TEST_CASE("a server that breaks the protocol is told from one that works") {
  client_script talk{in_lobby()};
  talk.settle();
  SECTION("welcome twice") { CHECK(talk.fails(events::welcome{1, "a", "t"}).code() == errc::protocol_violation); }
  SECTION("a room without a log") {
    CHECK(talk.fails(events::joined{"lobby", "", 1, 0, true, 1}).code() == errc::protocol_violation);
  }
  SECTION("more lost than there was") {
    CHECK(talk.fails(events::joined{"lobby", "e", 5, 5, true, 1}).code() == errc::protocol_violation);
  }
  SECTION("an ack of something else") {
    talk.ask(requests::who{});
    talk.forget();
    CHECK(talk.fails(events::ack{1, "e1", false}, "1").code() == errc::protocol_violation);
  }
  SECTION("an ack without an id") {
    talk.send("x");
    talk.forget();
    CHECK(talk.fails(events::ack{}, "1").code() == errc::protocol_violation);
  }
  SECTION("answers to what was never asked, or not yet, mean nothing") {
    talk.send("x");
    talk.ack(1, 1).ack(9, 1).says(events::end{}, "x").says(events::member{}, "-1").says(events::error{}, "77");
    CHECK(talk.news() == "failed: bad_request");
    CHECK(talk.machine.unanswered() == 1);
  }
}

TEST_CASE("goodbye is said after all that was asked") {
  client_script talk{in_lobby()};
  talk.settle();
  talk.send("last");
  talk.machine.quit();
  CHECK(talk.asks() == "#1 send 'last' room lobby key K.1, quit");
  CHECK(talk.asks().empty());
  talk.ack(1, 1).says(events::bye{code::quit, ""});
  CHECK(talk.machine.finished());
  CHECK(talk.news() == "#1 ack e1:1");
}

TEST_CASE("who gives up says so of every request") {
  client_script talk{in_lobby()};
  talk.settle();
  talk.send("one");
  talk.forget();
  talk.send("two");
  talk.ask(requests::who{});
  talk.machine.give_up(error{errc::cancelled, "interrupted"});
  CHECK(talk.news() == "#1 failed: interrupted, #2 failed: interrupted, #3 failed: interrupted");
  CHECK(talk.machine.unanswered() == 0);
}

TEST_CASE("lines") {
  client_script talk;
  talk.connect().forget();
  const auto hear = [&](std::string_view line) { return talk.machine.on_line(line); };
  SECTION("of something else than a chat server are quoted") {
    CHECK(hear("HTTP/1.1 400 Bad Request").error() ==
          error{errc::protocol_violation, "this is no tcpchat server: it said 'HTTP/1.1 400 Bad Request'"});
    CHECK(hear(std::string(5000, 'x')).error().text().size() < 120);
    CHECK(hear(R"({"jsonrpc":"2.0"})").error().code() == errc::protocol_violation);
  }
  SECTION("are understood") {
    CHECK(hear(R"({"type":"welcome","tcpchat":1,"nick":"ann","ticket":"t"})"));
    CHECK(hear(R"({"type":"fanfare","volume":11})"));
    CHECK(talk.news() == "welcome ann");
    CHECK(hear("nonsense").error().text().starts_with("the server broke the protocol: "));
  }
}
