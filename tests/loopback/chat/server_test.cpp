#include <algorithm>
#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "support/chat_server_rig.hpp"
#include "support/tls.hpp"
#include "tcptools/chat/chat_server.hpp"
#include "tcptools/net/event.hpp"
#include "tcptools/net/sleep.hpp"

using namespace tcptools;
using namespace tcptools::testing;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

chat::server_settings without_flood_control() {
  chat::server_settings settings;
  settings.flood.off = true;
  return settings;
}

std::string send_line(const std::string& text) { return json{{"type", "send"}, {"text", text}}.dump() + "\n"; }

std::vector<net::key> keys_if(bool wanted) {
  return wanted ? std::vector{make_key("alice", 1)} : std::vector<net::key>{};
}

// Takes its time, as disks do.
class slow_history final : public chat::history_store {
 public:
  [[nodiscard]] result<void> commit(const chat::history_batch& batch) override {
    std::this_thread::sleep_for(100ms);
    messages += batch.messages.size();
    return {};
  }

  std::size_t messages = 0;
};

// Somebody who remembers where it was, and whose connections do not last.
struct resuming_reader {
  explicit resuming_reader(chat_server_rig& at) : rig{at} {}

  chat_server_rig& rig;
  net::event progress{rig.io.get_executor()};
  std::mt19937 random{1};  // NOLINT(cert-msc51-cpp): the same each time
  std::string epoch;
  std::uint64_t last = 0;           // the id it has seen
  std::uint64_t goal = UINT64_MAX;  // the last one there will be
  int cuts = 0;

  // Until the connection ends, or this much was read.
  net::awaitable<void> read_some(std::size_t most) {
    chat_socket connection = co_await rig.reach();
    json hello{{"tcpchat", 1}, {"room", "lobby"}, {"since", {{"id", last}}}};
    if (!epoch.empty()) hello["since"]["epoch"] = epoch;
    const bool said = co_await connection.say(hello.dump() + "\n");
    REQUIRE(said);
    while (last != goal) {
      const std::optional<std::string> line = co_await connection.line(most);
      if (!line) break;
      take(json::parse(*line));
    }
    ++cuts;
    if (random() % 2 == 0) {
      connection.reset();
    } else {
      connection.close();
    }
    progress.notify_all();
  }

  void take(const json& told) {
    if (told["type"] == "joined") {
      REQUIRE(told["resumed"] == true);
      REQUIRE(told["lost"] == 0);
      REQUIRE((epoch.empty() || told["epoch"] == epoch));
      epoch = told["epoch"];
    } else if (told["type"] == "message") {
      REQUIRE(told["id"] == last + 1);  // nothing lost, nothing twice
      ++last;
      REQUIRE(told["text"].get<std::string>().starts_with("text " + std::to_string(last) + " "));
      progress.notify_all();
    }
  }
};

}  // namespace

TEST_CASE("a client whose connection is cut a thousand times misses nothing and hears nothing twice", "[loopback]") {
  const bool is_secure = GENERATE(false, true);
  CAPTURE(is_secure);
  constexpr int cuts = 1000;
  constexpr std::uint64_t most_ahead = 200;
  chat_server_rig rig{without_flood_control(), nullptr, keys_if(is_secure)};
  resuming_reader reader{rig};
  std::uint64_t sent = 0;

  auto send = [&]() -> net::awaitable<void> {
    chat_socket sender = co_await rig.greet();
    std::mt19937 random{2};  // NOLINT(cert-msc51-cpp)
    while (sent != reader.goal) {
      ++sent;
      if (reader.cuts >= cuts) reader.goal = sent;
      const std::string text = "text " + std::to_string(sent) + " " + std::string(1 + random() % 300, 'x');
      const bool said = co_await sender.say(send_line(text));
      REQUIRE(said);
      const json ack = co_await sender.next("ack");
      REQUIRE(ack["id"] == sent);
      while (sent > reader.last + most_ahead) co_await reader.progress.wait();
    }
  };
  auto read = [&]() -> net::awaitable<void> {
    while (reader.last != reader.goal) {
      // Also within welcome and joined, and within a line.
      const std::size_t most = reader.random() % 4 == 0 ? 300 : 3000;
      co_await reader.read_some(1 + reader.random() % most);
    }
  };
  net::task_group both{rig.io.get_executor(), [](std::string_view, std::string_view what) { FAIL_CHECK(what); }};
  auto body = [&]() -> net::awaitable<void> {
    both.spawn("send", send());
    both.spawn("read", read());
    co_await both.join();
  };
  rig.run(body());
  CHECK(reader.cuts >= cuts);
  CHECK(reader.last == sent);
  CHECK(sent > 1000);
  CHECK(rig.troubles.empty());
}

TEST_CASE("who does not read ends as too slow, and others are not held up", "[loopback]") {
  const bool is_secure = GENERATE(false, true);
  CAPTURE(is_secure);
  constexpr int most = 3000;
  chat::server_settings settings = without_flood_control();
  settings.max_backlog = 64U << 10U;
  chat_server_rig rig{settings, nullptr, keys_if(is_secure)};
  int sent = 0;
  auto body = [&]() -> net::awaitable<void> {
    chat_socket sender = co_await rig.greet();
    chat_socket reader = co_await rig.greet();
    chat_socket slow = co_await rig.greet(4096);
    const std::string text(8000, 'x');
    while (rig.observer.closed.empty() && sent < most) {
      ++sent;
      const bool said = co_await sender.say(send_line(text));
      REQUIRE(said);
      // Everybody else has it before the next one is said.
      const json message = co_await reader.next("message");
      REQUIRE(message["id"] == sent);
      const json own = co_await sender.next("message");
      REQUIRE(own["id"] == sent);
    }
    CHECK(rig.observer.closed == std::vector{chat::code::too_slow});

    std::uint64_t last = 0;
    json told;
    for (;;) {
      const std::optional<std::string> line = co_await slow.line();
      if (!line) break;
      told = json::parse(*line);
      if (told["type"] != "message") continue;
      REQUIRE(told["id"] == last + 1);
      ++last;
    }
    CHECK(told["type"] == "bye");
    CHECK(told["code"] == "too_slow");
    CHECK(last < static_cast<std::uint64_t>(sent));
  };
  rig.run(body());
}

