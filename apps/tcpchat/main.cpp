// tcpchat: carries messages over TCP.
#include <CLI/App.hpp>
#include <array>
#include <exception>
#include <string>
#include <string_view>

#include "cli/keygen_program.hpp"
#include "cli/tcpchat/connect.hpp"
#include "cli/tcpchat/listen_program.hpp"
#include "cli/tcpchat/query_program.hpp"
#include "cli/tcpchat/send_program.hpp"
#include "cli/tcpchat/serve_program.hpp"
#include "cli/terminal.hpp"
#include "cli/usage.hpp"
#include "tcptools/base/version.hpp"

namespace tcptools::cli {
namespace {

struct verb {
  std::string_view name;
  int (*run)(int argc, char** argv);
};
constexpr std::array verbs{verb{"serve", run_chat_serve}, verb{"connect", run_chat_connect},
                           verb{"send", run_chat_send},   verb{"listen", run_chat_listen},
                           verb{"who", run_chat_who},     verb{"history", run_chat_history}};

int without_verb(int argc, char** argv) {
  CLI::App app{"Carries messages over TCP.", "tcpchat"};
  app.set_version_flag("--version", "tcpchat " + std::string{version()});
  set_usage(app,
            "Usage: tcpchat serve [OPTIONS]              serve rooms\n"
            "       tcpchat connect [OPTIONS]            talk in a room\n"
            "       tcpchat send [OPTIONS] [TEXT...]     say something and leave\n"
            "       tcpchat listen [OPTIONS]             write what is said to standard output\n"
            "       tcpchat who [OPTIONS]                list who is there\n"
            "       tcpchat history [OPTIONS]            write what was said to standard output\n"
            "       tcpchat keygen [--name NAME] > FILE  make a key\n"
            "Each has its own --help.");
  if (const auto early = parse_command_line(app, argc, argv)) return *early;
  return complain_about_usage("tcpchat", "what to do?");
}

int run(int argc, char** argv) {
  // Before: a key written to nowhere is an error.
  if (argc > 1 && std::string_view{argv[1]} == "keygen") return run_keygen("tcpchat", argc - 1, argv + 1);
  keep_standard_descriptors();
  for (const auto& [name, run_verb] : verbs) {
    if (argc > 1 && name == argv[1]) return run_verb(argc - 1, argv + 1);
  }
  return without_verb(argc, argv);
}

}  // namespace
}  // namespace tcptools::cli

int main(int argc, char** argv) {
  try {
    return tcptools::cli::run(argc, argv);
  } catch (const std::exception& exception) {
    return tcptools::cli::report_internal_error("tcpchat", exception.what());
  }
}
