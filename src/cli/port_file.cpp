#include "cli/port_file.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <utility>

#include "tcptools/base/text.hpp"

namespace tcptools::cli {

result<port_file> port_file::write(const std::string& path, std::uint16_t port) {
  if (path.empty()) return port_file{""};
  const std::string temporary = path + "." + std::to_string(::getpid()) + ".tmp";
  std::ofstream out{temporary};
  out << port << '\n';
  out.close();
  if (!out || std::rename(temporary.c_str(), path.c_str()) != 0) {
    const int number = errno;
    (void)::unlink(temporary.c_str());
    return error{errc::usage, "cannot write the port file " + in_quotes(path) + ": " + os_text(number)};
  }
  return port_file{path};
}

port_file::port_file(port_file&& other) noexcept : path_{std::exchange(other.path_, {})} {}

port_file::~port_file() {
  if (!path_.empty()) (void)::unlink(path_.c_str());
}

}  // namespace tcptools::cli
