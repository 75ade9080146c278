// `tcpchat connect --plain`: lines out, text in.
#pragma once

#include "cli/tcpchat/options.hpp"

namespace tcptools::cli {

[[nodiscard]] int run_chat_connect_plain(const chat_options& options);

}  // namespace tcptools::cli
