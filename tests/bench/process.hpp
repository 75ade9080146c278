// What a process has used, and what this one may.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace tcptools::bench {

struct usage {
  double cpu_seconds = 0;           // user and system, of all threads
  std::uint64_t resident = 0;       // bytes
  std::uint64_t most_resident = 0;  // bytes, since the process began
};

// From /proc, in steps of the kernel's clock tick, 10 ms. Throws std::runtime_error if there is no such process.
[[nodiscard]] usage usage_of(pid_t process);

// Of this process, user and system.
[[nodiscard]] double own_cpu_seconds();

// Raises the limit of open files to what `sessions` need. Throws std::runtime_error if that is not allowed.
void allow_sessions(std::size_t sessions);

}  // namespace tcptools::bench
