// A chat server whose sessions come in over TLS, by keys.
#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/chat_server_rig.hpp"
#include "support/tls.hpp"
#include "tcptools/chat/chat_client.hpp"
#include "tcptools/chat/chat_server.hpp"
#include "tcptools/chat/plain_client.hpp"
#include "tcptools/net/event.hpp"
#include "tcptools/net/sleep.hpp"

using namespace tcptools;
using namespace tcptools::testing;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

chat::server_settings unbounded() {
  chat::server_settings settings;
  settings.flood.off = true;
  return settings;
}

net::key key_with_rights(std::string name, std::vector<net::key_right> rights) {
  net::key made = make_key(std::move(name), 7);
  made.rights = std::move(rights);
  return made;
}

std::string said_line(const std::string& text) { return json{{"type", "send"}, {"text", text}}.dump() + "\n"; }

std::string greeting_of(const std::string& nick) {
  return json{{"tcpchat", 1}, {"nick", nick}, {"room", "lobby"}}.dump() + "\n";
}

// Remembers what a client was told.
class heard_by_client final : public chat::client_observer {
 public:
  explicit heard_by_client(const net::any_executor& executor) : changed{executor} {}

  void on_connected(const std::string& /*peer*/) override { ++connections; }
  void on_lost(const error& why, std::chrono::milliseconds /*wait*/) override { losses.push_back(why.text()); }
  void on_told(const chat::told& what) override {
    if (const auto* const one = std::get_if<chat::news::message>(&what.what)) texts.push_back(one->what.text);
    if (std::holds_alternative<chat::news::lost>(what.what)) has_lost = true;
    changed.notify_all();
  }

  net::event changed;
  int connections = 0;
  bool has_lost = false;
  std::vector<std::string> losses;
  std::vector<std::string> texts;
};

chat::client_settings client_of(const chat_server_rig& rig, const net::key& by) {
  chat::client_settings settings;
  settings.host = "127.0.0.1";
  settings.port = rig.listener->port();
  settings.tls = make_key_client(by);
  settings.session.room = "lobby";
  return settings;
}

}  // namespace

TEST_CASE("a hundred receivers over TLS get every message, in order", "[loopback]") {
  constexpr int receivers = 100;
  constexpr std::uint64_t messages = 50;
  chat_server_rig rig{unbounded(), nullptr, {make_key("alice", 1)}};
  int done = 0;
  auto receive = [&](chat_socket from) -> net::awaitable<void> {
    for (std::uint64_t id = 1; id <= messages; ++id) {
      const json message = co_await from.next("message");
      REQUIRE(message["id"] == id);
    }
    ++done;
    from.close();
  };
  net::task_group all{rig.io.get_executor(), [](std::string_view, std::string_view what) { FAIL_CHECK(what); }};
  auto body = [&]() -> net::awaitable<void> {
    for (int i = 0; i < receivers; ++i) {
      chat_socket one = co_await rig.greet();
      all.spawn("receiver", receive(std::move(one)));
    }
    chat_socket sender = co_await rig.greet();
    std::string burst;
    for (std::uint64_t i = 0; i < messages; ++i) burst += said_line(std::string(2000, 'x'));
    const bool said = co_await sender.say(std::move(burst));
    REQUIRE(said);
    co_await all.join();
  };
  rig.run(body());
  CHECK(done == receivers);
  CHECK(rig.troubles.empty());
}

TEST_CASE("a session ends as soon as its key is no longer held, and others go on", "[loopback]") {
  const net::key alice = make_key("alice", 1);
  const net::key bob = make_key("bob", 2);
  net::key changed = bob;
  changed.rights = {{"rooms", "ops"}};
  net::key renewed = bob;
  renewed.value = make_key("", 9).value;
  struct change {
    std::vector<net::key> keys;
    std::string code;
  };
  const change one =
      GENERATE_COPY(change{{alice}, "refused"}, change{{alice, renewed}, "refused"}, change{{alice, changed}, "busy"});
  CAPTURE(one.code, one.keys.size());
  chat_server_rig rig{unbounded(), nullptr, {alice, bob}};
  auto body = [&]() -> net::awaitable<void> {
    chat_socket stays = co_await rig.reach_by(alice);
    (void)co_await stays.say(greeting_of("a"));
    (void)co_await stays.next("joined");
    chat_socket goes = co_await rig.reach_by(bob);
    (void)co_await goes.say(greeting_of("b"));
    (void)co_await goes.next("joined");
    rig.ring->replace({alice, bob});
    rig.server.recheck();
    (void)co_await goes.say("{\"type\":\"ping\"}\n");
    const json pong = co_await goes.next("pong");
    CHECK(pong.is_object());

    rig.ring->replace(one.keys);
    rig.server.recheck();
    const json bye = co_await goes.next("bye");
    CHECK(bye["code"] == one.code);
    const std::optional<std::string> more = co_await goes.line();
    CHECK_FALSE(more);
    goes.close();
    (void)co_await stays.say(said_line("still here"));
    const json ack = co_await stays.next("ack");
    CHECK(ack["id"] == 1);
  };
  rig.run(body());
}

