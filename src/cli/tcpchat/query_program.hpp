// `tcpchat who` and `tcpchat history`, from their arguments to their exit codes.
#pragma once

namespace tcptools::cli {

[[nodiscard]] int run_chat_who(int argc, char** argv);
[[nodiscard]] int run_chat_history(int argc, char** argv);

}  // namespace tcptools::cli
