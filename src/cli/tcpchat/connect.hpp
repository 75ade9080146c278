// `tcpchat connect`: somebody at a terminal, or a pipe in his place.
#pragma once

namespace tcptools::cli {

// From its command line to its exit code.
[[nodiscard]] int run_chat_connect(int argc, char** argv);

}  // namespace tcptools::cli
