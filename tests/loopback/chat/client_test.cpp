#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "support/catch.hpp"
#include "support/fake_chat_server.hpp"
#include "support/loop.hpp"
#include "support/loopback.hpp"
#include "tcptools/chat/chat_client.hpp"
#include "tcptools/net/sleep.hpp"
#include "tcptools/net/task_group.hpp"

using namespace tcptools;
using namespace tcptools::testing;
using namespace std::chrono_literals;
using chat::chat_client;
using chat::client_settings;
using clock_type = std::chrono::steady_clock;

namespace {

// A client in the room "lobby" and the server it talks to.
struct chat_rig {
  explicit chat_rig(const net::any_executor& executor)
      : server{executor}, told{executor}, tasks{executor, on_exception} {
    settings.host = "127.0.0.1";
    settings.port = server.port();
    settings.session.room = "lobby";
  }

  void start() {
    client.emplace(server.get_executor(), settings, told);
    tasks.spawn("client", run());
  }
  std::uint64_t send(std::string text, std::string to = {}) {
    const result<std::uint64_t> number = client->ask(chat::requests::send{std::move(text), {}, std::move(to), {}});
    REQUIRE(number);
    return *number;
  }
  // Ends the client, and returns how it ended.
  net::awaitable<result<void>> stop() {
    client->stop(error{errc::cancelled, "stopped"});
    co_await tasks.join();
    co_return *end;
  }
  net::awaitable<result<void>> wait() {
    co_await tasks.join();
    co_return *end;
  }
  // Welcomed, and in the room.
  net::awaitable<fake_chat_session> settle(std::uint64_t next = 1) {
    fake_chat_session session = co_await server.greet();
    co_await session.joined(next);
    co_return session;
  }

  fake_chat_server server;
  recording_client_observer told;
  chat::client_settings settings;
  std::optional<chat::chat_client> client;
  std::optional<result<void>> end;
  net::task_group tasks;

 private:
  net::awaitable<void> run() { end = co_await client->run(); }
};

template <class Body>
void run_chat(Body body) {
  run_test_loop([&body](net::any_executor executor) -> net::awaitable<void> {
    chat_rig rig{executor};
    co_await body(rig);
    rig.client.reset();
  });
}

}  // namespace

TEST_CASE("a chat client greets, is in its room and hears what is said there", "[loopback]") {
  run_chat([](chat_rig& rig) -> net::awaitable<void> {
    rig.server.listen();
    rig.settings.session.nick = "ann";
    rig.start();
    fake_chat_session session = co_await rig.server.accept();
    const nlohmann::json hello = co_await session.hear_json();
    CHECK(hello.at("tcpchat") == 1);
    CHECK(hello.at("nick") == "ann");
    CHECK(hello.at("room") == "lobby");
    co_await session.welcome();
    co_await session.joined(4);
    co_await session.message(4);
    co_await rig.told.until("00000000000000e1:4");
    const result<void> end = co_await rig.stop();
    CHECK(end.error() == error{errc::cancelled, "stopped"});
    CHECK(rig.told.all() == "connecting, connected, welcome ann, joined lobby, 00000000000000e1:4");
  });
}

