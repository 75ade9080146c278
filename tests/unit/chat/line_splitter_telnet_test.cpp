#include <string>
#include <vector>

#include "support/catch.hpp"
#include "tcptools/chat/limits.hpp"
#include "tcptools/chat/line_splitter.hpp"

using namespace std::string_view_literals;
using namespace tcptools::chat;

namespace {

// RFC 854 by its names.
constexpr auto iac = "\xFF"sv;
constexpr auto nop = "\xF1"sv;
constexpr auto are_you_there = "\xF6"sv;
constexpr auto sb = "\xFA"sv;
constexpr auto se = "\xF0"sv;
constexpr auto will = "\xFB"sv;
constexpr auto do_not = "\xFE"sv;

template <class... Parts>
std::string joined(Parts... parts) {
  std::string all;
  (all.append(parts), ...);
  return all;
}

// What a plain session says, with its lines joined by '|'.
std::string said(std::initializer_list<std::string_view> pieces) {
  line_splitter splitter;
  splitter.become(framing::plain);
  std::string all;
  for (const std::string_view piece : pieces) {
    splitter.feed(piece);
    while (const auto line = splitter.next_line()) all.append(*line).append("|");
  }
  if (const auto rest = splitter.take_rest()) all += *rest;
  return all;
}

}  // namespace

TEST_CASE("telnet commands of two and three bytes are taken out") {
  CHECK(said({joined("a", iac, nop, "b", iac, are_you_there, "c\n")}) == "abc|");
  CHECK(said({joined("a", iac, will, "\x01", "b", iac, do_not, "\n", "c\n")}) == "abc|");
  CHECK(said({joined(iac, will, iac, "a\n")}) == "a|");
  CHECK(said({joined(iac, "\xEF", "a\n")}) == "a|");  // end of record, RFC 885
}

TEST_CASE("a telnet negotiation is taken out up to its end, line ends within it too") {
  CHECK(said({joined("a", iac, sb, "\x18", "\0xterm\n"sv, iac, se, "b\n")}) == "ab|");
  CHECK(said({joined("a", iac, sb, "x", iac, iac, se, "y", iac, se, "b\n")}) == "ab|");
  CHECK(said({joined("a", iac, sb, iac, nop, "y", iac, se, "b\n")}) == "ab|");
}

TEST_CASE("a byte 255 comes as two") {
  CHECK(said({joined("a", iac, iac, "b\n")}) ==
        "a\xFF"
        "b|");
}

TEST_CASE("a byte 255 of somebody who knows no telnet is a byte like others") {
  CHECK(said({joined("ma", iac, "\n", "b\n")}) == "ma\xFF|b|");
  CHECK(said({joined(iac, "x", "\n")}) == "\xFFx|");
}

TEST_CASE("telnet does not depend on where the stream was cut") {
  const std::string stream =
      joined("one", iac, nop, iac, will, "\x03", "\r\n", iac, sb, "\x1F\x00\x50\x00"sv, iac, iac, "\n", iac, se, "two",
             iac, iac, "\n", iac, do_not, iac, "gr\u00FC\u00DF", iac, sb, iac, se, "\r", "\n", iac, "\nrest", iac);
  const std::string whole = said({stream});
  CHECK(whole == "one|two\xFF|gr\u00FC\u00DF|\xFF|rest");
  for (std::size_t first = 0; first <= stream.size(); ++first) {
    for (std::size_t second = first; second <= stream.size(); ++second) {
      const std::string_view all = stream;
      CAPTURE(first, second);
      REQUIRE(said({all.substr(0, first), all.substr(first, second - first), all.substr(second)}) == whole);
    }
  }
}

TEST_CASE("a negotiation without an end does not swallow a session") {
  const std::string begun = joined(iac, sb, std::string(limits::telnet_negotiation, 'x'));
  CHECK(said({begun, "yhello\n"}) == "hello|");
  CHECK(said({begun, joined(iac, "hello\n")}) == "hello|");
  CHECK(said({joined(iac, sb, std::string(limits::telnet_negotiation - 1, 'x'), iac, se, "hello\n")}) == "hello|");
}

TEST_CASE("only the plain language has telnet") {
  line_splitter splitter;
  splitter.become(framing::structured);
  splitter.feed(joined(iac, nop, iac, iac, "\n"));
  CHECK(splitter.next_line() == joined(iac, nop, iac, iac));
}
