#include "cli/json_lines.hpp"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/exit_code.hpp"

namespace tcptools::cli {

std::string to_line(const nlohmann::ordered_json& object) {
  // Paths on this side need not be UTF-8; JSON must be. And what is not ASCII could end a line for some readers.
  std::string line = object.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace);
  for (std::size_t at = line.find('\x7f'); at != std::string::npos; at = line.find('\x7f', at)) {
    line.replace(at, 1, "\\u007f");
  }
  return line;
}

void print_json(const nlohmann::ordered_json& object) {
  const std::string line = to_line(object) + "\n";
  (void)std::fwrite(line.data(), 1, line.size(), stdout);
  (void)std::fflush(stdout);
}

nlohmann::ordered_json to_json(const error& failure) {
  return {{"code", name_of(failure.code())}, {"text", failure.text()}};
}

}  // namespace tcptools::cli
