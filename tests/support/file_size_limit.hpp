// A disk that is full, as far as one process can tell.
#pragma once

#include <sys/resource.h>

#include <csignal>

#include "support/catch.hpp"

namespace tcptools::testing {

// No file grows beyond `bytes` meanwhile.
class file_size_limit {
 public:
  explicit file_size_limit(rlim_t bytes) : on_excess_{std::signal(SIGXFSZ, SIG_IGN)} {
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before_) == 0);
    const rlimit limit{bytes, before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  file_size_limit(const file_size_limit&) = delete;
  file_size_limit& operator=(const file_size_limit&) = delete;
  ~file_size_limit() {
    (void)::setrlimit(RLIMIT_FSIZE, &before_);
    (void)std::signal(SIGXFSZ, on_excess_);
  }

 private:
  void (*on_excess_)(int);
  rlimit before_{};
};

}  // namespace tcptools::testing
