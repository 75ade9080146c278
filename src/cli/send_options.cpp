#include "cli/send_options.hpp"

#include <map>

#include "cli/option_types.hpp"

namespace tcptools::cli {
namespace {

// Below this a receiver with its default idle timeout would take a sender for dead.
constexpr std::uint64_t least_rate = 4096;

result<std::uint64_t> parse_rate(const std::string& text) {
  auto rate = parse_size(text);
  if (rate && *rate < least_rate) return error{errc::usage, "must be at least 4KiB (a second)"};
  return rate;
}

}  // namespace

void add_send_options(CLI::App& app, send_options& options) {
  transfer::send_settings& settings = options.settings;
  app.add_option("PATH", options.paths, "Files and directories to send; - is standard input (needs --name)")
      ->type_name("");

  app.add_option("--host", settings.host, "The receiver: a name, an IPv4 or an IPv6 address")->type_name("HOST");
  app.add_option("--port", settings.port, "Its port")
      ->type_name("PORT")
      ->check(CLI::Range(1, 65535))
      ->default_val(1122);

  app.add_option("--name", options.name, "What the one PATH is called over there; may contain directories")
      ->type_name("NAME");
  app.add_option("--into", options.into, "A directory over there that everything goes into")->type_name("SUBDIR");
  app.add_option("--exclude", options.excludes,
                 "Leave out what matches (*, ?, [..], **; dir/ for directories); repeatable")
      ->type_name("GLOB")
      ->allow_extra_args(false)
      ->take_all();
  add_choice(app, "--links", options.links,
             std::map<std::string, transfer::links_policy>{{"skip", transfer::links_policy::skip},
                                                           {"follow", transfer::links_policy::follow},
                                                           {"keep", transfer::links_policy::keep}},
             "Symbolic links; default: follow the named ones, skip those inside trees");
  app.add_flag("--dry-run", options.dry_run, "Only list on standard output what would be sent");
  app.add_flag("--remove-source", settings.remove_source, "Remove each file once it is delivered");

  add_duration(app, "--retry-for",
               "Try again for so long, the first connection too (never after a refusal or a full disk)",
               [&settings](std::chrono::milliseconds value) {
                 settings.retry_for = value;
                 settings.resume_for = value;
               })
      ->default_str("0 at first, 30s once connected");
  add_wait(app, "--connect-timeout", "For each address of the host", [&settings](auto value) {
    settings.connect_timeout = value;
  })->default_str("10s");
  add_wait(app, "--idle-timeout", "Give up on a receiver that moves nothing for so long", [&settings](auto value) {
    settings.idle_timeout = value;
  })->default_str("30s");
  add_wait(app, "--deadline", "Give up on the whole run after so long",
           [&options](auto value) { options.deadline = value; });
  add_parsed(app, "--limit-rate", "SIZE", "Send at most so much a second", parse_rate,
             [&settings](std::uint64_t value) { settings.bytes_per_second = value; });

  add_choice(
      app, "--progress", options.progress,
      std::map<std::string, progress_mode>{
          {"auto", progress_mode::automatic}, {"always", progress_mode::always}, {"never", progress_mode::never}},
      "A progress line on standard error; auto: if it is a terminal");
  app.add_flag("--quiet", options.quiet, "Say nothing but errors");
  app.add_flag("--verbose", options.verbose, "Name every file and connection");
  app.add_flag("--json", options.json, "One JSON object a line on standard output");
  add_choice(app, "--protocol", options.protocol,
             std::map<std::string, send_protocol>{{"native", send_protocol::native}, {"compat", send_protocol::compat}},
             "compat: for receivers that speak NAME&SIZE");
}

}  // namespace tcptools::cli
