#include "cli/tcpchat/send_program.hpp"

#include <unistd.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "cli/exit_code.hpp"
#include "cli/json_lines.hpp"
#include "cli/tcpchat/pipe_lines.hpp"
#include "cli/tcpchat/program.hpp"
#include "cli/tcpchat/send_options.hpp"
#include "cli/usage.hpp"
#include "tcptools/base/text.hpp"
#include "tcptools/chat/limits.hpp"
#include "tcptools/chat/safe_text.hpp"
#include "tcptools/net/sleep.hpp"

namespace tcptools::cli {
namespace {

using namespace std::chrono_literals;
using json = nlohmann::ordered_json;

constexpr auto busy_pause = 1s;

// A message on its way, and the line that it was.
struct outgoing {
  std::uint64_t line = 0;  // 0: it came as arguments
  std::string key;         // of the user's; empty: none
  std::string text;
  std::optional<net::event::clock::time_point> busy_since;
};

class send_program final : public chat_program {
 public:
  explicit send_program(const chat_send_options& options)
      : chat_program{options.common},
        options_{options},
        input_{executor(), STDIN_FILENO, std::make_unique<blocking_output>(STDOUT_FILENO)} {}

 private:
  net::awaitable<void> work() override {
    if (options_.texts.empty()) {
      co_await send_lines();
    } else {
      outgoing one{0, options_.id, message_of(options_), {}};
      co_await send(std::move(one));
    }
    // Where there was nothing to send, a server that is not there is still to be noticed.
    while (!has_connected_) co_await changed().wait();
    all_asked_ = true;
    finish_if_done();
  }

  void on_connected(const std::string& peer) override {
    chat_program::on_connected(peer);
    has_connected_ = true;
    changed().notify_all();
  }

  net::awaitable<void> send_lines() {
    std::uint64_t messages = 0;
    for (std::uint64_t number = 1;; ++number) {
      result<input_line> line = co_await input_.next();
      if (!line) {
        if (line.error().code() != errc::end_of_stream) fail({number, {}, {}, {}}, line.error());
        co_return;
      }
      outgoing one{number, {}, std::move(line->text), {}};
      if (!line->is_cut && chat::safe_text(one.text).empty()) continue;
      ++messages;
      if (line->is_cut) {
        fail(one, error{errc::too_large, "the message has more than " + std::to_string(input_line::most_bytes) +
                                             " bytes; the limit is " + std::to_string(chat::limits::text)});
        continue;
      }
      if (!options_.id.empty()) one.key = options_.id + "." + std::to_string(messages);
      co_await send(std::move(one));
    }
  }

  net::awaitable<void> send(outgoing one) {
    while (waiting_again_ > 0 && !client().is_over()) co_await changed().wait();
    co_await hand_over(std::move(one));
  }

  net::awaitable<void> hand_over(outgoing one) {
    const bool room = co_await client().wait_for_room();
    if (!room) {
      ++unanswered_;
      co_return;
    }
    chat::requests::send request{one.text, options_.room, options_.to, one.key};
    const result<std::uint64_t> number = client().ask(std::move(request));
    if (number) {
      sent_.emplace(*number, std::move(one));
    } else {
      fail(one, number.error());
    }
  }

  void on_told(const chat::told& what) override {
    if (const auto* const notice = std::get_if<chat::events::notice>(&what.what)) say_if_verbose(notice->text);
    const auto found = sent_.find(what.number);
    if (found == sent_.end()) return;
    const auto* const ack = std::get_if<chat::events::ack>(&what.what);
    const auto* const failed = std::get_if<chat::news::failed>(&what.what);
    if (ack == nullptr && failed == nullptr) return;
    outgoing one = std::move(found->second);
    sent_.erase(found);
    if (ack != nullptr) {
      acknowledge(one, *ack);
    } else if (client().is_over()) {
      ++unanswered_;
    } else if (may_try_again(one, failed->why)) {
      ++waiting_again_;
      tasks().spawn("again", try_again(std::move(one)));
    } else {
      fail(one, failed->why);
    }
    finish_if_done();
  }

  [[nodiscard]] bool may_try_again(outgoing& one, const error& why) const {
    if (why.code() != errc::busy) return false;
    if (!one.busy_since) one.busy_since = clock::now();
    const chat::client_settings& client = options_.common.client;
    return clock::now() - *one.busy_since < std::max(client.retry_for, client.resume_for);
  }

  net::awaitable<void> try_again(outgoing one) {
    (void)co_await net::sleep_for(busy_pause);
    co_await hand_over(std::move(one));
    --waiting_again_;
    changed().notify_all();
    finish_if_done();
  }

  void acknowledge(const outgoing& one, const chat::events::ack& ack) {
    ++acknowledged_;
    if (!options_.common.json) return;
    json object{{"type", "ack"}};
    if (one.line > 0) object["line"] = one.line;
    if (ack.id) {
      object.update({{"room", options_.room}, {"epoch", ack.epoch}, {"id", *ack.id}, {"repeat", ack.repeat}});
    } else {
      object["to"] = options_.to;
    }
    if (!one.key.empty()) object["key"] = one.key;
    print_object(object);
  }

  void fail(const outgoing& one, const error& why) {
    codes_.add(chat_exit_code(why.code()));
    const std::string place = one.line > 0 ? "line " + std::to_string(one.line) : "";
    say(place.empty() ? why.text() : why.in(place).text());
    if (!options_.common.json) return;
    json object{{"type", "error"}};
    if (one.line > 0) object["line"] = one.line;
    object["error"] = to_json(why);
    print_object(object);
  }

  void finish_if_done() {
    if (all_asked_ && sent_.empty() && waiting_again_ == 0) client().finish();
  }

  [[nodiscard]] exit_code outcome() override {
    say_if_verbose(std::to_string(acknowledged_) + (acknowledged_ == 1 ? " message" : " messages") + " sent");
    return codes_.value();
  }

  [[nodiscard]] std::string what_is_left() override {
    if (!options_.texts.empty()) return {};
    return std::to_string(acknowledged_) + " sent, " + std::to_string(unanswered_) + " not acknowledged";
  }

  const chat_send_options& options_;
  pipe_lines input_;
  std::map<std::uint64_t, outgoing> sent_;  // and not answered
  std::size_t waiting_again_ = 0;           // refused because the server was busy
  bool all_asked_ = false;
  bool has_connected_ = false;
  std::uint64_t acknowledged_ = 0;
  std::uint64_t unanswered_ = 0;
  exit_code_sum codes_;
};

}  // namespace

int run_chat_send(int argc, char** argv) {
  chat_send_options options;
  options.common.program = "tcpchat send";
  CLI::App app{"Sends a message, or every line of standard input, and ends with 0 only if all were acknowledged.",
               options.common.program};
  set_usage(app, "Usage: tcpchat send [OPTIONS] [--room ROOM | --to NICK] [TEXT...]");
  app.footer(std::string{chat_exit_code_help});
  add_chat_send_options(app, options);
  if (const auto early = parse_command_line(app, argc, argv)) return *early;
  if (const auto bad = read_client_security(options.common.program, options.common.security, options.common.client.tls))
    return *bad;
  if (const std::string wrong = check_chat_send_options(options); !wrong.empty()) {
    return complain_about_usage(options.common.program, wrong);
  }
  options.common.client.session.presence = false;
  return send_program{options}.run();
}

}  // namespace tcptools::cli
