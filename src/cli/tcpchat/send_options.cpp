#include "cli/tcpchat/send_options.hpp"

#include <algorithm>

#include "cli/option_types.hpp"
#include "tcptools/chat/limits.hpp"
#include "tcptools/chat/names.hpp"
#include "tcptools/chat/safe_text.hpp"

namespace tcptools::cli {
namespace {

// A line's number and a point follow the key where there are several.
constexpr std::size_t longest_line_number = 16;

// An empty one is a variable that was not set: what is for one alone must not go to a room then.
result<std::string> not_empty(const std::string& text) {
  if (text.empty()) return error{errc::usage, "must not be empty"};
  return as_given(text);
}

}  // namespace

void add_chat_send_options(CLI::App& app, chat_send_options& options) {
  add_texts(app, "TEXT", "", options.texts, "The message, joined by spaces; without it every line of standard input");
  add_chat_options(app, options.common);
  add_json_option(app, options.common);
  add_room_option(app, options.room, "Send to this room; default: lobby");
  add_parsed(app, "--to", "NICK", "Send to this one alone", not_empty,
             [&options](const std::string& nick) { options.to = nick; });
  add_parsed(app, "--id", "KEY",
             "Post a message with this key once, however often it is sent within a day; lines of standard input have "
             "KEY.1, KEY.2, ...",
             not_empty, [&options](const std::string& key) { options.id = key; });
  add_retry_option(app, options.common);
  add_timeout_option(app, options.common, "");
}

std::string message_of(const chat_send_options& options) {
  std::string text;
  for (const std::string& word : options.texts) text += (text.empty() ? "" : " ") + word;
  std::ranges::replace(text, '\n', ' ');
  return text;
}

std::string check_chat_send_options(chat_send_options& options) {
  if (!options.room.empty() && !options.to.empty()) return "--room and --to exclude each other";
  if (!options.id.empty() && !options.to.empty()) return "--id is for rooms; who has a nickname is sent all";
  const bool is_empty = !options.texts.empty() && chat::safe_text(message_of(options)).empty();
  if (is_empty) return "there is nothing in the message";
  const std::size_t longest = chat::limits::key - (options.texts.empty() ? longest_line_number : 0);
  if (options.id.size() > longest) return "--id may have " + std::to_string(longest) + " bytes at most";
  if (options.room.empty() && options.to.empty()) options.room = chat::default_room;
  return {};
}

}  // namespace tcptools::cli
