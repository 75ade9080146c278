#include "tcptools/chat/plain_protocol.hpp"

#include <algorithm>
#include <limits>
#include <string>

#include "chat_samples.hpp"
#include "support/catch.hpp"
#include "tcptools/base/text.hpp"

using namespace std::string_view_literals;
using namespace tcptools::chat;
using namespace tcptools::testing;

namespace {

// As the structured language has it; "help", which it has not; or the complaint.
std::string parsed(std::string_view line) {
  const auto read = parse_plain(line);
  if (const auto* what = std::get_if<complaint>(&read)) return std::string{to_text(what->what)} + ": " + what->text;
  const auto& found = std::get<request>(read);
  return std::holds_alternative<requests::help>(found) ? "help" : line_of(found);
}

std::string said(std::string_view text) { return line_of(request{requests::send{std::string{text}, "", "", ""}}); }

std::string shown(const event& what, std::string_view self = "bob") {
  std::string out;
  append_plain(out, what, self);
  return out;
}

}  // namespace

TEST_CASE("what is no command is text, as it is") {
  for (const auto text : {"hello"sv, ""sv, " /quit"sv, "  two  spaces "sv, "a/b"sv, "\xFF\x01"sv,
                          "{\"type\":\"send\"}"sv, "GET / HTTP/1.1"sv}) {
    CAPTURE(text);
    CHECK(parsed(text) == said(text));
  }
}

TEST_CASE("a second slash makes text of a command") {
  CHECK(parsed("//quit") == said("/quit"));
  CHECK(parsed("//") == said("/"));
  CHECK(parsed("///x") == said("//x"));
}

