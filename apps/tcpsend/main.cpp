// tcpsend: delivers files over TCP.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <exception>
#include <string>
#include <string_view>

#include "cli/client_security.hpp"
#include "cli/exit_code.hpp"
#include "cli/keygen_program.hpp"
#include "cli/tcpsend/send_options.hpp"
#include "cli/tcpsend/send_program.hpp"
#include "cli/tcpsend/serve_options.hpp"
#include "cli/tcpsend/serve_program.hpp"
#include "cli/usage.hpp"
#include "tcptools/base/version.hpp"

namespace tcptools::cli {
namespace {

int send(int argc, char** argv) {
  CLI::App app{"Delivers files over TCP: verified, resumable, complete or not at all.", "tcpsend"};
  app.set_version_flag("--version", "tcpsend " + std::string{version()});
  set_usage(app,
            "Usage: tcpsend [OPTIONS] --host HOST [--port PORT] PATH...\n"
            "       tcpsend serve [OPTIONS] --dir DIR      receive; see tcpsend serve --help\n"
            "       tcpsend keygen [--name NAME] > FILE    make a key");
  app.footer(std::string{exit_code_help});
  send_options options;
  add_send_options(app, options);
  if (const auto early = parse_command_line(app, argc, argv)) return *early;
  if (options.settings.host.empty()) return complain_about_usage("tcpsend", "--host is required");
  if (options.paths.empty()) {
    return complain_about_usage("tcpsend", "nothing to send: name a file, a directory, or - for standard input");
  }
  if (!options.dry_run) {
    if (const auto bad = read_client_security("tcpsend", options.security, options.settings.tls)) return *bad;
  }
  return run_send(options);
}

int serve(int argc, char** argv) {
  CLI::App app{"Receives files into a directory.", "tcpsend serve"};
  set_usage(app, "Usage: tcpsend serve [OPTIONS] --dir DIR");
  app.footer(std::string{serve_exit_code_help});
  serve_options options;
  add_serve_options(app, options);
  if (const auto early = parse_command_line(app, argc, argv)) return *early;
  if (options.directory.empty()) return complain_about_usage("tcpsend serve", "--dir is required");
  return run_serve(options);
}

}  // namespace
}  // namespace tcptools::cli

int main(int argc, char** argv) {
  try {
    // Only as the first word: a file may have this name as well.
    const std::string_view first = argc > 1 ? argv[1] : "";
    if (first == "serve") return tcptools::cli::serve(argc - 1, argv + 1);
    if (first == "keygen") return tcptools::cli::run_keygen("tcpsend", argc - 1, argv + 1);
    return tcptools::cli::send(argc, argv);
  } catch (const std::exception& exception) {
    return tcptools::cli::report_internal_error("tcpsend", exception.what());
  }
}
