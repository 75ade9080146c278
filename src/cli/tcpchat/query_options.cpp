#include "cli/tcpchat/query_options.hpp"

#include <chrono>
#include <limits>

#include "tcptools/chat/names.hpp"

namespace tcptools::cli {
namespace {

void add_query_options(CLI::App& app, chat_query_options& options) {
  options.common.timeout = std::chrono::seconds{10};
  add_chat_options(app, options.common);
  add_json_option(app, options.common);
  add_timeout_option(app, options.common, "10s");
}

}  // namespace

void add_chat_who_options(CLI::App& app, chat_query_options& options) {
  add_query_options(app, options);
  add_room_option(app, options.room, "Only who is in this room");
}

void add_chat_history_options(CLI::App& app, chat_query_options& options) {
  options.room = chat::default_room;
  add_query_options(app, options);
  add_room_option(app, options.room, "The messages of this room");
  add_since_option(app, options.since, "Begin after this message, or with messages at most so old (10m); default: all");
  app.add_option("--limit", options.limit, "So many messages at most, the newest ones")
      ->type_name("N")
      ->check(CLI::Range(std::uint32_t{1}, std::numeric_limits<std::uint32_t>::max()));
}

}  // namespace tcptools::cli
