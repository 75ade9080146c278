// A chat machine with sessions that are scripts: bytes in, lines out, time as a test wants it.
#pragma once

#include <array>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <deque>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "tcptools/base/bytes.hpp"
#include "tcptools/chat/chat_machine.hpp"

namespace tcptools::testing {

using json = nlohmann::json;
using namespace std::chrono_literals;

// What the machine told its observer.
class chat_log final : public chat::server_observer {
 public:
  void on_open(const chat::member& who) override { note("open", who.peer); }
  void on_named(const chat::member& who) override { note("named", who.name()); }
  void on_turned_away(std::string_view peer, std::string_view why) override { note("turned away", peer, why); }
  void on_message(const chat::member* from, std::string_view room, std::string_view text) override {
    note(from == nullptr ? "operator" : from->name(), room, text);
  }
  void on_direct(const chat::member& from, std::string_view text) override { note(from.name(), "operator", text); }
  void on_kick(const chat::member& by, const chat::member& whom) override { note(by.name(), "kicks", whom.name()); }
  void on_ban(const chat::member& by, std::string_view address) override { note(by.name(), "bans", address); }
  void on_close(const chat::member& who, chat::code why, std::string_view text) override {
    note("close", who.name(), std::string{chat::to_text(why)}.append(text.empty() ? "" : ": ").append(text));
  }

  std::vector<std::string> lines;

 private:
  void note(std::string_view a, std::string_view b, std::string_view c = {}) {
    lines.push_back(std::string{a}.append(" ").append(b).append(c.empty() ? "" : " ").append(c));
  }
};

// Addresses before the member that has views of them.
struct scripted_address {
  std::string peer_text;
  std::string address_text;
};

class scripted_member final : private scripted_address, public chat::member {
 public:
  scripted_member(chat::memory_use& use, std::string its_peer, std::string its_address,
                  std::shared_ptr<const chat::member_rights> its_rights = nullptr)
      : scripted_address{std::move(its_peer), std::move(its_address)},
        member{use, peer_text, address_text, its_rights, its_rights != nullptr} {}

  void wake() override { ++wakes; }
  void abort() override { is_aborted = true; }

  // Everything that is to be sent now, in steps of at most `most` bytes.
  std::string take(std::size_t most = SIZE_MAX) {
    std::string all;
    for (;;) {
      std::array<byte_view, 4> pieces;
      const std::size_t count = out.pieces(pieces);
      if (count == 0) return all;
      const std::string_view piece = as_text(pieces[0]).substr(0, most);
      all += piece;
      out.consumed(piece.size());
    }
  }

  bool is_aborted = false;
  int wakes = 0;
};

class chat_rig {
 public:
  explicit chat_rig(chat::server_settings settings = {})
      : machine{use, std::move(settings), log, [this] { return ++random_; }} {}

  // A connection from 127.0.0.1, port 5001, 5002, ...
  scripted_member& connect(const std::string& address = "127.0.0.1") {
    scripted_member& made = add(address);
    const result<void> taken = machine.open(made, now);
    REQUIRE(taken);
    return made;
  }

  [[nodiscard]] scripted_member& add(const std::string& address = "127.0.0.1",
                                     std::shared_ptr<const chat::member_rights> who = nullptr) {
    std::string peer = address + ":" + std::to_string(++port_);
    members.push_back(std::make_unique<scripted_member>(use, std::move(peer), address, std::move(who)));
    return *members.back();
  }

  // One over TLS, of somebody who has these rights.
  scripted_member& connect_as(std::shared_ptr<const chat::member_rights> who,
                              const std::string& address = "127.0.0.1") {
    scripted_member& made = add(address, std::move(who));
    const result<void> taken = machine.open(made, now);
    REQUIRE(taken);
    return made;
  }
  scripted_member& greet_as(std::shared_ptr<const chat::member_rights> who, const json& greeting) {
    scripted_member& made = connect_as(std::move(who));
    say(made, greeting);
    (void)heard(made);
    return made;
  }

  // One that has said its greeting; its welcome and joined are taken.
  scripted_member& greet(const json& greeting) {
    scripted_member& made = connect();
    say(made, greeting);
    (void)heard(made);
    return made;
  }

  void say(scripted_member& who, const json& line) { machine.on_bytes(who, line.dump() + "\n", now); }
  template <std::convertible_to<std::string_view> Bytes>
  void say(scripted_member& who, const Bytes& bytes) {
    machine.on_bytes(who, bytes, now);
  }

  // What a session is sent, as text; as JSON, a line each.
  std::string text(scripted_member& who) {
    turn();
    std::string all = who.take();
    machine.on_sent(who, now);
    return all;
  }
  std::vector<json> heard(scripted_member& who) {
    std::vector<json> lines;
    std::string all = text(who);
    for (std::size_t end = all.find('\n'); end != std::string::npos; end = all.find('\n')) {
      lines.push_back(json::parse(all.substr(0, end)));
      all.erase(0, end + 1);
    }
    CHECK(all.empty());
    return lines;
  }
  // The one line that it is sent.
  json one(scripted_member& who) {
    const std::vector<json> lines = heard(who);
    INFO(json(lines).dump());
    REQUIRE(lines.size() == 1);
    return lines[0];
  }

  // The news are given to whoever has them; a test asks for them itself.
  void turn() {
    std::vector<chat::member*> news;
    machine.take_news(news, now);
  }

  void pass(std::chrono::milliseconds time) {
    const auto until = now.at + time;
    while (machine.next_due() <= until) {
      const auto step = std::max(machine.next_due() - now.at, chat::chat_machine::clock::duration::zero());
      forward(step);
      machine.on_time(now);
    }
    forward(until - now.at);
  }

  chat::memory_use use;
  chat_log log;
  std::deque<std::unique_ptr<scripted_member>> members;
  chat::chat_machine machine;
  chat::chat_machine::moment now{chat::chat_machine::clock::time_point{} + 1000h, 1'700'000'000'000};

 private:
  void forward(chat::chat_machine::clock::duration step) {
    now.at += step;
    now.wall += std::chrono::duration_cast<std::chrono::milliseconds>(step).count();
  }

  std::uint64_t random_ = 0;
  int port_ = 5000;
};

}  // namespace tcptools::testing