TEST_CASE("a server that drains or is forced to end leaves nothing behind, whatever its sessions were doing",
          "[loopback]") {
  enum class phase : std::uint8_t {
    nobody,
    silent,
    within_a_line,
    in_a_room,
    half_closed,
    not_reading,
    said_goodbye,
    turned_away,
    waiting_for_disk,
    all_gone,
  };
  const auto at =
      GENERATE(phase::nobody, phase::silent, phase::within_a_line, phase::in_a_room, phase::half_closed,
               phase::not_reading, phase::said_goodbye, phase::turned_away, phase::waiting_for_disk, phase::all_gone);
  const bool is_forced = GENERATE(false, true);
  const bool is_secure = GENERATE(false, true);
  CAPTURE(static_cast<int>(at), is_forced, is_secure);

  slow_history history;
  chat::server_settings settings = without_flood_control();
  settings.is_stored = at == phase::waiting_for_disk;
  if (at == phase::turned_away) settings.max_sessions = 1;
  chat_server_rig rig{settings, settings.is_stored ? &history : nullptr, keys_if(is_secure)};
  bool has_ack = false;
  std::chrono::steady_clock::time_point ended;

  auto body = [&]() -> net::awaitable<void> {
    std::vector<chat_socket> clients;
    switch (at) {
      case phase::nobody:
        break;
      case phase::silent:
        clients.push_back(co_await rig.reach());
        while (rig.observer.opened == 0) (void)co_await net::sleep_for(1ms);
        break;
      case phase::within_a_line:
        clients.push_back(co_await rig.greet());
        (void)co_await clients[0].say("{\"type\":\"ping\"}\n{\"type\":");
        (void)co_await clients[0].next("pong");
        break;
      case phase::in_a_room:
        for (int i = 0; i < 20; ++i) clients.push_back(co_await rig.greet());
        break;
      case phase::half_closed:
        clients.push_back(co_await rig.reach());
        (void)co_await clients[0].say("/help\n");
        (void)co_await clients[0].line();
        co_await clients[0].half_close();
        break;
      case phase::not_reading: {
        clients.push_back(co_await rig.greet(4096));
        chat_socket sender = co_await rig.greet();
        for (int i = 0; i < 500; ++i) {
          (void)co_await sender.say(send_line(std::string(8000, 'x')));
          (void)co_await sender.next("ack");
        }
        break;
      }
      case phase::said_goodbye:
        clients.push_back(co_await rig.greet());
        (void)co_await clients[0].say("{\"type\":\"quit\"}\n");
        (void)co_await clients[0].next("bye");
        break;
      case phase::turned_away:
        clients.push_back(co_await rig.greet());
        clients.push_back(co_await rig.reach());
        (void)co_await clients[1].next("bye");
        break;
      case phase::waiting_for_disk:
        clients.push_back(co_await rig.greet());
        (void)co_await clients[0].say(send_line("kept") + "{\"type\":\"ping\"}\n");
        (void)co_await clients[0].next("pong");
        break;
      case phase::all_gone:
        for (int i = 0; i < 20; ++i) (void)co_await rig.greet();
        break;
    }
    ended = std::chrono::steady_clock::now();
    if (is_forced) {
      rig.server.force();
      rig.server.force();
    } else {
      rig.server.drain();
    }
    // A client that is well-behaved reads to the end, and then closes.
    for (chat_socket& one : clients) {
      for (;;) {
        const std::optional<std::string> line = co_await one.line();
        if (!line) break;
        has_ack = has_ack || line->starts_with("{\"type\":\"ack\"");
      }
      one.close();
    }
  };
  rig.run(body());
  CHECK(std::chrono::steady_clock::now() - ended < 4s);
  if (rig.machine.count().messages == 0) CHECK(rig.use.bytes == 0);
  CHECK(rig.troubles.empty());
  if (at == phase::waiting_for_disk) CHECK(history.messages == 1);
  if (at == phase::waiting_for_disk && !is_forced) CHECK(has_ack);
}

TEST_CASE("who is ended by the operator is told so, and its connection ends without its help", "[loopback]") {
  const bool is_secure = GENERATE(false, true);
  chat_server_rig rig{{}, nullptr, keys_if(is_secure)};
  auto body = [&]() -> net::awaitable<void> {
    chat_socket waiting = co_await rig.greet();
    const auto all = rig.machine.all();
    REQUIRE(all.size() == 1);
    const auto began = std::chrono::steady_clock::now();
    rig.machine.kick(*rig.machine.find_number(all[0]->number), "enough", chat::chat_server::now());
    rig.server.note_news();
    const json bye = co_await waiting.next("bye");
    CHECK(bye["code"] == "kicked");
    const std::optional<std::string> more = co_await waiting.line();
    CHECK_FALSE(more);
    CHECK(std::chrono::steady_clock::now() - began < 3s);
  };
  rig.run(body());
}
