#include "cli/tcpchat/options.hpp"

#include <charconv>
#include <system_error>

#include "cli/option_types.hpp"
#include "tcptools/chat/names.hpp"

namespace tcptools::cli {
namespace {

constexpr std::uint16_t usual_chat_port = 6677;

result<std::string> parse_nick(const std::string& text) {
  if (!chat::is_nick(text)) {
    return error{errc::usage,
                 in_quotes(text) + " is no nickname: 1 to 32 of A-Z a-z 0-9 . _ -, the first of them a letter"};
  }
  if (chat::is_reserved_nick(text)) return error{errc::usage, "the nickname " + in_quotes(text) + " is reserved"};
  return text;
}

result<std::string> parse_room(const std::string& text) {
  const auto room = chat::canonical_room(text);
  if (!room) return error{errc::usage, in_quotes(text) + " is no room: 1 to 32 of a-z 0-9 . _ -"};
  return *room;
}

std::optional<std::uint64_t> parse_id(std::string_view text) {
  std::uint64_t id = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return id;
}

}  // namespace

result<chat::since> parse_since(const std::string& text) {
  if (text == "all") return chat::since{0, {}, {}};
  if (const auto id = parse_id(text)) return chat::since{id, {}, {}};
  if (const std::size_t colon = text.find(':'); colon != std::string::npos) {
    const std::string epoch = text.substr(0, colon);
    const auto id = parse_id(std::string_view{text}.substr(colon + 1));
    if (id && chat::is_epoch(epoch)) return chat::since{id, epoch, {}};
  } else if (const auto age = parse_duration(text)) {
    return chat::since{{}, {}, std::chrono::ceil<std::chrono::seconds>(*age)};
  }
  return error{errc::usage, in_quotes(text) + " is no ID, EPOCH:ID or duration with a unit, nor all"};
}

void add_chat_options(CLI::App& app, chat_options& options) {
  chat::client_settings& client = options.client;
  add_text(app, "--host", "HOST", client.host, "The server: a name, an IPv4 or an IPv6 address")
      ->default_str(client.host);
  add_port(app, client.port, false, "Its port", usual_chat_port);
  add_client_security_options(app, options.security);
  add_parsed(app, "--nick", "NAME", "Be called this; otherwise a guest named after the address", parse_nick,
             [&client](const std::string& nick) { client.session.nick = nick; });
  add_wait(app, "--connect-timeout", "For each address of the host", [&client](auto value) {
    client.connect_timeout = value;
  })->default_str("10s");
  app.add_flag("--quiet", options.quiet, "Say nothing but errors, and what was lost");
  app.add_flag("--verbose", options.verbose, "Name connections");
}

void add_json_option(CLI::App& app, chat_options& options) {
  app.add_flag("--json", options.json, "One JSON object a line on standard output");
}

void add_retry_option(CLI::App& app, chat_options& options) {
  add_duration(app, "--retry-for",
               "Keep trying this long, the first connection too (never after a refusal); default: 30s, and only once "
               "connected",
               [&options](std::chrono::milliseconds value) {
                 options.client.retry_for = value;
                 options.client.resume_for = value;
               });
}

void add_timeout_option(CLI::App& app, chat_options& options, const std::string& usual) {
  auto* const option = add_wait(app, "--timeout", "Give up on the whole run after this long",
                                [&options](auto value) { options.timeout = value; });
  if (!usual.empty()) option->default_str(usual);
}

CLI::Option* add_room_option(CLI::App& app, std::string& room, const std::string& help) {
  auto* const option =
      add_parsed(app, "--room", "ROOM", help, parse_room, [&room](const std::string& value) { room = value; });
  return room.empty() ? option : option->default_str(room);
}

CLI::Option* add_since_option(CLI::App& app, std::optional<chat::since>& since, const std::string& help) {
  return add_parsed(app, "--since", "ID|EPOCH:ID|DURATION|all", help, parse_since,
                    [&since](const chat::since& value) { since = value; });
}

}  // namespace tcptools::cli