TEST_CASE("a nickname that becomes another key's ends who has it", "[loopback]") {
  const net::key alice = key_with_rights("alice", {{"nick", "alice"}});
  const net::key bob = make_key("bob", 2);
  chat_server_rig rig{unbounded(), nullptr, {bob}};
  auto body = [&]() -> net::awaitable<void> {
    chat_socket impostor = co_await rig.reach_by(bob);
    (void)co_await impostor.say(greeting_of("Alice"));
    (void)co_await impostor.next("joined");
    rig.ring->replace({alice, bob});
    rig.server.recheck();
    const json bye = co_await impostor.next("bye");
    CHECK(bye["code"] == "refused");
    impostor.close();
    chat_socket owner = co_await rig.reach_by(alice);
    (void)co_await owner.say("{\"tcpchat\":1}\n");
    const json welcome = co_await owner.next("welcome");
    CHECK(welcome["nick"] == "alice");
  };
  rig.run(body());
}

TEST_CASE("a client with a key resumes where it was cut, and ends for good once its key is gone", "[loopback]") {
  constexpr int cuts = 20;
  const net::key alice = make_key("alice", 1);
  const net::key bob = make_key("bob", 2);
  chat_server_rig rig{unbounded(), nullptr, {alice, bob}};
  heard_by_client heard{rig.io.get_executor()};
  chat::chat_client client{rig.io.get_executor(), client_of(rig, bob), heard};
  result<void> end;
  net::task_group both{rig.io.get_executor(), [](std::string_view, std::string_view what) { FAIL_CHECK(what); }};
  auto run_client = [&]() -> net::awaitable<void> { end = co_await client.run(); };
  auto body = [&]() -> net::awaitable<void> {
    both.spawn("client", run_client());
    chat_socket sender = co_await rig.reach_by(alice);
    (void)co_await sender.say(greeting_of("a"));
    (void)co_await sender.next("joined");
    while (heard.connections == 0) (void)co_await net::sleep_for(1ms);
    for (int i = 0; i < cuts; ++i) {
      (void)co_await sender.say(said_line(std::to_string(i)));
      for (const chat::member* const one : rig.machine.all()) {
        if (one->rights && one->rights->owner == "bob") rig.machine.find_number(one->number)->abort();
      }
      (void)co_await sender.say(said_line(std::to_string(i) + " later"));
      while (heard.texts.size() < 2U * static_cast<unsigned>(i + 1)) co_await heard.changed.wait();
    }
    rig.ring->replace({alice});
    rig.server.recheck();
    co_await both.join();
  };
  rig.run(body());
  CHECK(heard.connections > 1);
  CHECK_FALSE(heard.has_lost);
  std::vector<std::string> expected;
  for (int i = 0; i < cuts; ++i) {
    expected.push_back(std::to_string(i));
    expected.push_back(std::to_string(i) + " later");
  }
  CHECK(heard.texts == expected);
  REQUIRE_FALSE(end);
  CHECK(end.error().code() == errc::refused);
  CHECK(end.error().text().find("the key is no longer valid") != std::string::npos);
}

TEST_CASE("a client whose key the server does not take gives up at once", "[loopback]") {
  chat_server_rig rig{unbounded(), nullptr, {make_key("alice", 1)}};
  heard_by_client heard{rig.io.get_executor()};
  chat::client_settings settings = client_of(rig, make_key("alice", 2));
  settings.retry_for = 20s;
  chat::chat_client client{rig.io.get_executor(), settings, heard};
  const auto began = std::chrono::steady_clock::now();
  auto body = [&]() -> net::awaitable<void> {
    const result<void> end = co_await client.run();
    REQUIRE_FALSE(end);
    CHECK(end.error().code() == errc::refused);
  };
  rig.run(body());
  CHECK(heard.connections == 0);
  CHECK(heard.losses.empty());
  CHECK(std::chrono::steady_clock::now() - began < 10s);
}

TEST_CASE("a plain client talks over TLS, and ends when all was taken", "[loopback]") {
  const net::key alice = key_with_rights("alice", {{"nick", "alice"}});
  chat_server_rig rig{unbounded(), nullptr, {make_key("bob", 2), alice}};
  auto body = [&]() -> net::awaitable<void> {
    chat_socket reader = co_await rig.reach();
    (void)co_await reader.say(R"({"tcpchat":1,"room":"lobby"})"
                              "\n");
    (void)co_await reader.next("joined");
    std::vector<std::string> shown;
    chat::plain_client plain{rig.io.get_executor(), [&](const std::string& text) { shown.push_back(text); }};
    plain.secure_with(make_key_client(alice));
    const result<void> connected = co_await plain.connect("127.0.0.1", rig.listener->port(), 5s);
    REQUIRE(connected);
    for (int i = 0; i < 3; ++i) {
      const result<void> said = co_await plain.say("line " + std::to_string(i));
      REQUIRE(said);
    }
    const result<void> finished = co_await plain.finish();
    REQUIRE(finished);
    const result<void> ended = co_await plain.run();
    CHECK(ended);
    for (int i = 0; i < 3; ++i) {
      const json message = co_await reader.next("message");
      CHECK(message["text"] == "line " + std::to_string(i));
    }
  };
  rig.run(body());
}
