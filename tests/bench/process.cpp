#include "process.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

namespace tcptools::bench {
namespace {

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

usage usage_of(pid_t process) {
  const std::string folder = "/proc/" + std::to_string(process) + "/";
  usage used;

  std::string stat;
  std::getline(std::ifstream{folder + "stat"}, stat);
  // The second field is the program's name in brackets, which may hold anything. User and system time are 14 and 15.
  const auto name_end = stat.rfind(')');
  if (name_end == std::string::npos) throw std::runtime_error{"there is no process " + std::to_string(process)};
  std::istringstream fields{stat.substr(name_end + 1)};
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  double user_ticks = 0;
  double system_ticks = 0;
  fields >> user_ticks >> system_ticks;
  used.cpu_seconds = (user_ticks + system_ticks) / static_cast<double>(::sysconf(_SC_CLK_TCK));

  std::ifstream status{folder + "status"};
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) used.resident = std::stoull(line.substr(6)) * 1024;
    if (line.starts_with("VmHWM:")) used.most_resident = std::stoull(line.substr(6)) * 1024;
  }
  return used;
}

double own_cpu_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

void allow_sessions(std::size_t sessions) {
  const rlim_t needed = sessions + 64;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= needed) return;
  limit.rlim_cur = needed;
  limit.rlim_max = std::max(limit.rlim_max, needed);
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    throw std::runtime_error{"needs " + std::to_string(needed) +
                             " open files, which is more than the limit (ulimit -Hn)"};
  }
}

}  // namespace tcptools::bench
