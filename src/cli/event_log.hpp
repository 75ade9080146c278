// The log of a server: one line an event on standard error, as text or as JSON.
#pragma once

#include <CLI/App.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace spdlog {
class logger;
namespace sinks {
class sink;
}
}  // namespace spdlog

namespace tcptools::cli {

enum class log_level : std::uint8_t { debug, info, warning, error, off };
enum class log_format : std::uint8_t { text, json };

struct log_options {
  log_level level = log_level::info;
  log_format format = log_format::text;
};

void add_log_options(CLI::App& app, log_options& options);

class event_log {
 public:
  using output = std::function<void(std::string_view line)>;

  explicit event_log(log_options options);

  // From now on each line, without its end, is given to `to` instead of standard error.
  void set_output(output to);

  // What is written at this level is shown.
  [[nodiscard]] bool takes(log_level level) const noexcept { return level >= options_.level; }

  // `what` is a few fixed words; `fields` is an object of strings and numbers, shown behind it as name=value.
  void write(log_level level, std::string_view what, const nlohmann::ordered_json& fields);

 private:
  void set_sink(std::shared_ptr<spdlog::sinks::sink> sink);

  log_options options_;
  std::shared_ptr<spdlog::logger> logger_;
};

}  // namespace tcptools::cli
