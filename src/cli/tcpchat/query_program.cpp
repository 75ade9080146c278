#include "cli/tcpchat/query_program.hpp"

#include <CLI/App.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "cli/exit_code.hpp"
#include "cli/json_lines.hpp"
#include "cli/tcpchat/message_format.hpp"
#include "cli/tcpchat/program.hpp"
#include "cli/tcpchat/query_options.hpp"
#include "cli/usage.hpp"

namespace tcptools::cli {
namespace {

using json = nlohmann::ordered_json;

// One question, and its answer line by line.
class query_program final : public chat_program {
 public:
  query_program(const chat_query_options& options, chat::request question)
      : chat_program{options.common}, options_{options}, question_{std::move(question)} {}

 private:
  net::awaitable<void> work() override {
    (void)client().ask(question_).value();
    co_return;
  }

  void on_told(const chat::told& what) override {
    std::visit(
        [this](const auto& one) {
          using type = std::remove_cvref_t<decltype(one)>;
          if constexpr (std::is_same_v<type, chat::news::message> || std::is_same_v<type, chat::events::member>) {
            if (options_.common.json) {
              print_object(to_json(one));
            } else {
              print(to_text_line(one));
            }
          } else if constexpr (std::is_same_v<type, chat::events::end>) {
            on_end(one);
          } else if constexpr (std::is_same_v<type, chat::events::notice>) {
            say_if_verbose(one.text);
          } else if constexpr (std::is_same_v<type, chat::news::failed>) {
            if (!client().is_over()) refuse(one.why);
          }
        },
        what.what);
  }

  void on_end(const chat::events::end& end) {
    const bool is_history = std::holds_alternative<chat::requests::history>(question_);
    const bool has_epoch = is_history && options_.since && !options_.since->epoch.empty();
    if (has_epoch && options_.since->epoch != end.epoch) {
      say(to_text(chat::news::lost{end.room, {}}));
    } else if (end.lost > 0 && options_.since && options_.since->id.value_or(0) > 0) {
      say(to_text(chat::news::lost{end.room, end.lost}));
    }
    if (options_.common.json) {
      json object{{"type", "end"}, {"count", end.count}};
      if (is_history) {
        object.update({{"room", end.room}, {"epoch", end.epoch}, {"next", end.next}, {"lost", end.lost}});
      }
      print_object(object);
    }
    client().finish();
  }

  void refuse(const error& why) {
    refused_ = chat_exit_code(why.code());
    say(why.text());
    if (options_.common.json) print_object(json{{"type", "error"}, {"error", to_json(why)}});
    client().finish();
  }

  void on_output_gone(const error& why) override {
    if (why.code() != errc::connection_lost) {
      refused_ = exit_code::some_failed;
      say(why.text());
    }
    client().finish();
  }

  [[nodiscard]] exit_code outcome() override { return refused_; }

  const chat_query_options& options_;
  chat::request question_;
  exit_code refused_ = exit_code::success;
};

// Answers are not asked for twice: a connection that is lost ends the run.
int run(const chat_query_options& options, chat::request question) {
  return query_program{options, std::move(question)}.run();
}

chat_query_options options_of(std::string program) {
  chat_query_options options;
  options.common.program = std::move(program);
  options.common.client.resume_for = {};
  options.common.client.session.presence = false;
  return options;
}

}  // namespace

int run_chat_who(int argc, char** argv) {
  chat_query_options options = options_of("tcpchat who");
  CLI::App app{"Lists who is there, one a line: NICK, ROOM and idle SECONDS, tabs between them.",
               options.common.program};
  set_usage(app, "Usage: tcpchat who [OPTIONS]");
  app.footer(std::string{chat_exit_code_help});
  add_chat_who_options(app, options);
  if (const auto early = parse_command_line(app, argc, argv)) return *early;
  if (const auto bad = read_client_security(options.common.program, options.common.security, options.common.client.tls))
    return *bad;
  return run(options, chat::requests::who{options.room});
}

int run_chat_history(int argc, char** argv) {
  chat_query_options options = options_of("tcpchat history");
  CLI::App app{"Writes what a room's log has to standard output, as tcpchat listen does.", options.common.program};
  set_usage(app, "Usage: tcpchat history [OPTIONS]");
  app.footer(std::string{chat_exit_code_help});
  add_chat_history_options(app, options);
  if (const auto early = parse_command_line(app, argc, argv)) return *early;
  if (const auto bad = read_client_security(options.common.program, options.common.security, options.common.client.tls))
    return *bad;
  return run(options, chat::requests::history{options.room, options.since, options.limit});
}

}  // namespace tcptools::cli