TEST_CASE("every command, however it is written, with what belongs to it") {
  CHECK(parsed("/nick Alice") == R"({"type":"nick","nick":"Alice"})");
  CHECK(parsed("/NiCk \t Alice \t") == R"({"type":"nick","nick":"Alice"})");
  CHECK(parsed("/nick\tAlice") == R"({"type":"nick","nick":"Alice"})");
  CHECK(parsed("/join #Lobby") == R"({"type":"join","room":"#Lobby"})");
  CHECK(parsed("/msg bob hi there") == R"({"type":"send","to":"bob","text":"hi there"})");
  CHECK(parsed("/MSG  127.0.0.1:4711 \t /hi  you ") == R"({"type":"send","to":"127.0.0.1:4711","text":"/hi  you"})");
  CHECK(parsed("/who") == R"({"type":"who"})");
  CHECK(parsed("/who  ") == R"({"type":"who"})");
  CHECK(parsed("/kick bob") == R"({"type":"kick","to":"bob"})");
  CHECK(parsed("/kick 127.0.0.1:4711  too loud ") == R"({"type":"kick","to":"127.0.0.1:4711","text":"too loud"})");
  CHECK(parsed("/ban 192.0.2.1") == R"({"type":"ban","to":"192.0.2.1"})");
  CHECK(parsed("/help") == "help");
  CHECK(parsed("/help me") == "help");
  CHECK(parsed("/quit") == R"({"type":"quit"})");
  CHECK(parsed("/QUIT see you") == R"({"type":"quit"})");
}

TEST_CASE("a command without what belongs to it is told how it is used") {
  CHECK(parsed("/nick") == "bad_request: usage: /nick NAME");
  CHECK(parsed("/nick \t ") == "bad_request: usage: /nick NAME");
  CHECK(parsed("/join") == "bad_request: usage: /join ROOM");
  CHECK(parsed("/msg") == "bad_request: usage: /msg NAME TEXT");
  CHECK(parsed("/msg bob") == "bad_request: usage: /msg NAME TEXT");
  CHECK(parsed("/msg bob  ") == "bad_request: usage: /msg NAME TEXT");
  CHECK(parsed("/kick") == "bad_request: usage: /kick NAME [WHY]");
  CHECK(parsed("/ban ") == "bad_request: usage: /ban NAME");
  CHECK(parsed("/kick " + std::string(65, 'x')) == "bad_name: a name has at most 64 bytes");
  CHECK(parsed("/ban " + std::string(65, 'x')) == "bad_name: a name has at most 64 bytes");
  CHECK(parsed("/who lobby") == "bad_request: usage: /who");
}

TEST_CASE("a command that is not known is an error, shown without doing anything to a terminal") {
  CHECK(parsed("/") == "bad_request: there is no command '/', /help lists those there are");
  CHECK(parsed("/ who") == "bad_request: there is no command '/', /help lists those there are");
  CHECK(parsed("/whois bob") == "bad_request: there is no command '/whois', /help lists those there are");
  CHECK(parsed("/\x1B[2J") == R"(bad_request: there is no command '/\x1B[2J', /help lists those there are)");
  CHECK(parsed("/" + std::string(10'000, 'x')) ==
        "bad_request: there is no command '/" + std::string(31, 'x') + "', /help lists those there are");
}

TEST_CASE("names that are too long are refused") {
  const std::string name(32, 'x');
  CHECK(parsed("/nick " + name).starts_with("{"));
  CHECK(parsed("/nick x" + name) == "bad_name: a name has at most 32 bytes");
  CHECK(parsed("/join #" + name).starts_with("{"));
  CHECK(parsed("/join x" + name) == "bad_name: a name has at most 32 bytes");
  CHECK(parsed("/msg " + name + name + " x").starts_with("{"));
  CHECK(parsed("/msg x" + name + name + " x") == "bad_name: a name has at most 64 bytes");
}

TEST_CASE("what others said has their name, what was said to one alone an arrow") {
  CHECK(shown(events::message{"lobby", 7, 0, "alice", "hello  you"}) == "[alice] hello  you\n");
  CHECK(shown(events::direct{0, "alice", "bob", "psst"}) == "[alice -> you] psst\n");
  std::string out = "before\n";
  append_plain_message(out, "127.0.0.1:4711", "* alice left");
  CHECK(out == "before\n[127.0.0.1:4711] * alice left\n");
}

TEST_CASE("what happened to the session itself") {
  CHECK(shown(events::joined{"lobby", "0123456789abcdef", 1, 0, true, 12}) == "* you are in lobby (12 here)\n");
  CHECK(shown(events::left{"lobby"}) == "* you left lobby\n");
  CHECK(shown(events::nick{"Alice"}) == "* you are called Alice\n");
  CHECK(shown(events::notice{"good morning"}) == "* good morning\n");
  CHECK(shown(events::error{code::nick_in_use, "somebody is called that"}) == "* somebody is called that\n");
  CHECK(shown(events::error{code::nick_in_use, ""}) == "* nick_in_use\n");
  CHECK(shown(events::bye{code::kicked, "go away"}) == "* the session ends: go away\n");
  CHECK(shown(events::bye{code::kicked, ""}) == "* the session ends: kicked\n");
}

TEST_CASE("who came and went is one line") {
  const auto line = [](std::vector<std::string> joined, std::vector<std::string> left, std::uint64_t more) {
    return shown(events::presence{"lobby", 12, std::move(joined), std::move(left), more});
  };
  CHECK(line({"alice"}, {}, 0) == "* alice joined (12 here)\n");
  CHECK(line({}, {"carol", "dave"}, 0) == "* carol, dave left (12 here)\n");
  CHECK(line({"alice", "eve"}, {"carol"}, 0) == "* alice, eve joined; carol left (12 here)\n");
  CHECK(line({"alice"}, {"carol"}, 5) == "* alice joined; carol left; and 5 more (12 here)\n");
  CHECK(line({"alice"}, {}, 5) == "* alice joined; and 5 more (12 here)\n");
  CHECK(line({}, {}, 5) == "* 5 came or went (12 here)\n");
  CHECK(line({}, {}, 0).empty());
  CHECK(line({"BOB"}, {"alice"}, 0) == "* you joined; alice left (12 here)\n");
}

TEST_CASE("who is in a room, and since when nothing was heard of them") {
  CHECK(shown(events::member{"alice", "lobby", 59}) == "* alice in lobby\n");
  CHECK(shown(events::member{"alice", "", 75}) == "* alice, silent for 1:15\n");
  CHECK(shown(events::member{"Bob", "lobby", 90'000}) == "* Bob (you) in lobby, silent for 1d 01h\n");
  CHECK(shown(events::member{"alice", "lobby", std::numeric_limits<std::uint64_t>::max()}).ends_with("h\n"));
}

TEST_CASE("plain sessions are not told what only programs need") {
  for (const event& what : {event{events::welcome{1, "alice", "t"}}, event{events::ack{7, "e", false}},
                            event{events::end{}}, event{events::ping{}}, event{events::pong{}}}) {
    CHECK(shown(what).empty());
  }
}

TEST_CASE("all lines but what somebody said begin with an asterisk") {
  for (const event_sample& sample : event_samples()) {
    const std::string line = shown(sample.said.what);
    CAPTURE(line);
    const bool speech = std::holds_alternative<events::message>(sample.said.what) ||
                        std::holds_alternative<events::direct>(sample.said.what);
    if (!line.empty()) CHECK(line.starts_with(speech ? "[" : "* "));
    if (!line.empty()) CHECK(std::ranges::count(line, '\n') == 1);
  }
  std::string_view help = plain_help();
  for (const auto command : {"/nick NAME"sv, "/join ROOM"sv, "/msg NAME TEXT"sv, "/who"sv, "/kick NAME"sv,
                             "/ban NAME"sv, "/help"sv, "/quit"sv}) {
    CHECK(help.find("* " + std::string{command}) != std::string_view::npos);
  }
  CHECK(help.ends_with('\n'));
  while (!help.empty()) {
    CHECK(help.starts_with("* "));
    help.remove_prefix(help.find('\n') + 1);
  }
}

TEST_CASE("a browser's first line is known, cut or not") {
  for (const auto line :
       {"GET / HTTP/1.1"sv, "POST /x?y=z HTTP/1.0"sv, "OPTIONS * HTTP/1.1"sv, "CONNECT a:443 HTTP/1.1"sv,
        "GET http://a/ HTTP/1.1"sv, "PRI * HTTP/2.0"sv, "X / HTTP/3"sv, "GET /"sv, "POST /aaaaaaaaaaaaaaaa"sv}) {
    CAPTURE(line);
    CHECK(is_http_request(line));
  }
  for (const auto line : {""sv, "hello"sv, "GET"sv, "GET "sv, "get / HTTP/1.1"sv, "I LIKE HTTP/1.1"sv, "/ HTTP/1.1"sv,
                          " / HTTP/1.1"sv, "GET  HTTP/1.1"sv, "NB: a:b is enough"sv, "{\"tcpchat\":1}"sv}) {
    CAPTURE(line);
    CHECK_FALSE(is_http_request(line));
  }
}
