// The command line of `tcpchat send`.
#pragma once

#include <CLI/App.hpp>
#include <string>
#include <vector>

#include "cli/tcpchat/options.hpp"

namespace tcptools::cli {

struct chat_send_options {
  chat_options common;
  std::string room;  // empty: `to` is not
  std::string to;
  std::string id;                  // empty: none
  std::vector<std::string> texts;  // words of one message; none: lines of standard input
};

// Adds the options to `app`; `options` outlives it.
void add_chat_send_options(CLI::App& app, chat_send_options& options);

// The message that the arguments are: words, whatever they are separated by. Precondition: there are some.
[[nodiscard]] std::string message_of(const chat_send_options& options);

// What the options cannot say together, or not at all: one line, empty if all is well. Call it after parsing.
[[nodiscard]] std::string check_chat_send_options(chat_send_options& options);

}  // namespace tcptools::cli
