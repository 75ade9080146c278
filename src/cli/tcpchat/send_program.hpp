// `tcpchat send`, from its arguments to its exit code.
#pragma once

namespace tcptools::cli {

[[nodiscard]] int run_chat_send(int argc, char** argv);

}  // namespace tcptools::cli
