#include "cli/tcpchat/connect.hpp"

#include <unistd.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "cli/tcpchat/connect_plain.hpp"
#include "cli/tcpchat/input_lines.hpp"
#include "cli/tcpchat/options.hpp"
#include "cli/tcpchat/program.hpp"
#include "cli/tcpchat/view.hpp"
#include "cli/terminal.hpp"
#include "cli/usage.hpp"
#include "tcptools/chat/names.hpp"
#include "tcptools/chat/plain_protocol.hpp"

namespace tcptools::cli {
namespace {

using namespace std::chrono_literals;

// A person can be trusted to know when to give up.
constexpr auto patience_on_terminal = 24h;

class connect_program final : public chat_program {
 public:
  explicit connect_program(const chat_options& options)
      : chat_program{options},
        quiet_{options.quiet},
        view_{colours_of(STDOUT_FILENO), is_terminal(STDOUT_FILENO)},
        is_interactive_{is_interactive()} {
    input_settings settings;
    settings.prompt = chat_prompt({}, "connecting");
    settings.on_interrupt = [this] { client().finish(); };
    settings.hides_entered = true;  // it comes back as a message
    settings.never_waits = true;    // when_ready() does
    lines_ = open_input_lines(executor(), std::move(settings));
  }

 private:
  net::awaitable<void> work() override;
  net::awaitable<void> perform_all();
  net::awaitable<void> wind_up() override;
  exit_code outcome() override { return codes_.value(); }

  void on_connecting() override {
    if (last_trouble_.empty()) lines_->set_prompt(chat_prompt({}, "connecting"));
  }
  void on_connected(const std::string& peer) override;
  void on_lost(const error& why, std::chrono::milliseconds wait) override;
  void on_told(const chat::told& what) override;
  [[nodiscard]] bool is_overloaded() const noexcept override { return !lines_->is_idle(); }
  net::awaitable<void> when_ready() override;

  // False: the session is to end.
  [[nodiscard]] bool perform(const std::string& text);
  void ask(chat::request what);
  void show(std::string_view lines);
  void check_output();
  void note(const std::string& text);
  void count(const error& failure);
  void set_prompt() { lines_->set_prompt(chat_prompt(client().session().room(), {})); }

