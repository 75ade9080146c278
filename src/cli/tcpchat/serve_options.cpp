#include "cli/tcpchat/serve_options.hpp"

#include "cli/option_types.hpp"
#include "tcptools/chat/safe_text.hpp"

namespace tcptools::cli {
namespace {

void add_count(CLI::App& app, const std::string& name, std::size_t& value, std::size_t least, std::size_t most,
               const std::string& help) {
  app.add_option(name, value, help)->type_name("N")->check(CLI::Range(least, most))->default_val(value);
}

// A number of bytes within bounds.
void add_bytes(CLI::App& app, const std::string& name, std::size_t& value, std::uint64_t least,
               const std::string& usual, const std::string& help) {
  const auto parse = [least](const std::string& text) -> result<std::uint64_t> {
    auto size = parse_size(text);
    if (size && *size < least) return error{errc::usage, "must be at least " + format_size(least)};
    return size;
  };
  add_parsed(app, name, "SIZE", help, parse, [&value](std::uint64_t size) { value = size; })->default_str(usual);
}

void add_flood_options(CLI::App& app, chat::flood_limits& flood) {
  add_choice(app, "--flood", flood.off, choices<bool>{{"on", false}, {"off", true}},
             "off: sessions may say as much as they like, for benchmarks and trusted feeds")
      ->default_str("on");
  const auto add_number = [&app](const std::string& name, double& value, const std::string& help) {
    app.add_option(name, value, help)->type_name("N")->check(CLI::Range(1.0, 1e9))->default_val(value);
  };
  add_number("--message-rate", flood.messages_per_second, "Messages a second that one session may say");
  add_number("--message-burst", flood.message_burst, "Messages it may say at once");
  add_size(app, "--byte-rate", "Bytes a second that one session may say", [&flood](std::uint64_t size) {
    flood.bytes_per_second = static_cast<double>(std::max<std::uint64_t>(size, 1));
  })->default_str("128KiB");
  add_size(app, "--byte-burst", "Bytes it may say at once", [&flood](std::uint64_t size) {
    flood.byte_burst = static_cast<double>(std::max<std::uint64_t>(size, 1));
  })->default_str("1MiB");
}

}  // namespace

void add_chat_serve_options(CLI::App& app, chat_serve_options& options) {
  add_listen_options(app, options.listen, 6677);
  add_server_security_options(app, options.security, {"structured", "plain"});

  chat::server_settings& chat = options.chat;
  add_text(app, "--history", "FILE", options.history, "Keep messages in this file (SQLite), beyond the server's life");
  add_count(app, "--history-messages", chat.history.messages, 0, 10'000'000, "Keep so many messages of each room");
  add_bytes(app, "--history-bytes", chat.history.bytes, 0, "16MiB", "Keep at most this much of each room");

  add_choice(app, "--relay", chat.relays_to_operator, choices<bool>{{"room", false}, {"operator", true}},
             "operator: what is said to a room goes to the console only, and is answered from there")
      ->default_str("room");
  app.add_flag("--console", options.console,
               "Take the operator's lines from standard input (/help lists them); without it only from a terminal");
  add_parsed(
      app, "--motd", "TEXT", "Greet everybody with this line",
      [](const std::string& text) { return result<std::string>{chat::safe_text(as_given(text))}; },
      [&chat](const std::string& text) { chat.motd = text; });

  add_count(app, "--max-sessions", chat.max_sessions, 1, 1'000'000, "Turn further connections away");
  add_count(app, "--max-per-address", chat.max_per_address, 1, 1'000'000,
            "Turn further connections of one address away");
  add_bytes(app, "--max-backlog", chat.max_backlog, 64U << 10U, "16MiB",
            "End sessions that have so much to read and do not");
  add_bytes(app, "--max-memory", chat.max_memory, 1U << 20U, "512MiB",
            "Memory of logs and queues, beyond which the slowest sessions end");
  add_flood_options(app, chat.flood);
  add_confine_option(app, options.confine);
  add_log_options(app, options.log);
}

}  // namespace tcptools::cli
