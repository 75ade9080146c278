#include "cli/tcpchat/serve_report.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "tcptools/chat/operator_machine.hpp"

namespace tcptools::cli {
namespace {

using json = nlohmann::ordered_json;

json fields_of(const chat::member& who) {
  json fields{{"session", who.number}, {"peer", who.peer}};
  if (who.rights) fields[who.rights->is_key ? "key" : "certificate"] = who.rights->owner;
  if (!who.is_guest()) fields["nick"] = who.nick;
  return fields;
}

}  // namespace

void chat_serve_report::on_listening(const std::string& addresses, const std::string& history,
                                     const confine_outcome& confined) {
  if (!confined.is_confined) log_.write(log_level::debug, "not confined", {{"why", confined.why_not}});
  json fields{{"on", addresses}};
  if (!history.empty()) fields["history"] = history;
  fields["confined"] = confined.is_confined ? "yes" : "no";
  log_.write(log_level::info, "listening", fields);
}

void chat_serve_report::on_stopping(int signal) { log_.write(log_level::info, "stopping", {{"signal", signal}}); }

void chat_serve_report::on_trouble(const error& what) {
  log_.write(log_level::error, "trouble", {{"why", what.text()}});
}

void chat_serve_report::on_open(const chat::member& who) { log_.write(log_level::info, "connected", fields_of(who)); }

void chat_serve_report::on_named(const chat::member& who) {
  json fields = fields_of(who);
  fields["speaks"] = who.speaks == chat::language::plain ? "plain" : "structured";
  log_.write(who.is_guest() ? log_level::debug : log_level::info, "named", fields);
}

void chat_serve_report::on_turned_away(std::string_view peer, std::string_view why) {
  log_.write(log_level::warning, "turned away", {{"peer", peer}, {"why", why}});
}

void chat_serve_report::on_message(const chat::member* from, std::string_view room, std::string_view text) {
  if (show_ && from != nullptr) show_(chat::operator_machine::describe_message(*from, room, text));
}

void chat_serve_report::on_direct(const chat::member& from, std::string_view text) {
  if (show_) show_(chat::operator_machine::describe_direct(from, text));
}

void chat_serve_report::on_kick(const chat::member& by, const chat::member& whom) {
  json fields = fields_of(by);
  fields["whom"] = whom.name();
  log_.write(log_level::info, "kicks", fields);
}

void chat_serve_report::on_ban(const chat::member& by, std::string_view address) {
  json fields = fields_of(by);
  fields["address"] = address;
  log_.write(log_level::info, "bans", fields);
}

void chat_serve_report::on_close(const chat::member& who, chat::code why, std::string_view text) {
  json fields = fields_of(who);
  fields["code"] = chat::to_text(why);
  if (!text.empty()) fields["why"] = text;
  const bool is_expected = why == chat::code::quit || why == chat::code::shutting_down || why == chat::code::replaced;
  if (why == chat::code::too_slow) fields["unread"] = who.backlog();
  log_.write(is_expected ? log_level::info : log_level::warning, "left", fields);
}

}  // namespace tcptools::cli
