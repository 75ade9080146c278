#include "tcptools/chat/plain_protocol.hpp"

#include <algorithm>
#include <array>
#include <chrono>

#include "tcptools/base/text.hpp"
#include "tcptools/base/units.hpp"
#include "tcptools/chat/limits.hpp"
#include "tcptools/chat/names.hpp"
#include "tcptools/chat/safe_text.hpp"

namespace tcptools::chat {
namespace {

using parsed_line = std::variant<request, complaint>;

constexpr std::string_view blanks = " \t";

std::string_view trimmed(std::string_view text) noexcept {
  text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
  return text.substr(0, text.find_last_not_of(blanks) + 1);
}

// The first word and what follows the blanks after it.
struct worded {
  std::string_view word;
  std::string_view rest;
};
worded first_word(std::string_view text) noexcept {
  const std::size_t end = std::min(text.find_first_of(blanks), text.size());
  return {text.substr(0, end), trimmed(text.substr(end))};
}

parsed_line usage(std::string_view line) { return complaint{code::bad_request, "usage: " + std::string{line}, {}}; }

parsed_line too_long_a_name(std::size_t most) {
  return complaint{code::bad_name, "a name has at most " + std::to_string(most) + " bytes", {}};
}

parsed_line parse_nick(std::string_view arguments) {
  if (arguments.empty()) return usage("/nick NAME");
  if (arguments.size() > limits::name) return too_long_a_name(limits::name);
  return requests::nick{std::string{arguments}};
}

parsed_line parse_join(std::string_view arguments) {
  if (arguments.empty()) return usage("/join ROOM");
  if (arguments.size() > limits::name + (arguments.starts_with('#') ? 1 : 0)) return too_long_a_name(limits::name);
  return requests::join{std::string{arguments}, {}};
}

parsed_line parse_msg(std::string_view arguments) {
  const auto [name, text] = first_word(arguments);
  if (text.empty()) return usage("/msg NAME TEXT");
  if (name.size() > limits::shown_name) return too_long_a_name(limits::shown_name);
  return requests::send{std::string{text}, {}, std::string{name}, {}};
}

parsed_line parse_who(std::string_view arguments) {
  if (!arguments.empty()) return usage("/who");
  return requests::who{};
}

parsed_line parse_kick(std::string_view arguments) {
  const auto [name, why] = first_word(arguments);
  if (name.empty()) return usage("/kick NAME [WHY]");
  if (name.size() > limits::shown_name) return too_long_a_name(limits::shown_name);
  return requests::kick{std::string{name}, std::string{why}};
}

parsed_line parse_ban(std::string_view arguments) {
  if (arguments.empty()) return usage("/ban NAME");
  if (arguments.size() > limits::shown_name) return too_long_a_name(limits::shown_name);
  return requests::ban{std::string{arguments}};
}

// What somebody says on leaving, as elsewhere, goes to nobody.
parsed_line parse_quit(std::string_view /*arguments*/) { return requests::quit{}; }

parsed_line parse_help(std::string_view /*arguments*/) { return requests::help{}; }

struct command {
  std::string_view word;
  parsed_line (*parse)(std::string_view arguments);
};
constexpr std::array commands{
    command{"/nick", parse_nick}, command{"/join", parse_join}, command{"/msg", parse_msg},
    command{"/who", parse_who},   command{"/help", parse_help}, command{"/quit", parse_quit},
    command{"/kick", parse_kick}, command{"/ban", parse_ban},
};

void append_all(std::string& out, std::initializer_list<std::string_view> parts) {
  for (const std::string_view part : parts) out += part;
}

// "alice, bob joined"; nothing for nobody.
std::string who_did(const std::vector<std::string>& names, std::string_view what, std::string_view self) {
  std::string all;
  for (const std::string& name : names) {
    if (!all.empty()) all += ", ";
    all += fold(name) == fold(self) ? std::string_view{"you"} : name;
  }
  if (!all.empty()) append_all(all, {" ", what});
  return all;
}

std::string comings_and_goings(const events::presence& what, std::string_view self) {
  std::string all = who_did(what.joined, "joined", self);
  const std::string left = who_did(what.left, "left", self);
  if (!all.empty() && !left.empty()) all += "; ";
  all += left;
  if (what.more == 0) return all;
  if (all.empty()) return std::to_string(what.more) + " came or went";
  return all + "; and " + std::to_string(what.more) + " more";
}

struct plain_writer {
  std::string& out;
  std::string_view self;

