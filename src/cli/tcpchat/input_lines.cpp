#include "cli/tcpchat/input_lines.hpp"

#include <unistd.h>

#include <utility>

#include "cli/tcpchat/line_editor.hpp"
#include "cli/tcpchat/output_lines.hpp"
#include "cli/tcpchat/pipe_lines.hpp"
#include "cli/terminal.hpp"

namespace tcptools::cli {
namespace {

bool can_move_its_cursor(std::string_view terminal) { return !terminal.empty() && terminal != "dumb"; }

}  // namespace

std::unique_ptr<input_lines> open_input_lines(const net::any_executor& executor, input_settings settings) {
  std::unique_ptr<text_output> output;
  if (settings.never_waits) {
    output = std::make_unique<output_lines>(executor, STDOUT_FILENO);
  } else {
    output = std::make_unique<blocking_output>(STDOUT_FILENO);
  }
  if (is_interactive() && can_move_its_cursor(environment("TERM"))) {
    return std::make_unique<line_editor>(executor, STDIN_FILENO, std::move(output), std::move(settings));
  }
  return std::make_unique<pipe_lines>(executor, STDIN_FILENO, std::move(output));
}

}  // namespace tcptools::cli
