// Options whose values are sizes, durations or words, for CLI11.
#pragma once

#include <CLI/App.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tcptools/base/text.hpp"
#include "tcptools/base/units.hpp"
#include "tcptools/net/endpoint.hpp"

namespace tcptools::cli {

// The library takes a value in brackets for a list. Before it sees one, a mark is put in front, and taken away after.
inline constexpr char shield = '\x01';

inline std::string shielded(std::string argument) {
  if (!argument.ends_with(']')) return argument;
  const std::size_t value = argument.starts_with("--") ? argument.find('=') + 1 : 0;
  if (argument[value] == '[') argument.insert(value, 1, shield);
  return argument;
}

inline std::string as_given(std::string text) {
  std::erase(text, shield);
  return text;
}

// Free text, once or several times.
inline CLI::Option* add_text(CLI::App& app, const std::string& name, const std::string& type, std::string& value,
                             const std::string& help) {
  return app
      .add_option_function<std::string>(
          name, [&value](const std::string& text) { value = as_given(text); }, help)
      ->type_name(type);
}

inline CLI::Option* add_texts(CLI::App& app, const std::string& name, const std::string& type,
                              std::vector<std::string>& values, const std::string& help) {
  const auto take = [&values](const std::vector<std::string>& texts) {
    values.clear();
    for (const std::string& one : texts) values.push_back(as_given(one));
  };
  return app.add_option_function<std::vector<std::string>>(name, take, help)->type_name(type);
}

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

inline CLI::Option* add_port(CLI::App& app, std::uint16_t& port, bool may_be_any, const std::string& help,
                             std::uint16_t usual = 1122) {
  const auto parse = [may_be_any](const std::string& text) -> result<std::uint16_t> {
    auto number = net::parse_port(text);
    if (number && *number == 0 && !may_be_any) return error{errc::usage, "0 is not a port"};
    return number;
  };
  port = usual;
  return add_parsed(app, "--port", "PORT", help, parse, [&port](std::uint16_t value) { port = value; })
      ->default_str(std::to_string(usual));
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
    if (value && *value <= std::chrono::milliseconds::zero()) return error{errc::usage, "must be more than 0"};
    return value;
  };
  return add_parsed(app, name, "DURATION", help, parse, set);
}

// Words and what they mean, in the order in which --help shows them.
template <class Enum>
using choices = std::vector<std::pair<std::string, Enum>>;

// One word of a few, as in `--links skip|follow|keep`.
template <class Enum>
CLI::Option* add_choice(CLI::App& app, const std::string& name, Enum& value, const choices<Enum>& words,
                        const std::string& help) {
  std::string all;
  for (const auto& [word, meaning] : words) all += (all.empty() ? "" : "|") + word;
  const auto parse = [words, all](const std::string& text) -> result<Enum> {
    for (const auto& [word, meaning] : words) {
      if (word == text) return meaning;
    }
    return error{errc::usage, in_quotes(text) + " is none of " + all};
  };
  return add_parsed(app, name, all, help, parse, [&value](Enum chosen) { value = chosen; });
}

}  // namespace tcptools::cli
