#include "cli/keygen_program.hpp"

#include <pwd.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <filesystem>
#include <optional>
#include <span>

#include "cli/exit_code.hpp"
#include "cli/option_types.hpp"
#include "cli/status_line.hpp"
#include "cli/usage.hpp"
#include "tcptools/net/key_text.hpp"

namespace tcptools::cli {
namespace {

std::string user_name() {
  std::array<char, 4096> memory{};
  struct passwd entry{};
  struct passwd* found = nullptr;
  if (::getpwuid_r(::geteuid(), &entry, memory.data(), memory.size(), &found) == 0 && found != nullptr) {
    return found->pw_name;
  }
  return std::to_string(::geteuid());
}

std::string host_name() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

result<void> write_to_standard_output(byte_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return error{errc::usage, "cannot write to standard output: " + os_text(errno)};
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

// What to say if standard output is a file that others can read.
std::optional<std::string> exposure() {
  struct stat status{};
  const bool is_exposed =
      ::fstat(STDOUT_FILENO, &status) == 0 && S_ISREG(status.st_mode) && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0;
  if (!is_exposed) return std::nullopt;
  std::error_code failure;
  const std::filesystem::path file = std::filesystem::read_symlink("/proc/self/fd/1", failure);
  return "others can get at the key: chmod 600 " + (failure ? "it" : in_quotes(file.native()));
}

std::string keygen_help(const std::string& program) {
  return "How to use it:\n"
         "  (umask 077; " +
         program +
         " keygen > key)\n"
         "  Copy the file to both machines, and give --key key to both sides.\n\n"
         "Exit codes:\n"
         "  0  the key is written\n"
         "  1  it could not be\n"
         "  2  usage";
}

}  // namespace

std::string default_key_name(std::string_view user, std::string_view host) {
  constexpr std::size_t longest_half = 31;
  const auto fit = [](std::string_view text, std::string_view otherwise) {
    std::string half{text.substr(0, longest_half)};
    std::ranges::replace_if(half, [](char c) { return c == '@' || !net::is_key_name({&c, 1}); }, '-');
    return half.empty() ? std::string{otherwise} : half;
  };
  return fit(user, "user") + "@" + fit(host.substr(0, host.find('.')), "host");
}

int run_keygen(std::string_view program, int argc, char** argv) {
  const std::string verb = std::string{program} + " keygen";
  std::string name = default_key_name(user_name(), host_name());
  CLI::App app{"Makes a key: 256 random bits, on standard output as one line NAME:BASE64.", verb};
  set_usage(app, "Usage: " + verb + " [--name NAME] > FILE");
  app.footer(keygen_help(std::string{program}));
  add_text(app, "--name", "NAME", name, "What logs call its owner; default: " + name);
  if (const auto early = parse_command_line(app, argc, argv)) return *early;

  result<net::secret_bytes> line = net::make_key_line(name);
  if (!line) return complain_about_usage(verb, line.error().text());
  line->push_back(std::byte{'\n'});
  if (const result<void> written = write_to_standard_output(*line); !written) {
    status_line{verb}.say(written.error().text());
    return static_cast<int>(exit_code::some_failed);
  }
  if (const std::optional<std::string> warning = exposure()) status_line{verb}.say("warning: " + *warning);
  return static_cast<int>(exit_code::success);
}

}  // namespace tcptools::cli
