// --confine: a server that gives away what it does not need before it serves anybody.
#pragma once

#include <CLI/App.hpp>
#include <cstdint>
#include <string>

#include "tcptools/base/confinement.hpp"
#include "tcptools/base/result.hpp"

namespace tcptools::cli {

enum class confine_mode : std::uint8_t {
  automatic,  // where the kernel can and no programs are run
  on,
  off,
};

void add_confine_option(CLI::App& app, confine_mode& mode);

struct confine_outcome {
  bool is_confined = false;
  std::string why_not;
};

// Adds what every server needs. `runs_programs`: of the user's, which would be confined as well. Fails with errc::usage
// where `mode` is on and it cannot be done. Precondition: no other thread runs.
[[nodiscard]] result<confine_outcome> confine_server(confine_mode mode, access_needs needs, bool runs_programs,
                                                     const std::string& port_file);

// The directory that a file is in, and with a link the one that the file behind it is in: to read the file again after
// it was replaced.
[[nodiscard]] std::vector<std::filesystem::path> directories_of(const std::string& file);

}  // namespace tcptools::cli
