// `tcpsend`, the sending half, from its options to its exit code.
#pragma once

#include "cli/tcpsend/send_options.hpp"

namespace tcptools::cli {

[[nodiscard]] int run_send(const send_options& options);

}  // namespace tcptools::cli
