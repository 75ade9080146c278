// Command lines that are not understood. Whoever makes an App includes this: the library leaves it incomplete.
#pragma once

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace tcptools::cli {

// The usage lines of --help, in place of the ones the library makes.
void set_usage(CLI::App& app, std::string lines);

// Nothing if the program is to go on; otherwise the exit code, after help, version or the complaint was printed.
[[nodiscard]] std::optional<int> parse_command_line(CLI::App& app, int argc, char** argv);

// One line on standard error; exit_code::usage.
[[nodiscard]] int complain_about_usage(std::string_view program, std::string_view what);

// Something that cannot happen did, or memory ran out.
[[nodiscard]] int report_internal_error(std::string_view program, std::string_view what);

}  // namespace tcptools::cli
