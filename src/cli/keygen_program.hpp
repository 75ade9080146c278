// tcpsend keygen, tcpchat keygen: a fresh key on standard output.
#pragma once

#include <string>
#include <string_view>

namespace tcptools::cli {

// `program` is the program's name. Opens nothing: standard output may be closed.
[[nodiscard]] int run_keygen(std::string_view program, int argc, char** argv);

// A key's name made of these, whatever they are: "alice@laptop".
[[nodiscard]] std::string default_key_name(std::string_view user, std::string_view host);

}  // namespace tcptools::cli
