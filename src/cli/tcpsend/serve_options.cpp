#include "cli/tcpsend/serve_options.hpp"

#include "cli/option_types.hpp"

namespace tcptools::cli {

void add_serve_options(CLI::App& app, serve_options& options) {
  add_listen_options(app, options.listen, 1122);
  add_server_security_options(app, options.security, {"native", "compat"});
  add_text(app, "--dir", "DIR", options.directory, "Where files go; must exist");

  add_choice(app, "--on-conflict", options.store.on_conflict,
             choices<transfer::conflict_policy>{{"replace", transfer::conflict_policy::replace},
                                                {"keep-both", transfer::conflict_policy::keep_both},
                                                {"refuse", transfer::conflict_policy::refuse}},
             "What to do about a different file of the same name")
      ->default_str("replace");
  app.add_flag(
      "--in-place", options.store.in_place,
      "Write what changed of a large file into it instead of replacing it: fast, but seen before it is complete");
  add_size(app, "--max-file-size", "Refuse larger files", [&options](std::uint64_t size) {
    options.store.max_file_size = size;
  })->default_str("1TiB");
  add_size(app, "--min-free", "Keep this much of the disk free", [&options](std::uint64_t size) {
    options.store.min_free = size;
  })->default_str("64MiB");
  app.add_flag_callback(
      "--no-fsync", [&options] { options.store.fsync = false; }, "Report delivery without waiting for the disk");
  app.add_option("--max-sessions", options.server.max_sessions, "Turn further connections away")
      ->type_name("N")
      ->check(CLI::Range(1, 65535))
      ->default_val(options.server.max_sessions);
  app.add_option("--max-per-address", options.server.max_per_address, "Turn further connections of one address away")
      ->type_name("N")
      ->check(CLI::Range(1, 65535))
      ->default_val(options.server.max_per_address);
  add_wait(app, "--idle-timeout", "End sessions that move nothing for this long", [&options](auto value) {
    options.idle_timeout = value;
  })->default_str("30s");
  app.add_flag("--once", options.server.once, "Receive one session, then exit with its result");
  add_choice(app, "--compat", options.server.compat, choices<bool>{{"on", true}, {"off", false}},
             "Also take senders that speak NAME&SIZE")
      ->default_str("on");
  add_text(app, "--exec", "COMMAND", options.exec,
           "Run this program after each delivered file, one at a time, with the file's path as its argument and "
           "TCPSEND_PATH, _NAME, _SIZE, _DIGEST, _PEER, _KEY, _CERTIFICATE in its environment");
  add_confine_option(app, options.confine);
  app.add_flag("--json", options.json, "One JSON object a line on standard output");
  add_log_options(app, options.log);
}

}  // namespace tcptools::cli
