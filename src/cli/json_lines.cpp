#include "cli/json_lines.hpp"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/exit_code.hpp"

namespace tcptools::cli {

void print_json(const nlohmann::ordered_json& object) {
  // Paths on this side need not be UTF-8; JSON must be. And what is not ASCII could end a line for some readers.
  const std::string line = object.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  (void)std::fwrite(line.data(), 1, line.size(), stdout);
  (void)std::fflush(stdout);
}

nlohmann::ordered_json to_json(const error& failure) {
  return {{"code", name_of(failure.code())}, {"text", failure.text()}};
}

}  // namespace tcptools::cli
