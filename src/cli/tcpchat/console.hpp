// The operator's console of a chat server: standard input and output, a terminal or not.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "cli/tcpchat/input_lines.hpp"
#include "tcptools/chat/chat_server.hpp"
#include "tcptools/chat/operator_machine.hpp"
#include "tcptools/net/completion.hpp"

namespace tcptools::cli {

class chat_console {
 public:
  // Both outlive the console.
  chat_console(const net::any_executor& executor, chat::chat_machine& machine, chat::chat_server& server);

  // Takes lines until the end of input or stop(). /quit, and on a terminal the end of input, drain the server.
  [[nodiscard]] net::awaitable<void> run();
  void stop() { lines_->stop(); }
  // Waits a moment for what was shown to be written.
  [[nodiscard]] net::awaitable<void> flush();

  void show(std::string_view line);

 private:
  bool is_terminal_;
  chat::chat_server& server_;
  chat::operator_machine operator_;
  std::unique_ptr<input_lines> lines_;
};

}  // namespace tcptools::cli