  bool quiet_;
  chat_view view_;
  bool is_interactive_;
  std::unique_ptr<input_lines> lines_;
  exit_code_sum codes_;
  std::string last_trouble_;
  bool has_connected_ = false;
  bool is_output_gone_ = false;
  bool is_work_over_ = false;
};

net::awaitable<void> connect_program::work() {
  co_await perform_all();
  is_work_over_ = true;
  changed().notify_all();
}

net::awaitable<void> connect_program::perform_all() {
  for (;;) {
    const bool has_room = co_await client().wait_for_room();
    if (!has_room) co_return;
    co_await when_ready();
    const result<input_line> line = co_await lines_->next();
    if (!line) break;
    if (line->is_cut) {
      note("a line was too long, and is not sent whole");
      if (!is_interactive_) codes_.add(exit_code::some_failed);
    }
    if (!perform(line->text)) break;
  }
  // All that was said has to have an answer first, and a server that is not there is to be noticed.
  while ((client().unanswered() > 0 || !has_connected_) && !client().is_over()) co_await changed().wait();
  client().finish();
}

net::awaitable<void> connect_program::wind_up() {
  lines_->stop();
  if (is_interactive_) {
    (void)co_await lines_->flush(clock::now() + 1s);
  } else {
    while (!is_stopped() && !lines_->is_idle()) (void)co_await lines_->flush(clock::now() + 100ms);
  }
  check_output();
  // Output that nobody reads would keep the event loop at work.
  changed().notify_all();
  const auto until = clock::now() + 1s;
  while (!is_work_over_ && clock::now() < until) (void)co_await changed().wait_until(until);
  if (is_work_over_) lines_.reset();
}

net::awaitable<void> connect_program::when_ready() {
  while (!is_stopped() && !lines_->is_idle()) (void)co_await lines_->flush(clock::now() + 100ms);
  check_output();
}

bool connect_program::perform(const std::string& text) {
  if (text.empty()) return true;
  auto parsed = chat::parse_plain(text);
  if (const auto* const wrong = std::get_if<chat::complaint>(&parsed)) {
    note(wrong->text);
    return true;
  }
  auto& asked = std::get<chat::request>(parsed);
  if (std::holds_alternative<chat::requests::quit>(asked)) return false;
  if (std::holds_alternative<chat::requests::help>(asked)) {
    show(chat::plain_help());
    return true;
  }
  if (auto* const who = std::get_if<chat::requests::who>(&asked)) who->room = client().session().room();
  if (const auto* const said = std::get_if<chat::requests::send>(&asked); said != nullptr && !said->to.empty()) {
    const std::string to = said->to;
    const std::string what = said->text;
    ask(std::move(asked));
    if (is_interactive_) show("[you -> " + to + "] " + what + "\n");
    return true;
  }
  ask(std::move(asked));
  return true;
}

void connect_program::ask(chat::request what) {
  const result<std::uint64_t> asked = client().ask(std::move(what));
  if (asked) return;
  note(asked.error().text());
  count(asked.error());
}

// At a terminal somebody sees it and does something about it.
void connect_program::count(const error& failure) {
  if (!is_interactive_) codes_.add(exit_code_for(failure.code()));
}

void connect_program::on_connected(const std::string& peer) {
  has_connected_ = true;
  last_trouble_.clear();
  changed().notify_all();
  if (is_interactive_) {
    note("connected to " + peer + " as " + client().session().nick());
  } else {
    chat_program::on_connected(peer);
  }
}

void connect_program::on_lost(const error& why, std::chrono::milliseconds wait) {
  if (!is_interactive_) return chat_program::on_lost(why, wait);
  // Said once, however often it is tried.
  if (why.text() != std::exchange(last_trouble_, why.text())) note(why.text());
  lines_->set_prompt(chat_prompt({}, "offline"));
}

void connect_program::on_told(const chat::told& what) {
  const auto* const failed = std::get_if<chat::news::failed>(&what.what);
  if (failed != nullptr) count(failed->why);
  const auto* const message = std::get_if<chat::news::message>(&what.what);
  const bool is_echo = message != nullptr && !message->replayed && message->what.from == client().session().nick();
  const bool is_shown = is_interactive_ || !is_echo;
  const std::string lines = is_shown ? view_.render(what, client().session().nick()) : std::string{};
  if (is_interactive_ || message != nullptr || std::holds_alternative<chat::events::direct>(what.what)) {
    show(lines);
  } else if (failed != nullptr || std::holds_alternative<chat::news::lost>(what.what)) {
    note(lines.substr(lines.starts_with("* ") ? 2 : 0));
  }
  set_prompt();
  changed().notify_all();
}

// Without a terminal standard output is for messages alone.
void connect_program::note(const std::string& text) {
  if (is_interactive_) {
    show("* " + text + "\n");
  } else if (!quiet_) {
    say(text.ends_with('\n') ? text.substr(0, text.size() - 1) : text);
  }
}

void connect_program::show(std::string_view lines) {
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    (void)lines_->print(lines.substr(0, end));
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  check_output();
}

// Whoever read the output may go when he likes.
void connect_program::check_output() {
  const result<void> state = lines_->state();
  if (state || std::exchange(is_output_gone_, true)) return;
  if (state.error().code() != errc::connection_lost) {
    say(state.error().text());
    codes_.add(exit_code::some_failed);
  }
  client().finish();
}

}  // namespace

int run_chat_connect(int argc, char** argv) {
  chat_options options;
  options.program = "tcpchat connect";
  chat::client_settings& client = options.client;
  client.session.room = chat::default_room;
  bool is_plain = false;
  CLI::App app{"Talks in a room: at a terminal, or lines in and lines out.", options.program};
  set_usage(app, "Usage: tcpchat connect [OPTIONS]");
  app.footer(std::string{chat_exit_code_help});
  add_chat_options(app, options);
  app.get_option("--quiet")->description("Without a terminal: say only why the session ended");
  add_room_option(app, client.session.room, "Be in this room");
  add_since_option(app, client.session.since, "Begin with what was said after this");
  add_retry_option(app, options);
  app.get_option("--retry-for")
      ->description(
          "Keep trying this long, the first connection too (never after a refusal); default: only once connected, for "
          "30s, at a terminal for a day or longer");
  auto* const plain = app.add_flag("--plain", is_plain, "For servers that know no protocol: lines out, text in");
  for (const char* const structured : {"--nick", "--room", "--since", "--retry-for"}) {
    plain->excludes(app.get_option(structured));
  }
  if (const auto early = parse_command_line(app, argc, argv)) return *early;
  if (const auto bad = read_client_security(options.program, options.security, options.client.tls)) return *bad;

  if (is_plain) return run_chat_connect_plain(options);
  const bool has_person = is_interactive();
  if (has_person) client.resume_for = std::max<std::chrono::milliseconds>(client.resume_for, patience_on_terminal);
  client.session.presence = has_person;
  return connect_program{options}.run();
}

}  // namespace tcptools::cli
