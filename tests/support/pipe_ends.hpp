// A pipe, both ends of it.
#pragma once

#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "support/catch.hpp"
#include "tcptools/base/unique_fd.hpp"

namespace tcptools::testing {

struct pipe_ends {
  pipe_ends() {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    reading.reset(ends[0]);
    writing.reset(ends[1]);
  }
  void write(std::string_view text) const {
    REQUIRE(::write(writing.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }
  // What is in it, without waiting for more.
  [[nodiscard]] std::string read() const {
    std::array<char, 65536> bytes{};
    REQUIRE(::fcntl(reading.get(), F_SETFL, O_NONBLOCK) == 0);
    const ssize_t size = ::read(reading.get(), bytes.data(), bytes.size());
    return {bytes.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
  }

  unique_fd reading;
  unique_fd writing;
};

}  // namespace tcptools::testing
