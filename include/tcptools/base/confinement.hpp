// A process that gives away what it does not need (Linux: Landlock). docs/security.md, "Confinement".
#pragma once

#include <filesystem>
#include <vector>

#include "tcptools/base/result.hpp"

namespace tcptools {

// What can still be opened; what is open already is not concerned. A file or directory that is not there is left out.
struct access_needs {
  std::vector<std::filesystem::path> trees;     // directories beneath which everything ordinary can be done
  std::vector<std::filesystem::path> files;     // to read and write
  std::vector<std::filesystem::path> readable;  // files, or directories beneath which all can be read
  std::vector<std::filesystem::path> tidied;    // directories beneath which files can be removed
};

// How much the kernel can keep a process from: the version of Landlock's interface, 0 without it.
[[nodiscard]] int confinement_version() noexcept;

// From now on this thread, and all threads and programs that it starts, reach no files but these, start no programs
// that are not among them, gain no privileges from any and, from version 4 on, neither connect nor listen anew; from 6
// on they signal nobody else either. Precondition: no other thread runs, since none would be confined. Cannot be
// undone.
//
// Fails with errc::usage where the kernel cannot do this; no privilege can be gained even then. Before version 2 it
// cannot if there are trees: nothing could be moved from one directory to another. `version` is at most the kernel's.
[[nodiscard]] result<void> confine(const access_needs& needs, int version = confinement_version());

}  // namespace tcptools
