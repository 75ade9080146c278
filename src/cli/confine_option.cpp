#include "cli/confine_option.hpp"

#include <system_error>
#include <utility>

#include "cli/option_types.hpp"

namespace tcptools::cli {
namespace {

std::filesystem::path directory_of(const std::filesystem::path& file) {
  return file.has_parent_path() ? file.parent_path() : ".";
}

// Address sanitizer looks for leaks at the end, and for threads to do so.
void add_needs_of_sanitizers([[maybe_unused]] access_needs& needs) {
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
  needs.readable.emplace_back("/proc");
#endif
#endif
}

}  // namespace

void add_confine_option(CLI::App& app, confine_mode& mode) {
  add_choice(
      app, "--confine", mode,
      choices<confine_mode>{{"auto", confine_mode::automatic}, {"on", confine_mode::on}, {"off", confine_mode::off}},
      "Give away access to all files that are not needed, as far as the kernel can (auto), or fail (on)")
      ->default_str("auto");
}

result<confine_outcome> confine_server(confine_mode mode, access_needs needs, bool runs_programs,
                                       const std::string& port_file) {
  if (mode == confine_mode::off) return confine_outcome{false, "--confine off"};
  if (runs_programs) {
    if (mode == confine_mode::on)
      return error{errc::usage, "--confine on and --exec do not go together: the program would be confined, too"};
    return confine_outcome{false, "--exec runs programs"};
  }
  // The descriptor in reserve is opened again; some processors have no random numbers of their own.
  needs.readable.insert(needs.readable.end(), {"/dev/null", "/dev/urandom"});
  add_needs_of_sanitizers(needs);
  if (!port_file.empty()) needs.tidied.push_back(directory_of(port_file));
  const result<void> done = confine(needs);
  if (done) return confine_outcome{true, {}};
  if (mode == confine_mode::on) return done.error();
  return confine_outcome{false, done.error().text()};
}

std::vector<std::filesystem::path> directories_of(const std::string& file) {
  if (file.empty()) return {};
  std::vector<std::filesystem::path> all{directory_of(file)};
  std::error_code failure;
  const std::filesystem::path behind = std::filesystem::canonical(file, failure);
  if (!failure) all.push_back(directory_of(behind));
  return all;
}

}  // namespace tcptools::cli
