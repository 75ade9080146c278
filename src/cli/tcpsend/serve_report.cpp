#include "cli/tcpsend/serve_report.hpp"

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "cli/exit_code.hpp"
#include "cli/json_lines.hpp"

namespace tcptools::cli {
namespace {

using json = nlohmann::ordered_json;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::duration<double>>(std::chrono::steady_clock::now() - start).count();
}

// Three places after the point are enough for people and keep lines short.
double rounded(double seconds) { return static_cast<double>(static_cast<std::int64_t>(seconds * 1000.0)) / 1000.0; }

// What every line about a session begins with.
json fields_of(const transfer::session_info& session) {
  json fields{{"session", session.number}, {"peer", session.peer}};
  if (!session.key.empty()) fields["key"] = session.key;
  if (!session.certificate.empty()) fields["certificate"] = session.certificate;
  return fields;
}

// In the receiver's directory.
std::string path_of(const transfer::session_info& session, const std::string& path) {
  return session.directory.empty() ? path : session.directory + "/" + path;
}

const char* name_of_language(transfer::language one) noexcept {
  return one == transfer::language::native ? "native" : "compat";
}

log_level level_of(const transfer::receive_outcome& entry) noexcept {
  if (!entry.outcome) return log_level::warning;
  const bool is_news = !entry.outcome->unchanged && entry.item.kind != transfer::entry_kind::directory;
  return is_news ? log_level::info : log_level::debug;
}

}  // namespace

serve_report::serve_report(const serve_options& options, const net::any_executor& executor, net::task_group& tasks)
    : options_{options},
      log_{options.log},
      directory_{std::filesystem::absolute(options.directory)},
      hook_{executor, tasks, options.exec, "TCPSEND_", [this](const exec_call& call, const std::string& how) {
              log_.write(log_level::error, "exec failed",
                         {{"command", options_.exec}, {"path", call.name}, {"how", how}});
            }} {}

void serve_report::on_listening(const std::string& addresses, std::uint16_t port, const confine_outcome& confined) {
  if (!confined.is_confined) log_.write(log_level::debug, "not confined", {{"why", confined.why_not}});
  log_.write(log_level::info, "listening",
             {{"on", addresses}, {"dir", directory_.string()}, {"confined", confined.is_confined ? "yes" : "no"}});
  if (options_.json)
    print_json({{"type", "listening"}, {"addresses", addresses}, {"port", port}, {"dir", directory_.string()}});
}

void serve_report::on_stopping(int signal) { log_.write(log_level::info, "stopping", {{"signal", signal}}); }

void serve_report::on_session_start(const transfer::session_info& session) {
  json fields = fields_of(session);
  fields["protocol"] = name_of_language(session.speaks);
  log_.write(log_level::debug, "session", fields);
  if (!options_.json) return;
  json object{{"type", "session"}};
  object.update(fields);
  print_json(object);
}

void serve_report::on_entry(const transfer::session_info& session, const transfer::receive_outcome& entry) {
  if (entry.outcome) deliver(session, entry);
  const log_level level = level_of(entry);
  // A tree of many files that are as they were is nothing to make a line of each for.
  if (!options_.json && !log_.takes(level)) return;
  json fields = fields_of(session);
  std::string_view status = "failed";
  if (entry.outcome) {
    fields.update({{"path", path_of(session, entry.outcome->path)}, {"size", entry.size}});
    if (entry.root) fields["digest"] = transfer::to_text(*entry.root);
    status = entry.outcome->unchanged ? "unchanged" : "delivered";
  } else {
    fields.update({{"path", path_of(session, entry.item.path)},
                   {"code", name_of(entry.outcome.error().code())},
                   {"why", entry.outcome.error().text()}});
  }
  log_.write(level, status, fields);
  if (!options_.json) return;
  fields["status"] = status;
  json object{{"type", "file"}};
  object.update(fields);
  print_json(object);
}

void serve_report::deliver(const transfer::session_info& session, const transfer::receive_outcome& entry) {
  const bool is_file = entry.item.kind == transfer::entry_kind::file || entry.item.kind == transfer::entry_kind::stream;
  if (!is_file || options_.exec.empty()) return;
  const std::string name = path_of(session, entry.outcome->path);
  const std::string path = directory_ / name;
  const std::string digest = entry.root ? transfer::to_text(*entry.root) : "";
  hook_.push({name,
              {path},
              {{"PATH", path},
               {"NAME", name},
               {"SIZE", std::to_string(entry.size)},
               {"DIGEST", digest},
               {"PEER", session.peer},
               {"KEY", session.key},
               {"CERTIFICATE", session.certificate}},
              std::nullopt});
}

void serve_report::on_session_end(const transfer::session_info& session, const result<void>& how) {
  json fields = fields_of(session);
  fields.update({{"delivered", session.delivered},
                 {"failed", session.failed},
                 {"bytes", session.bytes_received},
                 {"seconds", rounded(seconds_since(session.started))}});
  if (!how) fields.update({{"code", name_of(how.error().code())}, {"why", how.error().text()}});
  log_.write(how ? log_level::info : log_level::warning, how ? "session done" : "session ended", fields);
  if (!options_.json) return;
  json object{{"type", "summary"}};
  object.update(fields);
  print_json(object);
}

void serve_report::on_trouble(const error& what) { log_.write(log_level::error, "trouble", {{"why", what.text()}}); }

}  // namespace tcptools::cli
