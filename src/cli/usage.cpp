#include "cli/usage.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cli/exit_code.hpp"
#include "cli/option_types.hpp"
#include "cli/status_line.hpp"
#include "tcptools/base/text.hpp"

namespace tcptools::cli {
namespace {

class help_text final : public CLI::Formatter {
 public:
  explicit help_text(std::string usage) : usage_{std::move(usage)} {}
  std::string make_usage(const CLI::App* /*app*/, std::string /*name*/) const override { return usage_ + '\n'; }

 private:
  std::string usage_;
};

}  // namespace

void set_usage(CLI::App& app, std::string lines) { app.formatter(std::make_shared<help_text>(std::move(lines))); }

int complain_about_usage(std::string_view program, std::string_view what) {
  status_line{std::string{program}}.say(std::string{what} + " (see " + std::string{program} + " --help)");
  return static_cast<int>(exit_code::usage);
}

std::optional<int> parse_command_line(CLI::App& app, int argc, char** argv) {
  std::vector<std::string> arguments;
  for (int i = argc - 1; i > 0; --i) arguments.push_back(shielded(argv[i]));
  try {
    app.parse(std::move(arguments));  // takes them in reverse
    return std::nullopt;
  } catch (const CLI::Success& asked) {
    return app.exit(asked);  // --help or --version, on standard output
  } catch (const CLI::ParseError& wrong) {
    return complain_about_usage(app.get_name(), visible(as_given(wrong.what())));
  }
}

int report_internal_error(std::string_view program, std::string_view what) {
  status_line{std::string{program}}.say("internal error: " + std::string{what});
  return static_cast<int>(exit_code::some_failed);
}

}  // namespace tcptools::cli