TEST_CASE("a connection cut at any point of a message posts it under one key", "[loopback]") {
  enum class cut : std::uint8_t { after_hello, after_welcome, after_joined, after_send, within_ack };
  const auto point =
      GENERATE(cut::after_hello, cut::after_welcome, cut::after_joined, cut::after_send, cut::within_ack);
  const bool hard = GENERATE(true, false);
  run_chat([point, hard](chat_rig& rig) -> net::awaitable<void> {
    rig.server.listen();
    rig.settings.retry_for = 10s;
    rig.start();
    rig.send("one");
    rig.send("two");
    std::string key;
    {
      fake_chat_session first = co_await rig.server.accept();
      (void)co_await first.hear();
      if (point >= cut::after_welcome) co_await first.welcome();
      if (point >= cut::after_joined) co_await first.joined(1);
      if (point >= cut::after_send) {
        const nlohmann::json send = co_await first.hear_json();
        key = send.at("key").get<std::string>();
      }
      if (point >= cut::within_ack) co_await first.say_bytes(R"({"type":"ack","tag":"1","epoch":"00000)");
      if (hard) {
        first.reset();
      } else {
        first.close();
      }
    }
    fake_chat_session second = co_await rig.settle();
    const nlohmann::json one = co_await second.hear_json();
    const nlohmann::json two = co_await second.hear_json();
    CHECK(one.at("text") == "one");
    CHECK(two.at("text") == "two");
    CHECK(one.at("key") != two.at("key"));
    if (!key.empty()) CHECK(one.at("key") == key);
    co_await second.ack(two, 2);
    co_await second.ack(one, 1, point >= cut::after_send);
    co_await rig.told.until(point >= cut::after_send ? "#1 ack 00000000000000e1:1 again" : "#1 ack 00000000000000e1:1");
    CHECK(rig.told.count("#2 ack 00000000000000e1:2") == 1);
    CHECK(rig.client->unanswered() == 0);
    rig.client->finish();
    const nlohmann::json quit = co_await second.hear_json();
    CHECK(quit.at("type") == "quit");
    co_await second.say(R"({"type":"bye","code":"quit"})");
    const result<void> end = co_await rig.wait();
    CHECK(end);
    CHECK(rig.told.losses.size() == 1);
  });
}

TEST_CASE("a message to a nickname is not repeated when its ack is lost", "[loopback]") {
  run_chat([](chat_rig& rig) -> net::awaitable<void> {
    rig.server.listen();
    rig.start();
    fake_chat_session first = co_await rig.settle();
    rig.send("psst", "bob");
    const nlohmann::json send = co_await first.hear_json();
    CHECK_FALSE(send.contains("key"));
    first.reset();
    fake_chat_session second = co_await rig.settle();
    co_await rig.told.until("#1 failed: the connection was lost before it was acknowledged; it may have arrived");
    rig.send("after");
    const nlohmann::json next = co_await second.hear_json();
    CHECK(next.at("text") == "after");
    (void)co_await rig.stop();
  });
}

TEST_CASE("a client that comes back says where it was, and hears nothing twice", "[loopback]") {
  run_chat([](chat_rig& rig) -> net::awaitable<void> {
    rig.server.listen();
    rig.start();
    {
      fake_chat_session first = co_await rig.settle(3);
      co_await first.message(3);
      co_await rig.told.until("00000000000000e1:3");
      first.close();
    }
    fake_chat_session second = co_await rig.server.accept();
    const nlohmann::json hello = co_await second.hear_json();
    CHECK(hello.at("since").at("id") == 3);
    CHECK(hello.at("since").at("epoch") == "00000000000000e1");
    CHECK(hello.at("ticket") == "t1");
    co_await second.welcome();
    std::string expected;
    SECTION("all of it is there") {
      co_await second.joined(5);
      co_await second.message(3);
      co_await second.message(4);
      expected = "joined lobby, replayed 00000000000000e1:4, 00000000000000e1:5";
    }
    SECTION("some of it is gone") {
      co_await second.joined(5, R"("lost":1,"resumed":true)");
      expected = "joined lobby, lost 1, 00000000000000e1:5";
    }
    SECTION("it is another log") {
      co_await second.joined(5, R"("lost":0,"resumed":false)");
      co_await second.message(4);
      expected = "joined lobby, lost ?, replayed 00000000000000e1:4, 00000000000000e1:5";
    }
    co_await second.message(5);
    co_await rig.told.until("00000000000000e1:5");
    CHECK_THAT(rig.told.all(), Catch::Matchers::EndsWith(expected));
    (void)co_await rig.stop();
  });
}

