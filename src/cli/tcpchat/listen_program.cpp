#include "cli/tcpchat/listen_program.hpp"

#include <CLI/App.hpp>
#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <type_traits>
#include <variant>

#include "cli/exec_hook.hpp"
#include "cli/exit_code.hpp"
#include "cli/tcpchat/listen_options.hpp"
#include "cli/tcpchat/message_format.hpp"
#include "cli/tcpchat/program.hpp"
#include "cli/usage.hpp"
#include "tcptools/base/units.hpp"
#include "tcptools/chat/names.hpp"

namespace tcptools::cli {
namespace {

using namespace std::chrono_literals;
using json = nlohmann::ordered_json;

constexpr auto look_interval = 100ms;
// How long the program of --exec that runs may go on after a signal.
constexpr auto exec_wait = 5s;

class listen_program final : public chat_program {
 public:
  explicit listen_program(const chat_listen_options& options)
      : chat_program{options.common},
        options_{options},
        hook_{executor(), tasks(), options.exec, "TCPCHAT_",
              [this](const exec_call& call, const std::string& how) { complain(call, how); }} {}

 private:
  net::awaitable<void> work() override {
    if (!options_.duration) co_return;
    const auto until = clock::now() + *options_.duration;
    while (!is_done() && clock::now() < until) (void)co_await changed().wait_until(until);
    time_is_over_ = true;
    client().finish();
  }

  // All that was heard is written, and every program of --exec has run. After a signal the one that runs has a moment.
  net::awaitable<void> wind_up() override {
    for (bool idle = false; !idle && !is_stopped();)
      idle = co_await hook_.wait_until_idle(clock::now() + look_interval);
    hook_.drop_waiting();
    (void)co_await hook_.wait_until_idle(clock::now() + exec_wait);
    hook_.stop();
    co_await chat_program::wind_up();
  }

  void on_insist() override { hook_.stop(); }

  [[nodiscard]] bool is_overloaded() const noexcept override {
    return chat_program::is_overloaded() || hook_.is_full();
  }
  net::awaitable<void> when_ready() override {
    co_await chat_program::when_ready();
    co_await hook_.wait_for_room();
  }

  void on_told(const chat::told& what) override {
    std::visit(
        [this](const auto& one) {
          using type = std::remove_cvref_t<decltype(one)>;
          if constexpr (std::is_same_v<type, chat::news::message> || std::is_same_v<type, chat::events::direct>) {
            hear(one);
          } else if constexpr (std::is_same_v<type, chat::events::joined>) {
            on_joined(one);
          } else if constexpr (std::is_same_v<type, chat::news::lost>) {
            on_gap(one);
          } else if constexpr (std::is_same_v<type, chat::events::notice>) {
            say_if_verbose(one.text);
          } else if constexpr (std::is_same_v<type, chat::news::failed>) {
            say(one.why.text());
          }
        },
        what.what);
  }

  void on_joined(const chat::events::joined& room) {
    joined_ = true;
    say_if_verbose("listening in " + room.room);
    if (!options_.common.json) return;
    print_object(json{{"type", "joined"},
                      {"room", room.room},
                      {"epoch", room.epoch},
                      {"next", room.next},
                      {"lost", room.lost},
                      {"resumed", room.resumed}});
  }

  void on_gap(const chat::news::lost& gap) {
    say(to_text(gap));
    if (options_.common.json) {
      print_object(
          json{{"type", "lost"}, {"room", gap.room}, {"messages", gap.count ? json(*gap.count) : json(nullptr)}});
    }
  }

  template <class Message>
  void hear(const Message& message) {
    const auto& [from, text] = from_and_text(message);
    if (is_done() || !is_wanted(from, text)) return;
    if (options_.common.json) {
      print_object(to_json(message));
    } else {
      print(to_text_line(message));
    }
    if (!options_.exec.empty()) hook_.push(call_for(message));
    if (++heard_ != options_.count) return;
    client().finish();
    changed().notify_all();
  }

  struct words {
    const std::string& from;
    const std::string& text;
  };
  static words from_and_text(const chat::news::message& message) { return {message.what.from, message.what.text}; }
  static words from_and_text(const chat::events::direct& message) { return {message.from, message.text}; }

  [[nodiscard]] bool is_wanted(const std::string& from, const std::string& text) const {
    if (!options_.from.empty() && chat::fold(options_.from) != chat::fold(from)) return false;
    return !options_.match || options_.match->matches(text);
  }

  static exec_call call_for(const chat::news::message& message) {
    return {"message " + std::to_string(message.what.id),
            {},
            {{"ROOM", message.what.room},
             {"EPOCH", message.epoch},
             {"ID", std::to_string(message.what.id)},
             {"TIME", std::to_string(message.what.time)},
             {"FROM", message.what.from},
             {"REPLAYED", message.replayed ? "1" : "0"}},
            message.what.text + "\n"};
  }
  static exec_call call_for(const chat::events::direct& message) {
    return {"a message of " + message.from,
            {},
            {{"TIME", std::to_string(message.time)}, {"FROM", message.from}, {"TO", message.to}, {"REPLAYED", "0"}},
            message.text + "\n"};
  }

  void complain(const exec_call& call, const std::string& how) {
    if (is_stopped()) return;
    hook_failed_ = true;
    say(options_.exec + " " + how + ", for " + call.name);
  }

  // As head(1) does, a listener whose reader has enough has done its work.
  void on_output_gone(const error& why) override {
    output_failed_ = why.code() != errc::connection_lost;
    if (output_failed_) say(why.text());
    reader_left_ = true;
    client().finish();
    changed().notify_all();
  }

  [[nodiscard]] bool is_done() const noexcept {
    return reader_left_ || time_is_over_ || (options_.count && heard_ >= *options_.count);
  }

  [[nodiscard]] exit_code outcome() override {
    if (output_failed_) return exit_code::some_failed;
    const bool is_complete = !options_.count || heard_ >= *options_.count;
    if (time_is_over_ && !joined_) {
      say("no connection within " + format_duration(*options_.duration));
      return exit_code::connection;
    }
    if (!is_complete && !reader_left_) {
      if (!options_.common.quiet) {
        say(std::to_string(heard_) + " of " + std::to_string(*options_.count) + " messages within " +
            format_duration(*options_.duration));
      }
      return exit_code::timed_out;
    }
    return hook_failed_ ? exit_code::some_failed : exit_code::success;
  }

  const chat_listen_options& options_;
  exec_hook hook_;
  std::uint64_t heard_ = 0;
  bool joined_ = false;
  bool time_is_over_ = false;
  bool reader_left_ = false;
  bool output_failed_ = false;
  bool hook_failed_ = false;
};

}  // namespace

int run_chat_listen(int argc, char** argv) {
  chat_listen_options options;
  options.common.program = "tcpchat listen";
  CLI::App app{"Writes the messages of a room to standard output, one a line: TIME, NAME and TEXT, tabs between them.",
               options.common.program};
  set_usage(app, "Usage: tcpchat listen [OPTIONS]");
  app.footer(std::string{chat_exit_code_help});
  add_chat_listen_options(app, options);
  if (const auto early = parse_command_line(app, argc, argv)) return *early;
  if (const auto bad = read_client_security(options.common.program, options.common.security, options.common.client.tls))
    return *bad;
  chat::client_machine::settings& session = options.common.client.session;
  session.room = options.room;
  session.since = options.since;
  session.presence = false;
  return listen_program{options}.run();
}

}  // namespace tcptools::cli
