#include "cli/tcpchat/console.hpp"

#include <unistd.h>

#include <chrono>
#include <utility>

#include "cli/terminal.hpp"

namespace tcptools::cli {
namespace {

using namespace std::chrono_literals;

constexpr auto flush_wait = 1s;

}  // namespace

chat_console::chat_console(const net::any_executor& executor, chat::chat_machine& machine, chat::chat_server& server)
    : is_terminal_{is_terminal(STDIN_FILENO)},
      server_{server},
      operator_{machine, [this](const std::string& line) { show(line); }} {
  input_settings settings;
  settings.prompt = operator_.target() + "> ";
  settings.on_interrupt = [this] { server_.drain(); };
  settings.never_waits = true;
  lines_ = open_input_lines(executor, std::move(settings));
}

net::awaitable<void> chat_console::run() {
  for (;;) {
    const result<input_line> line = co_await lines_->next();
    if (!line) {
      if (is_terminal_ && line.error().code() == errc::end_of_stream) server_.drain();
      co_return;
    }
    const bool goes_on = operator_.on_line(line->text, chat::chat_server::now());
    server_.note_news();
    if (!goes_on) {
      server_.drain();
      co_return;
    }
    lines_->set_prompt(operator_.target() + "> ");
  }
}

net::awaitable<void> chat_console::flush() { (void)co_await lines_->flush(net::event::clock::now() + flush_wait); }

void chat_console::show(std::string_view line) { (void)lines_->print(line); }

}  // namespace tcptools::cli
