#include "cli/tcpchat/listen_options.hpp"

#include <limits>

#include "cli/option_types.hpp"
#include "tcptools/chat/names.hpp"

namespace tcptools::cli {

void add_chat_listen_options(CLI::App& app, chat_listen_options& options) {
  options.room = chat::default_room;
  add_chat_options(app, options.common);
  add_json_option(app, options.common);
  add_room_option(app, options.room, "Listen in this room");
  add_since_option(app, options.since,
                   "Begin after this message, with messages at most so old (10m), or with all there are; otherwise "
                   "with the next one");
  app.add_option("--count", options.count, "End after so many messages")
      ->type_name("N")
      ->check(CLI::Range(std::uint64_t{1}, std::numeric_limits<std::uint64_t>::max()));
  add_wait(app, "--for", "End after this long", [&options](auto value) { options.duration = value; });
  add_parsed(
      app, "--match", "REGEX", "Only messages whose text matches this extended regular expression",
      [](const std::string& text) { return text_pattern::compile(as_given(text)); },
      [&options](const text_pattern& pattern) { options.match = pattern; });
  add_text(app, "--from", "NICK", options.from, "Only messages of this one");
  add_text(app, "--exec", "COMMAND", options.exec,
           "Run this program for each message, one at a time, with the text on its standard input and TCPCHAT_ROOM, "
           "_EPOCH, _ID, _TIME, _FROM, _REPLAYED (_TO if it is to this one alone) in its environment");
  add_retry_option(app, options.common);
}

}  // namespace tcptools::cli
