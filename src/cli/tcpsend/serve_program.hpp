// `tcpsend serve`, from its options to its exit code.
#pragma once

#include "cli/tcpsend/serve_options.hpp"

namespace tcptools::cli {

[[nodiscard]] int run_serve(const serve_options& options);

}  // namespace tcptools::cli
