// chat_load: puts load on chat servers and message brokers, and measures what they do with it. One JSON object on
// standard output tells the result. It shares nothing with tcpchat but the document of its protocol,
// and how TLS is set up.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <exception>
#include <iostream>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dialect.hpp"
#include "link.hpp"
#include "load.hpp"
#include "tcptools/base/units.hpp"

namespace tcptools::bench {
namespace {

constexpr std::uint64_t window_bytes = 262'144;

// So many bytes to each receiver on their way keep every server busy and overflow none of their bounds.
std::uint32_t default_window(const fanout_options& options) {
  if (options.rate > 0) return 0;
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(window_bytes / options.size, 16, 1024));
}

template <class Parse, class Value>
void add_parsed(CLI::App& app, const std::string& name, Value& into, Parse parse, const std::string& help) {
  app.add_option_function<std::string>(
      name,
      [&into, parse, name](const std::string& text) {
        auto parsed = parse(text);
        if (!parsed) throw CLI::ValidationError{name, parsed.error().text()};
        into = *parsed;
      },
      help);
}

void add_server_options(CLI::App& app, server_options& server, std::string& key) {
  app.add_option("--speak", server.language,
                 "The server's language: structured and plain (tcpchat), nats, resp (Redis), "
                 "asio (Asio's example with callbacks), lines (the one with coroutines, ncat --broker)")
      ->required()
      ->check(CLI::IsMember{std::vector<std::string>{std::begin(languages), std::end(languages)}});
  app.add_option("--host", server.host, "The server's IPv4 address")->capture_default_str();
  app.add_option("--port", server.port, "The server's port")->required();
  app.add_option("--key", key, "Over TLS, with the key in this file");
  app.add_option("--server-pid", server.process, "Report what this process uses");
}

CLI::App* add_fanout(CLI::App& app, fanout_options& options, CLI::Option*& window) {
  CLI::App* fanout = app.add_subcommand("fanout", "One sender, many receivers");
  fanout->add_option("--receivers", options.receivers)->required()->check(CLI::Range(1, 1'000'000));
  fanout->add_option("--messages", options.messages)->required()->check(CLI::Range(1, 1'000'000'000));
  options.size = 128;
  add_parsed(*fanout, "--size", options.size, parse_size, "Of each message's text; 33 to 16k [128]");
  fanout->add_option("--rate", options.rate, "Messages a second, at fixed times; 0: as many as possible")
      ->check(CLI::Range(0.0, 1e7))
      ->capture_default_str();
  window = fanout->add_option("--window", options.window,
                              "Messages that not all receivers have got yet, at most; 0: any number [with --rate 0, "
                              "otherwise 256 KiB of them, 16 to 1024]");
  fanout->add_option("--stalled", options.stalled, "Further receivers that never read")
      ->check(CLI::Range(0, 1'000'000));
  fanout->add_option("--threads", options.threads, "That receive")->check(CLI::Range(1, 256))->capture_default_str();
  add_parsed(*fanout, "--patience", options.patience, parse_duration,
             "How long nothing may happen before it ends [10s]");
  return fanout;
}

void add_idle(CLI::App& app, idle_options& options) {
  CLI::App* idle = app.add_subcommand("idle", "Sessions that say nothing");
  idle->add_option("--sessions", options.sessions)->required()->check(CLI::Range(1, 1'000'000));
  options.hold = std::chrono::seconds{5};
  add_parsed(*idle, "--hold", options.hold, parse_duration, "How long, once all are there [5s]");
}

int run(int argc, char** argv) {
  CLI::App app{"Puts load on a chat server and measures it.", "chat_load"};
  app.require_subcommand(1);
  app.fallthrough();
  server_options server;
  std::string key;
  fanout_options fanout;
  idle_options idle;
  CLI::Option* window = nullptr;
  add_server_options(app, server, key);
  const CLI::App* fans_out = add_fanout(app, fanout, window);
  add_idle(app, idle);
  CLI11_PARSE(app, argc, argv);
  if (!key.empty()) server.tls = tls_by_key(key);

  if (!fans_out->parsed()) {
    std::cout << run_idle(server, idle) << '\n';
    return 0;
  }
  if (fanout.size < least_size || fanout.size > 16'384) {
    std::cerr << "chat_load: --size: 33 to 16k\n";
    return 2;
  }
  if (window->count() == 0) fanout.window = default_window(fanout);
  std::cout << run_fanout(server, fanout) << '\n';
  return 0;
}

}  // namespace
}  // namespace tcptools::bench

int main(int argc, char** argv) {
  try {
    return tcptools::bench::run(argc, argv);
  } catch (const std::exception& exception) {
    std::cerr << "chat_load: " << exception.what() << '\n';
    return 1;
  }
}
