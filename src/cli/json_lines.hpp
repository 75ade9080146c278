// One JSON object a line on standard output, flushed line by line. docs/json.md lists the objects.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "tcptools/base/error.hpp"

namespace tcptools::cli {

// Without a line end, and ASCII only: everything else is escaped.
[[nodiscard]] std::string to_line(const nlohmann::ordered_json& object);

// Does nothing once standard output is gone: a reader that left must not end a transfer.
void print_json(const nlohmann::ordered_json& object);

// {"code": "storage_full", "text": "..."}
[[nodiscard]] nlohmann::ordered_json to_json(const error& failure);

}  // namespace tcptools::cli
