// tcpsend: delivers files over TCP.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <exception>
#include <string>

#include "cli/exit_code.hpp"
#include "cli/send_options.hpp"
#include "cli/send_program.hpp"
#include "cli/serve_options.hpp"
#include "cli/serve_program.hpp"
#include "cli/usage.hpp"
#include "tcptools/base/version.hpp"

namespace {

using namespace tcptools::cli;

int run(int argc, char** argv) {
  CLI::App app{"Delivers files over TCP: verified, resumable, complete or not at all.", "tcpsend"};
  app.set_version_flag("--version", "tcpsend " + std::string{tcptools::version()});
  set_usage(app,
            "Usage: tcpsend [OPTIONS] --host HOST [--port PORT] PATH...\n       tcpsend serve [OPTIONS] --dir DIR");
  app.footer(std::string{exit_code_help});
  send_options sending;
  add_send_options(app, sending);

  CLI::App* const serve = app.add_subcommand("serve", "Receive files into a directory");
  set_usage(*serve, "Usage: tcpsend serve [OPTIONS] --dir DIR");
  serve->footer(std::string{exit_code_help});
  serve_options serving;
  add_serve_options(*serve, serving);

  if (const auto early = parse_command_line(app, argc, argv)) return *early;
  if (*serve) return run_serve(serving);
  if (sending.settings.host.empty()) return complain_about_usage("tcpsend", "--host is required");
  if (sending.paths.empty())
    return complain_about_usage("tcpsend", "nothing to send: name a file, a directory, or - for standard input");
  return run_send(sending);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& exception) {
    return report_internal_error("tcpsend", exception.what());
  }
}