  void operator()(const events::joined& what) const {
    line({"you are in ", what.room, " (", std::to_string(what.members), " here)"});
  }
  void operator()(const events::left& what) const { line({"you left ", what.room}); }
  void operator()(const events::nick& what) const { line({"you are called ", what.nick}); }
  void operator()(const events::message& what) const { append_plain_message(out, what.from, what.text); }
  void operator()(const events::direct& what) const { append_all(out, {"[", what.from, " -> you] ", what.text, "\n"}); }
  void operator()(const events::presence& what) const {
    const std::string all = comings_and_goings(what, self);
    if (!all.empty()) line({all, " (", std::to_string(what.members), " here)"});
  }
  void operator()(const events::member& what) const {
    std::string idle;
    // More seconds than fit are as good as those that do.
    const std::chrono::seconds silent{std::min(what.idle, static_cast<std::uint64_t>(limits::longest_ago.count()))};
    if (silent >= std::chrono::minutes{1}) idle = ", silent for " + format_duration(silent);
    line({what.nick, fold(what.nick) == fold(self) ? " (you)" : "", what.room.empty() ? "" : " in ", what.room, idle});
  }
  void operator()(const events::notice& what) const { line({what.text}); }
  void operator()(const events::error& what) const { line({what.text.empty() ? to_text(what.what) : what.text}); }
  // Who asked for it, or has nothing more to say, knows.
  void operator()(const events::bye& what) const {
    if (what.what == code::quit) return;
    line({"the session ends: ", what.text.empty() ? to_text(what.what) : what.text});
  }
  void operator()(const events::welcome& /*what*/) const {}
  void operator()(const events::ack& /*what*/) const {}
  void operator()(const events::end& /*what*/) const {}
  void operator()(const events::ping& /*what*/) const {}
  void operator()(const events::pong& /*what*/) const {}

  void line(std::initializer_list<std::string_view> parts) const {
    out += "* ";
    append_all(out, parts);
    out += '\n';
  }
};

}  // namespace

std::variant<request, complaint> parse_plain(std::string_view line) {
  if (!line.starts_with('/')) return requests::send{std::string{line}, {}, {}, {}};
  if (line.starts_with("//")) return requests::send{std::string{line.substr(1)}, {}, {}, {}};
  const auto [word, arguments] = first_word(line);
  const auto* const found = std::ranges::find(commands, fold(word), &command::word);
  if (found != commands.end()) return found->parse(arguments);
  return complaint{code::bad_request,
                   "there is no command " + in_quotes(cut_to(word, limits::name)) + ", /help lists those there are",
                   {}};
}

void append_plain(std::string& out, const event& what, std::string_view self) {
  std::visit(plain_writer{out, self}, what);
}

void append_plain_message(std::string& out, std::string_view from, std::string_view text) {
  append_all(out, {"[", from, "] ", text, "\n"});
}

std::string_view plain_help() noexcept {
  return "* /nick NAME        be called NAME\n"
         "* /join ROOM        leave the room, be in another\n"
         "* /msg NAME TEXT    say something to one alone\n"
         "* /who              who is in the room\n"
         "* /kick NAME [WHY]  end a session, as admins may\n"
         "* /ban NAME         end an address's sessions, and let no further one in, as admins may\n"
         "* /help             these lines\n"
         "* /quit             end\n"
         "* //TEXT            say a text that begins with /\n";
}

// What follows the target does not matter: the line may have been cut. Nobody else begins so.
bool is_http_request(std::string_view line) noexcept {
  const std::size_t end = line.find(' ');
  if (end == 0 || end == std::string_view::npos) return false;
  const auto is_capital = [](char c) { return c >= 'A' && c <= 'Z'; };
  if (!std::ranges::all_of(line.substr(0, end), is_capital)) return false;
  // A path, "*", or an address with its scheme or its port: RFC 9112, 3.2.
  const std::string_view target = line.substr(end + 1, line.find(' ', end + 1) - end - 1);
  const bool is_address = target.find(':') != std::string_view::npos && line.find(" HTTP/") != std::string_view::npos;
  return target.starts_with('/') || target == "*" || target.find("://") != std::string_view::npos || is_address;
}

}  // namespace tcptools::chat