TEST_CASE("what is no chat server is told from one in a line", "[loopback]") {
  struct stranger {
    std::string says;
    bool closes;
    errc code;
    std::string text;
  };
  const std::string page = "HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n";
  const auto one = GENERATE_COPY(values<stranger>({
      {page, true, errc::protocol_violation, "this is no tcpchat server: it said 'HTTP/1.1 400 Bad Request'"},
      {"SSH-2.0-OpenSSH_9.2", false, errc::protocol_violation,
       "this is no tcpchat server: it said 'SSH-2.0-OpenSSH_9.2'"},
      {std::string{"\x15\x03\x01\0\x02\x02\x28", 7}, true, errc::protocol_violation,
       "the server speaks TLS only; it wants a key (--key), or --tls"},
      {"{\"x\":1", true, errc::protocol_violation, "this is no tcpchat server: it said '{\"x\":1'"},
      {"{\"x\":1}\n", false, errc::protocol_violation, "this is no tcpchat server: it said '{\"x\":1}'"},
      {"", true, errc::connection_lost, "closed the connection before it said anything; is it a tcpchat server?"},
      {"", false, errc::timed_out, "said nothing for 150 ms; is it a tcpchat server?"},
  }));
  run_chat([&one](chat_rig& rig) -> net::awaitable<void> {
    rig.server.listen();
    rig.settings.welcome_wait = 150ms;
    rig.start();
    fake_chat_session session = co_await rig.server.accept();
    co_await session.say_bytes(one.says);
    if (one.closes) session.close();
    const result<void> end = co_await rig.wait();
    REQUIRE_FALSE(end);
    INFO(end.error().text());
    CHECK(end.error().code() == one.code);
    CHECK(end.error().text().starts_with("127.0.0.1:" + std::to_string(rig.settings.port)));
    CHECK(end.error().text().find(one.text) != std::string::npos);
    CHECK(rig.told.all() == "connecting");
  });
}

TEST_CASE("a line without an end does not fill the memory", "[loopback]") {
  run_chat([](chat_rig& rig) -> net::awaitable<void> {
    rig.server.listen();
    rig.start();
    fake_chat_session session = co_await rig.settle();
    co_await session.say_bytes("{" + std::string(1U << 20U, ' '));
    const result<void> end = co_await rig.wait();
    REQUIRE_FALSE(end);
    CHECK(end.error().code() == errc::protocol_violation);
  });
}

TEST_CASE("a server that was reached and is silent is asked, and then given up", "[loopback]") {
  run_chat([](chat_rig& rig) -> net::awaitable<void> {
    rig.server.listen();
    rig.settings.ping_interval = 50ms;
    rig.settings.silence = 400ms;
    rig.settings.resume_for = 0ms;
    rig.start();
    fake_chat_session session = co_await rig.settle();
    const nlohmann::json ping = co_await session.hear_json();
    CHECK(ping.at("type") == "ping");
    const auto start = clock_type::now();
    const result<void> end = co_await rig.wait();
    REQUIRE_FALSE(end);
    CHECK(end.error().code() == errc::timed_out);
    CHECK(end.error().text().ends_with("said nothing for 400 ms"));
    CHECK(clock_type::now() - start >= 250ms);
  });
}

TEST_CASE("pongs keep a silent session, and pings are answered", "[loopback]") {
  run_chat([](chat_rig& rig) -> net::awaitable<void> {
    rig.server.listen();
    rig.settings.ping_interval = 50ms;
    rig.settings.silence = 300ms;
    rig.start();
    fake_chat_session session = co_await rig.settle();
    for (int i = 0; i < 10; ++i) {
      const nlohmann::json ping = co_await session.hear_json();
      CHECK(ping.at("type") == "ping");
      co_await session.say(R"({"type":"pong"})");
    }
    co_await session.say(R"({"type":"ping","tag":"x"})");
    nlohmann::json pong = co_await session.hear_json();
    if (pong.at("type") == "ping") pong = co_await session.hear_json();
    CHECK(pong.at("type") == "pong");
    CHECK(rig.told.losses.empty());
    (void)co_await rig.stop();
  });
}

TEST_CASE("a server that talks but never answers is given up", "[loopback]") {
  const bool in_room = GENERATE(true, false);
  run_chat([in_room](chat_rig& rig) -> net::awaitable<void> {
    rig.server.listen();
    rig.settings.silence = 300ms;
    rig.settings.resume_for = 0ms;
    rig.start();
    fake_chat_session session = co_await rig.server.greet();
    if (in_room) {
      co_await session.joined(1);
      rig.send("hello?");
    }
    while (!rig.end) {
      co_await session.say(R"({"type":"ping"})");
      co_await net::sleep_for(20ms);
    }
    const result<void> end = co_await rig.wait();
    REQUIRE_FALSE(end);
    CHECK(end.error().code() == errc::timed_out);
    CHECK(end.error().text().ends_with("did not answer for 300 ms"));
    if (in_room) CHECK(rig.told.lines.back().starts_with("#1 failed: "));
  });
}

