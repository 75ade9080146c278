// `tcpchat serve`, from its options to its exit code.
#pragma once

#include "cli/chat_serve_options.hpp"

namespace tcptools::cli {

[[nodiscard]] int run_chat_serve(const chat_serve_options& options);

}  // namespace tcptools::cli
