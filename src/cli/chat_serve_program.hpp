// `tcpchat serve`, from its arguments to its exit code.
#pragma once

#include "cli/chat_serve_options.hpp"

namespace tcptools::cli {

[[nodiscard]] int run_chat_serve(int argc, char** argv);
[[nodiscard]] int run_chat_serve(const chat_serve_options& options);

}  // namespace tcptools::cli