TEST_CASE("what the server refuses is not tried again, what may pass is", "[loopback]") {
  SECTION("refused") {
    run_chat([](chat_rig& rig) -> net::awaitable<void> {
      rig.server.listen();
      rig.settings.retry_for = 10s;
      rig.start();
      fake_chat_session session = co_await rig.settle();
      co_await session.say(R"({"type":"bye","code":"kicked","text":"enough"})");
      const result<void> end = co_await rig.wait();
      REQUIRE_FALSE(end);
      CHECK(end.error().code() == errc::refused);
      CHECK(end.error().text().ends_with("the server ended the session: enough"));
      CHECK(rig.told.losses.empty());
    });
  }
  SECTION("the greeting") {
    run_chat([](chat_rig& rig) -> net::awaitable<void> {
      rig.server.listen();
      rig.settings.retry_for = 10s;
      rig.start();
      fake_chat_session session = co_await rig.server.accept();
      (void)co_await session.hear();
      co_await session.say(R"({"type":"error","code":"nick_in_use","text":"ann is here"})");
      const result<void> end = co_await rig.wait();
      REQUIRE_FALSE(end);
      CHECK(end.error().code() == errc::conflict);
    });
  }
  SECTION("busy") {
    run_chat([](chat_rig& rig) -> net::awaitable<void> {
      rig.server.listen();
      rig.settings.retry_for = 10s;
      rig.start();
      {
        fake_chat_session session = co_await rig.server.accept();
        (void)co_await session.hear();
        co_await session.say(R"({"type":"bye","code":"busy","text":"full"})");
      }
      fake_chat_session again = co_await rig.settle();
      co_await rig.told.until("joined lobby");
      REQUIRE(rig.told.losses.size() == 1);
      CHECK(rig.told.losses[0].code() == errc::busy);
      (void)co_await rig.stop();
    });
  }
}

TEST_CASE("nobody listens there: at once, or when time is up, or not for long", "[loopback]") {
  SECTION("at once") {
    run_chat([](chat_rig& rig) -> net::awaitable<void> {
      rig.start();
      rig.send("x");
      const result<void> end = co_await rig.wait();
      REQUIRE_FALSE(end);
      CHECK(end.error().code() == errc::connect_failed);
      REQUIRE(rig.told.lines.size() == 2);
      CHECK(rig.told.lines[1].starts_with("#1 failed: cannot connect to 127.0.0.1 port "));
      const result<std::uint64_t> late = rig.client->ask(chat::requests::send{"y", {}, {}, {}});
      CHECK_FALSE(late);
      const bool room = co_await rig.client->wait_for_room();
      CHECK_FALSE(room);
    });
  }
  SECTION("when time is up") {
    run_chat([](chat_rig& rig) -> net::awaitable<void> {
      rig.settings.retry_for = 300ms;
      const auto start = clock_type::now();
      rig.start();
      const result<void> end = co_await rig.wait();
      CHECK_FALSE(end);
      CHECK(clock_type::now() - start >= 290ms);
      CHECK(rig.told.count("lost") >= 2);
    });
  }
  SECTION("not for long") {
    run_chat([](chat_rig& rig) -> net::awaitable<void> {
      rig.settings.retry_for = 10s;
      rig.start();
      co_await rig.told.until("lost");
      rig.server.listen();
      fake_chat_session session = co_await rig.settle();
      co_await rig.told.until("joined lobby");
      (void)co_await rig.stop();
    });
  }
}

TEST_CASE("a lost connection is looked for as long as it is told to", "[loopback]") {
  run_chat([](chat_rig& rig) -> net::awaitable<void> {
    rig.server.listen();
    rig.settings.resume_for = 300ms;
    rig.start();
    {
      fake_chat_session session = co_await rig.settle();
      co_await rig.told.until("joined lobby");
      rig.server.close();
    }
    const result<void> end = co_await rig.wait();
    REQUIRE_FALSE(end);
    CHECK(end.error().code() == errc::connect_failed);
    CHECK(rig.told.losses.front().code() == errc::connection_lost);
  });
}

