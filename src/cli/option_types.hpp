// Options whose values are sizes, durations or words, for CLI11.
#pragma once

#include <CLI/App.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "tcptools/base/units.hpp"

namespace tcptools::cli {

// `set` is given what `parse` made of the text; what `parse` refuses is a usage error.
template <class Parse, class Set>
CLI::Option* add_parsed(CLI::App& app, const std::string& name, const std::string& type, const std::string& help,
                        Parse parse, Set set) {
  const auto convert = [name, parse = std::move(parse), set = std::move(set)](const std::string& text) {
    auto value = parse(text);
    if (!value) throw CLI::ValidationError(name, value.error().text());
    set(*value);
  };
  return app.add_option_function<std::string>(name, convert, help)->type_name(type);
}

template <class Set>
CLI::Option* add_size(CLI::App& app, const std::string& name, const std::string& help, Set set) {
  return add_parsed(app, name, "SIZE", help, [](const std::string& text) { return parse_size(text); }, set);
}

template <class Set>
CLI::Option* add_duration(CLI::App& app, const std::string& name, const std::string& help, Set set) {
  return add_parsed(app, name, "DURATION", help, [](const std::string& text) { return parse_duration(text); }, set);
}

// A duration that must not be zero: no "0 means unlimited".
template <class Set>
CLI::Option* add_wait(CLI::App& app, const std::string& name, const std::string& help, Set set) {
  const auto parse = [](const std::string& text) -> result<std::chrono::milliseconds> {
    auto value = parse_duration(text);
    if (value && *value <= std::chrono::milliseconds::zero()) return error{errc::usage, "must be more than nothing"};
    return value;
  };
  return add_parsed(app, name, "DURATION", help, parse, set);
}

// One word of a few, as in `--links skip|follow|keep`.
template <class Enum>
CLI::Option* add_choice(CLI::App& app, const std::string& name, Enum& value, const std::map<std::string, Enum>& words,
                        const std::string& help) {
  std::string all;
  for (const auto& [word, meaning] : words) all += (all.empty() ? "" : "|") + word;
  const auto parse = [words, all](const std::string& text) -> result<Enum> {
    const auto found = words.find(text);
    if (found == words.end()) return error{errc::usage, "'" + text + "' is none of " + all};
    return found->second;
  };
  return add_parsed(app, name, all, help, parse, [&value](Enum chosen) { value = chosen; });
}

}  // namespace tcptools::cli
