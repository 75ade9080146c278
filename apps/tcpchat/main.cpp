// tcpchat: carries messages over TCP.
#include <CLI/App.hpp>
#include <exception>
#include <string>
#include <string_view>

#include "cli/chat_serve_options.hpp"
#include "cli/chat_serve_program.hpp"
#include "cli/exit_code.hpp"
#include "cli/usage.hpp"

namespace tcptools::cli {
namespace {

int serve(int argc, char** argv) {
  CLI::App app{"Serves chat rooms to terminals, scripts and plain TCP clients.", "tcpchat serve"};
  set_usage(app, "Usage: tcpchat serve [OPTIONS]");
  chat_serve_options options;
  add_chat_serve_options(app, options);
  if (const auto early = parse_command_line(app, argc, argv)) return *early;
  return run_chat_serve(options);
}

}  // namespace
}  // namespace tcptools::cli

int main(int argc, char** argv) {
  try {
    return tcptools::cli::serve(argc - 1, argv + 1);
  } catch (const std::exception& exception) {
    return tcptools::cli::report_internal_error("tcpchat", exception.what());
  }
}
