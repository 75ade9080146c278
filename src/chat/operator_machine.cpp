#include "tcptools/chat/operator_machine.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <utility>

#include "tcptools/base/text.hpp"
#include "tcptools/base/units.hpp"
#include "tcptools/chat/names.hpp"

namespace tcptools::chat {
namespace {

constexpr std::array help_lines{
    "/clients           who is connected, with their numbers",
    "/select N          what you type goes to client N alone; /select: to the room again",
    "/to N TEXT         tell client N alone; N is a number, a nickname or an address",
    "/all TEXT          tell every client",
    "/kick N [REASON]   end a client's session",
    "/ban ADDRESS       end an address's sessions, and let no further one in",
    "/rooms             which rooms there are",
    "/stats             what the server has and does",
    "/quit              end the server",
};

// The first word, and what follows it.
std::pair<std::string_view, std::string_view> split(std::string_view text) {
  constexpr std::string_view blanks = " \t";
  text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
  const std::size_t end = std::min(text.find_first_of(blanks), text.size());
  std::string_view rest = text.substr(end);
  rest.remove_prefix(std::min(rest.find_first_not_of(blanks), rest.size()));
  return {text.substr(0, end), rest};
}

std::string describe(const member& who, std::string_view extra) {
  std::string text = "[" + std::string{who.peer};
  if (!who.is_guest()) text += " " + who.nick;
  return text.append(extra) + "] ";
}

std::string_view name_of(language one) noexcept {
  switch (one) {
    case language::undecided:
      return "silent";
    case language::plain:
      return "plain";
    case language::structured:
      return "structured";
  }
  return "";
}

}  // namespace

std::string operator_machine::describe_message(const member& from, std::string_view room, std::string_view text) {
  return describe(from, room == default_room ? "" : " #" + std::string{room}).append(text);
}

std::string operator_machine::describe_direct(const member& from, std::string_view text) {
  return describe(from, " -> operator").append(text);
}

bool operator_machine::on_line(std::string_view line, moment now) {
  const bool is_command = line.starts_with('/') && !line.starts_with("//");
  if (!is_command) {
    if (line.starts_with("//")) line.remove_prefix(1);
    if (split(line).first.empty()) return true;
    if (selected_ != 0) {
      tell(std::to_string(selected_), line, now);
    } else {
      complain_unless(machine_.say_as_operator(std::string{default_room}, line, now));
    }
    return true;
  }
  const auto [command, rest] = split(line);
  if (command == "/quit") return false;
  if (command == "/help") {
    for (const char* const one : help_lines) out_(one);
  } else if (command == "/clients") {
    list_clients(now);
  } else if (command == "/rooms") {
    list_rooms();
  } else if (command == "/select") {
    select(rest);
  } else if (command == "/to") {
    const auto [who, text] = split(rest);
    tell(who, text, now);
  } else if (command == "/all") {
    tell_all(rest, now);
  } else if (command == "/kick") {
    const auto [who, reason] = split(rest);
    kick(who, reason, now);
  } else if (command == "/ban") {
    ban(split(rest).first, now);
  } else if (command == "/stats") {
    const chat_machine::counts all = machine_.count();
    out_("sessions " + std::to_string(all.sessions) + ", rooms " + std::to_string(all.rooms) + ", messages " +
         std::to_string(all.messages) + ", memory of logs and queues " + format_size(all.memory));
  } else {
    out_("there is no command " + in_quotes(command) + "; /help lists them");
  }
  return true;
}

std::string operator_machine::target() const {
  if (selected_ == 0) return std::string{default_room};
  const member* const one = machine_.find_number(selected_);
  return one == nullptr ? "(gone)" : std::string{one->name()};
}

void operator_machine::list_clients(moment now) {
  const std::vector<const member*> all = machine_.all();
  for (const member* const one : all) {
    const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(now.at - one->opened);
    std::string line = std::to_string(one->number) + "  " + std::string{one->peer} + "  ";
    line += one->is_guest() ? "-" : one->nick;
    line += "  ";
    line += one->where == nullptr ? "-" : "#" + one->where->log.room();
    line += "  " + std::string{name_of(one->speaks)} + "  " + format_duration(age);
    if (one->rights) line += (one->rights->is_key ? "  key " : "  certificate ") + one->rights->owner;
    if (one->backlog() > 0) line += "  waits to read " + format_size(one->backlog());
    out_(line);
  }
  if (all.empty()) out_("nobody is connected");
}

void operator_machine::list_rooms() {
  const std::vector<const room*> all = machine_.rooms();
  for (const room* const one : all) {
    out_("#" + one->log.room() + "  " + std::to_string(one->members.size()) + " here  " +
         std::to_string(one->log.next() - one->log.oldest()) + " messages kept, next " +
         std::to_string(one->log.next()));
  }
  if (all.empty()) out_("there are no rooms");
}

member* operator_machine::find(std::string_view who) {
  std::uint64_t number = 0;
  const auto [end, failure] = std::from_chars(who.data(), who.data() + who.size(), number);
  const bool is_number = failure == std::errc{} && end == who.data() + who.size();
  member* const found = is_number ? machine_.find_number(number) : machine_.find(who);
  if (found == nullptr) out_(who.empty() ? "which client?" : "there is no client " + in_quotes(who));
  return found;
}

void operator_machine::select(std::string_view who) {
  const std::string_view name = split(who).first;
  if (name.empty()) {
    selected_ = 0;
    return out_("what you type goes to the room " + std::string{default_room});
  }
  const member* const found = find(name);
  if (found == nullptr) return;
  selected_ = found->number;
  out_("what you type goes to " + std::string{found->name()} + " alone");
}

void operator_machine::tell(std::string_view who, std::string_view text, moment now) {
  member* const found = find(who);
  if (found == nullptr) return;
  if (text.empty()) return out_("what?");
  complain_unless(machine_.tell_as_operator(*found, text, now));
}

void operator_machine::tell_all(std::string_view text, moment now) {
  if (text.empty()) return out_("what?");
  for (const member* const one : machine_.all()) {
    const result<void> told = machine_.tell_as_operator(*machine_.find_number(one->number), text, now);
    if (!told) return complain_unless(told);
  }
}

void operator_machine::complain_unless(const result<void>& good) {
  if (!good) out_(good.error().text());
}

void operator_machine::kick(std::string_view who, std::string_view reason, moment now) {
  if (member* const found = find(who)) machine_.kick(*found, reason, now);
}

void operator_machine::ban(std::string_view address, moment now) {
  if (address.empty()) return out_("which address?");
  const std::size_t ended = machine_.ban(std::string{address}, now);
  out_("banned " + visible(address) + ", " + std::to_string(ended) + " sessions ended");
}

}  // namespace tcptools::chat
