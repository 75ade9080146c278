// Options that name a file of keys or certificates.
#pragma once

#include <CLI/App.hpp>
#include <CLI/Error.hpp>
#include <string>

#include "cli/option_types.hpp"

namespace tcptools::cli {

// An empty name is what becomes of a variable that is not set. It must not mean that there is no such file: then
// everybody would be let in, or everything be sent in the clear.
inline CLI::Option* add_file(CLI::App& app, const std::string& name, std::string& value, const std::string& help) {
  const auto take = [name, &value](const std::string& text) {
    value = as_given(text);
    if (value.empty()) throw CLI::ValidationError(name, "the name of the file is empty");
  };
  return app.add_option_function<std::string>(name, take, help)->type_name("FILE");
}

}  // namespace tcptools::cli
