// Tells scripts which port was taken.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>

#include "tcptools/base/result.hpp"

namespace tcptools::cli {

// The file is complete when it appears, and is removed at the end.
class port_file {
 public:
  // An empty path: no file. Fails with errc::usage if it cannot be written.
  [[nodiscard]] static result<port_file> write(const std::string& path, std::uint16_t port);

  port_file(port_file&& other) noexcept;
  port_file& operator=(port_file&&) = delete;
  ~port_file();

 private:
  port_file(std::string path, const struct stat& status) : path_{std::move(path)}, status_{status} {}

  std::string path_;
  struct stat status_{};
};

}  // namespace tcptools::cli