TEST_CASE("a client ends when it is told to, wherever it is", "[loopback]") {
  const bool politely = GENERATE(true, false);
  const auto end_it = [politely](chat_rig& rig) -> net::awaitable<void> {
    if (politely) {
      rig.client->finish();
    } else {
      rig.client->stop(error{errc::cancelled, "stopped"});
    }
    const auto start = clock_type::now();
    const result<void> end = co_await rig.wait();
    CHECK(end.has_value() == politely);
    CHECK(clock_type::now() - start < 5s);
  };
  SECTION("while it connects") {
    run_chat([&](chat_rig& rig) -> net::awaitable<void> {
      const silent_listener silent{rig.server.get_executor()};
      rig.settings.port = silent.port();
      rig.start();
      co_await rig.told.until("connecting");
      co_await end_it(rig);
    });
  }
  SECTION("while it waits for a welcome") {
    run_chat([&](chat_rig& rig) -> net::awaitable<void> {
      rig.server.listen();
      rig.start();
      fake_chat_session session = co_await rig.server.accept();
      (void)co_await session.hear();
      co_await end_it(rig);
    });
  }
  SECTION("while it waits to connect again") {
    run_chat([&](chat_rig& rig) -> net::awaitable<void> {
      rig.settings.retry_for = 60s;
      rig.start();
      co_await rig.told.until("lost");
      co_await end_it(rig);
    });
  }
  SECTION("while a message has no ack") {
    run_chat([&](chat_rig& rig) -> net::awaitable<void> {
      rig.server.listen();
      rig.start();
      fake_chat_session session = co_await rig.settle();
      rig.send("x");
      (void)co_await session.hear();
      co_await end_it(rig);
      CHECK(rig.told.lines.back().starts_with("#1 failed: "));
    });
  }
  SECTION("while its observer has too much to do") {
    run_chat([&](chat_rig& rig) -> net::awaitable<void> {
      rig.server.listen();
      rig.start();
      rig.told.overload(true);
      fake_chat_session session = co_await rig.settle();
      co_await net::sleep_for(50ms);
      co_await end_it(rig);
    });
  }
}

TEST_CASE("an observer that cannot keep up is told no more, and the session lives", "[loopback]") {
  run_chat([](chat_rig& rig) -> net::awaitable<void> {
    rig.server.listen();
    rig.settings.ping_interval = 50ms;
    rig.settings.silence = 300ms;
    rig.start();
    fake_chat_session session = co_await rig.settle();
    co_await rig.told.until("joined lobby");
    rig.told.overload(true);
    std::string many;
    for (int id = 1; id <= 100; ++id) {
      many += R"({"type":"message","room":"lobby","id":)" + std::to_string(id) +
              R"(,"time":1,"from":"b","text":"x"})"
              "\n";
    }
    co_await session.say_bytes(many);
    const auto start = clock_type::now();
    while (clock_type::now() - start < 600ms) {
      const nlohmann::json ping = co_await session.hear_json();
      CHECK(ping.at("type") == "ping");
    }
    CHECK(rig.told.lines.size() <= 5);
    CHECK(rig.told.losses.empty());
    rig.told.overload(false);
    co_await rig.told.until("00000000000000e1:100");
    CHECK(rig.told.lines.size() == 104);
    (void)co_await rig.stop();
  });
}

TEST_CASE("who sends more than the window waits for room", "[loopback]") {
  run_chat([](chat_rig& rig) -> net::awaitable<void> {
    rig.server.listen();
    rig.start();
    fake_chat_session session = co_await rig.settle();
    auto pour = [&rig]() -> net::awaitable<void> {
      for (int i = 0; i < 200; ++i) {
        const bool room = co_await rig.client->wait_for_room();
        CHECK(room);
        rig.send(std::to_string(i));
      }
    };
    rig.tasks.spawn("pour", pour());
    for (std::uint64_t i = 0; i < 200; ++i) {
      const nlohmann::json send = co_await session.hear_json();
      CHECK(send.at("text") == std::to_string(i));
      CHECK(rig.client->unanswered() <= chat::limits::client_window);
      co_await session.ack(send, i + 1);
    }
    co_await rig.told.until("#200 ack 00000000000000e1:200");
    (void)co_await rig.stop();
  });
}
