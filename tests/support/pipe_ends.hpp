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
  pipe_ends() { std::array<int, 2> ends{}; }  // namespace tcptools::testing
