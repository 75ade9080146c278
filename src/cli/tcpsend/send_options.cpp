#include "cli/tcpsend/send_options.hpp"

#include <charconv>
#include <optional>
#include <string>
#include <system_error>

#include "cli/option_types.hpp"
#include "tcptools/transfer/limits.hpp"

namespace tcptools::cli {
namespace {

// Below this a receiver with its default idle timeout would take a sender for dead.
constexpr std::uint64_t least_rate = 4096;

result<std::uint64_t> parse_rate(const std::string& text) {
  auto rate = parse_size(text);
  if (rate && *rate < least_rate) return error{errc::usage, "must be at least 4KiB (a second)"};
  return rate;
}

// Nothing: as many as are worth it.
result<std::optional<unsigned>> parse_streams(const std::string& text) {
  if (text == "auto") return std::optional<unsigned>{};
  unsigned count = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), count);
  const bool is_number = failure == std::errc{} && end == text.data() + text.size();
  if (is_number && count >= 1 && count <= transfer::limits::most_connections) return std::optional{count};
  return error{errc::usage, in_quotes(text) + " is neither auto nor a number from 1 to " +
                                std::to_string(transfer::limits::most_connections)};
}

}  // namespace

void add_send_options(CLI::App& app, send_options& options) {
  transfer::send_settings& settings = options.settings;
  add_texts(app, "PATH", "", options.paths, "Files and directories to send; - is standard input (needs --name)");

  add_text(app, "--host", "HOST", settings.host, "The receiver: a name, an IPv4 or an IPv6 address");
  add_port(app, settings.port, false, "Its port");
  add_client_security_options(app, options.security);

  add_parsed(
      app, "--name", "NAME", "What the one PATH is to be called there; may contain directories",
      [](const std::string& text) { return result<std::string>{as_given(text)}; },
      [&options](const std::string& value) { options.name = value; });
  add_text(app, "--into", "SUBDIR", options.into, "A directory below the receiver's that everything goes into");
  add_texts(app, "--exclude", "GLOB", options.excludes,
            "Leave out what matches, relative to each PATH (*, ?, [..], **/; dir/ for directories); repeatable")
      ->allow_extra_args(false)
      ->take_all();
  add_choice(app, "--links", options.links,
             choices<transfer::links_policy>{{"skip", transfer::links_policy::skip},
                                             {"follow", transfer::links_policy::follow},
                                             {"keep", transfer::links_policy::keep}},
             "Symbolic links; default: follow the named ones, skip those inside trees");
  app.add_flag("--dry-run", options.dry_run, "Only list on standard output what would be sent");
  app.add_flag("--remove-source", settings.remove_source, "Remove each file once it is delivered");
  app.add_flag("--quick", settings.quick_check,
               "Pass over files that the receiver has with the same size and time; their content is not compared");

  add_duration(app, "--retry-for",
               "Keep trying this long, the first connection too (never after a refusal or a full disk); default: 30s, "
               "and only once connected",
               [&settings](std::chrono::milliseconds value) {
                 settings.retry_for = value;
                 settings.resume_for = value;
               });
  add_wait(app, "--connect-timeout", "For each address of the host", [&settings](auto value) {
    settings.connect_timeout = value;
  })->default_str("10s");
  add_wait(app, "--idle-timeout", "Give up on a receiver that moves nothing for this long", [&settings](auto value) {
    settings.idle_timeout = value;
  })->default_str("30s");
  add_wait(app, "--deadline", "Give up on the whole run after this long",
           [&options](auto value) { options.deadline = value; });
  add_parsed(app, "--limit-rate", "SIZE", "Send at most this much per second", parse_rate,
             [&settings](std::uint64_t value) { settings.bytes_per_second = value; });
  add_choice(app, "--compress", settings.compress,
             choices<transfer::compression_mode>{{"auto", transfer::compression_mode::automatic},
                                                 {"zstd", transfer::compression_mode::always},
                                                 {"off", transfer::compression_mode::off}},
             "Content on its way; auto: where it shrinks and the network is slower than compressing");
  add_parsed(app, "--streams", "N|auto",
             "Use up to N connections (1 to 16) at once; auto: more than one only where that is faster, and never with "
             "--limit-rate",
             parse_streams, [&settings](std::optional<unsigned> value) { settings.connections = value; })
      ->default_str("auto");

  add_choice(
      app, "--progress", options.progress,
      choices<progress_mode>{
          {"auto", progress_mode::automatic}, {"always", progress_mode::always}, {"never", progress_mode::never}},
      "A progress line on standard error; auto: if it is a terminal");
  app.add_flag("--quiet", options.quiet, "Say nothing but errors");
  app.add_flag("--verbose", options.verbose, "Name every file and connection");
  app.add_flag("--json", options.json, "One JSON object a line on standard output");
  add_choice(app, "--protocol", options.protocol,
             choices<send_protocol>{{"native", send_protocol::native}, {"compat", send_protocol::compat}},
             "compat: for receivers that speak NAME&SIZE");
}

}  // namespace tcptools::cli
