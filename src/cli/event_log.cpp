#include "cli/event_log.hpp"

#include <spdlog/details/null_mutex.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "cli/json_lines.hpp"
#include "cli/option_types.hpp"
#include "tcptools/base/text.hpp"

namespace tcptools::cli {
namespace {

using json = nlohmann::ordered_json;

spdlog::level::level_enum to_spdlog(log_level level) noexcept {
  switch (level) {
    case log_level::debug:
      return spdlog::level::debug;
    case log_level::info:
      return spdlog::level::info;
    case log_level::warning:
      return spdlog::level::warn;
    case log_level::error:
      return spdlog::level::err;
    case log_level::off:
      return spdlog::level::off;
  }
  return spdlog::level::info;
}

// Gives each line away.
class line_sink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  explicit line_sink(event_log::output to) : to_{std::move(to)} {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    std::string_view text{line.data(), line.size()};
    if (text.ends_with('\n')) text.remove_suffix(1);
    to_(text);
  }
  void flush_() override {}

  event_log::output to_;
};

// name=value; in quotes where a value has spaces, so that a line can be cut into fields again.
std::string as_text(const json& fields) {
  std::string text;
  for (const auto& [name, value] : fields.items()) {
    const std::string shown = value.is_string() ? visible(value.get<std::string>()) : value.dump();
    const bool quoted = shown.empty() || shown.find_first_of(" \"=") != std::string::npos;
    text += " " + name + "=" + (quoted ? json(shown).dump() : shown);
  }
  return text;
}

}  // namespace

void add_log_options(CLI::App& app, log_options& options) {
  add_choice(app, "--log-level", options.level,
             choices<log_level>{{"debug", log_level::debug},
                                {"info", log_level::info},
                                {"warning", log_level::warning},
                                {"error", log_level::error},
                                {"off", log_level::off}},
             "How much to log on standard error")
      ->default_str("info");
  add_choice(app, "--log-format", options.format,
             choices<log_format>{{"text", log_format::text}, {"json", log_format::json}}, "How to log it")
      ->default_str("text");
}

event_log::event_log(log_options options) : options_{options} {
  set_sink(std::make_shared<spdlog::sinks::stderr_sink_st>());
}

void event_log::set_output(output to) { set_sink(std::make_shared<line_sink>(std::move(to))); }

void event_log::set_sink(std::shared_ptr<spdlog::sinks::sink> sink) {
  logger_ = std::make_shared<spdlog::logger>("tcptools", std::move(sink));
  logger_->set_level(to_spdlog(options_.level));
  logger_->flush_on(spdlog::level::debug);
  const bool is_text = options_.format == log_format::text;
  logger_->set_formatter(std::make_unique<spdlog::pattern_formatter>(
      is_text ? "%Y-%m-%dT%H:%M:%S.%eZ %l %v" : R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v)",
      spdlog::pattern_time_type::utc));
}

void event_log::write(log_level level, std::string_view what, const json& fields) {
  if (!takes(level)) return;
  if (options_.format == log_format::text) {
    logger_->log(to_spdlog(level), std::string{what} + as_text(fields));
    return;
  }
  json object{{"event", what}};
  object.update(fields);
  // The pattern has opened the object and written the time and the level.
  logger_->log(to_spdlog(level), to_line(object).substr(1));
}

}  // namespace tcptools::cli
