// Whatever a server says, and however often its connection is lost, the chat client's machine keeps its rules: what it
// writes is what a client may say and never more than its window, every request has one last answer, and what it tells
// is safe for a terminal.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include "tcptools/base/text.hpp"
#include "tcptools/chat/client_machine.hpp"
#include "tcptools/chat/limits.hpp"
#include "tcptools/chat/protocol.hpp"
#include "tcptools/chat/safe_text.hpp"

namespace {

using namespace tcptools::chat;

void require(bool condition) {
  if (!condition) std::abort();
}

class session {
 public:
  session()
      : machine_{{"ann", "lobby", since{{}, {}, std::chrono::seconds{60}}, true}, "0123456789abcdef0123456789abcdef"} {}

  // What a line of the input tells the client, or else says as the server.
  void obey(std::string_view line) {
    const char command = line.empty() ? '\0' : line.front();
    const std::string_view rest = line.empty() ? line : line.substr(1);
    switch (command) {
      case '+':
        connect();
        break;
      case '-':
        disconnect();
        break;
      case '>':
        ask(rest);
        break;
      case '?':
        machine_.ping();
        break;
      case '!':
        machine_.quit();
        break;
      default:
        hear(line);
    }
    write();
    listen();
  }
  void end() {
    disconnect();
    machine_.give_up(tcptools::error{tcptools::errc::timed_out});
    listen();
    require(open_.empty() && machine_.unanswered() == 0);
  }

 private:
  void connect() {
    if (is_connected_) return;
    is_connected_ = true;
    machine_.on_connected(now_ += std::chrono::seconds{1});
  }
  void disconnect() {
    if (is_connected_) machine_.on_disconnected();
    is_connected_ = false;
  }
  void hear(std::string_view line) {
    if (!is_connected_) return;
    if (const auto good = machine_.on_line(line); !good) {
      require(tcptools::is_utf8(good.error().text()));
      disconnect();
    }
  }
  void ask(std::string_view line) {
    if (!machine_.has_room()) return;
    auto read = parse_request(line);
    auto* const found = std::get_if<tagged_request>(&read);
    if (found == nullptr || std::holds_alternative<requests::ping>(found->what) ||
        std::holds_alternative<requests::pong>(found->what) || std::holds_alternative<requests::quit>(found->what))
      return;
    if (const auto number = machine_.ask(std::move(found->what))) require(open_.insert(*number).second);
  }
  void write() {
    if (!is_connected_) return;
    const auto all = machine_.take_requests();
    require(all.size() <= limits::client_window + 3);
    for (const tagged_request& one : all) {
      std::string line;
      append_line(line, one.what, one.tag);
      require(line.find('\n') == line.size() - 1 && tcptools::is_utf8(line));
      // A greeting repeats a room, an epoch and a ticket as this server said them.
      if (std::holds_alternative<requests::hello>(one.what)) continue;
      line.pop_back();
      require(line.size() <= limits::structured_line);
      require(std::holds_alternative<tagged_request>(parse_request(line)));
    }
  }
  void listen() {
    for (const told& one : machine_.take_news()) {
      std::visit([this, &one](const auto& what) { check(what, one.number); }, one.what);
    }
    require(machine_.unanswered() == open_.size());
  }
  template <class What>
  void check(const What& what, std::uint64_t number) {
    if constexpr (std::is_same_v<What, news::failed>) {
      require(tcptools::is_utf8(what.why.text()));
    } else if constexpr (std::is_same_v<What, news::message>) {
      check_safe(what.what.text);
      check_safe(what.what.from);
      check_safe(what.what.room);
    } else if constexpr (std::is_same_v<What, events::direct> || std::is_same_v<What, events::notice>) {
      check_safe(what.text);
    }
    constexpr bool is_last = std::is_same_v<What, events::ack> || std::is_same_v<What, events::joined> ||
                             std::is_same_v<What, events::left> || std::is_same_v<What, events::nick> ||
                             std::is_same_v<What, events::end> || std::is_same_v<What, news::failed>;
    if (number == 0) return;
    require(open_.contains(number));
    if (is_last) open_.erase(number);
  }
  static void check_safe(const std::string& text) { require(safe_text(text) == text); }

  client_machine machine_;
  client_machine::clock::time_point now_;
  bool is_connected_ = false;
  std::set<std::uint64_t> open_;  // numbers of requests that have no last answer
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view left{reinterpret_cast<const char*>(data), size};
  session one;
  while (!left.empty()) {
    const std::size_t end = left.find('\n');
    one.obey(left.substr(0, end));
    left.remove_prefix(end == std::string_view::npos ? left.size() : end + 1);
  }
  one.end();
  return 0;
}
