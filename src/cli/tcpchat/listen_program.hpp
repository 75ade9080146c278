// `tcpchat listen`, from its arguments to its exit code.
#pragma once

namespace tcptools::cli {

[[nodiscard]] int run_chat_listen(int argc, char** argv);

}  // namespace tcptools::cli
