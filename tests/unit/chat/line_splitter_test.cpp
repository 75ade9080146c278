#include "tcptools/chat/line_splitter.hpp"

#include <string>
#include <vector>

#include "support/catch.hpp"
#include "tcptools/chat/limits.hpp"

using namespace std::string_literals;
using namespace std::string_view_literals;
using namespace tcptools::chat;

namespace {

using lines = std::vector<std::string>;

line_splitter with(framing how) {
  line_splitter splitter;
  if (how != framing::undecided) splitter.become(how);
  return splitter;
}

void take_lines(line_splitter& splitter, lines& into) {
  while (splitter.has_line()) into.emplace_back(*splitter.next_line());
  CHECK_FALSE(splitter.next_line());
}

// All lines, and what is left at the end.
lines split(framing how, std::initializer_list<std::string_view> pieces) {
  line_splitter splitter = with(how);
  lines found;
  for (const std::string_view piece : pieces) {
    splitter.feed(piece);
    take_lines(splitter, found);
  }
  if (const auto rest = splitter.take_rest()) found.emplace_back(*rest);
  CHECK(splitter.held().empty());
  return found;
}

}  // namespace

TEST_CASE("an idle splitter is small") { CHECK(sizeof(line_splitter) <= 48); }

TEST_CASE("lines end in LF or CRLF") {
  for (const framing how : {framing::undecided, framing::structured, framing::plain}) {
    CHECK(split(how, {"a\nb\r\n\n\r\nc"}) == lines{"a", "b", "", "", "c"});
    CHECK(split(how, {"a\rb\r\r\n"}) == lines{"a\rb\r"});
    CHECK(split(how, {"a\0b\n"sv}) == lines{"a\0b"s});
    CHECK(split(how, {}).empty());
  }
}

TEST_CASE("lines do not depend on where the stream was cut") {
  for (const std::string& stream :
       {"one\r\ntwo\n\n\r\n\rthree\r\r\nrest"s, "gr\u00FC\u00DF\xFF\n\u20AC\n\U0001F389"s, "\0\n\0"s}) {
    for (const framing how : {framing::undecided, framing::structured, framing::plain}) {
      const lines whole = split(how, {stream});
      for (std::size_t at = 0; at <= stream.size(); ++at) {
        const auto [head, tail] =
            std::pair{std::string_view{stream}.substr(0, at), std::string_view{stream}.substr(at)};
        CAPTURE(at);
        CHECK(split(how, {head, tail}) == whole);
      }
    }
  }
}

TEST_CASE("lines are taken one by one, and more may be fed before all are taken") {
  line_splitter splitter = with(framing::structured);
  splitter.feed("a\nb\nc");
  CHECK(splitter.held() == "a\nb\nc");
  CHECK(splitter.next_line() == "a");
  CHECK(splitter.held() == "b\nc");
  splitter.feed("d\n");
  CHECK(splitter.next_line() == "b");
  CHECK(splitter.next_line() == "cd");
  CHECK_FALSE(splitter.has_line());
  CHECK_FALSE(splitter.next_line());
  CHECK_FALSE(splitter.take_rest());
}

TEST_CASE("a million bytes one by one, and a million lines that wait, are split in no time") {
  line_splitter splitter = with(framing::plain);
  std::size_t taken = 0;
  for (int i = 0; i < 1'000'000; ++i) {
    splitter.feed("x");
    while (const auto line = splitter.next_line()) taken += line->size();
  }
  CHECK(taken == 1'000'000 / limits::plain_line * limits::plain_line);

  splitter = with(framing::plain);
  taken = 0;
  for (int i = 0; i < 1'000'000; ++i) {
    splitter.feed("x\n");
    if (i % 2 == 0 && splitter.next_line()) ++taken;
  }
  CHECK(taken == 500'000);
  while (splitter.next_line()) ++taken;
  CHECK(taken == 1'000'000);
}

TEST_CASE("a structured line may have the limit's length, and a byte more ends all") {
  const std::string longest(limits::structured_line, 'x');
  for (const auto end : {"\n"sv, "\r\n"sv}) {
    CHECK(split(framing::structured, {longest, end}) == lines{longest});
    line_splitter splitter = with(framing::structured);
    splitter.feed("before\n" + longest + "x");
    CHECK_FALSE(splitter.overflowed());
    CHECK(splitter.next_line() == "before");
    CHECK(splitter.overflowed());
    CHECK_FALSE(splitter.has_line());
    CHECK_FALSE(splitter.next_line());
    splitter.feed(std::string{end} + "after\n");
    CHECK_FALSE(splitter.next_line());
    CHECK(splitter.overflowed());
    CHECK(splitter.held().empty());
    CHECK_FALSE(splitter.take_rest());
  }
}

TEST_CASE("a CR over the limit is a line end if an LF follows, and too much if not") {
  const std::string longest(limits::structured_line, 'x');
  line_splitter splitter = with(framing::structured);
  splitter.feed(longest + "\r");
  CHECK_FALSE(splitter.overflowed());
  splitter.feed("\n");
  CHECK(splitter.next_line() == longest);
  splitter.feed(longest + "\r");
  splitter.feed("x");
  CHECK(splitter.overflowed());
}

TEST_CASE("a plain line over the limit becomes several, whatever the pieces") {
  const std::string longest(limits::plain_line, 'x');
  CHECK(split(framing::plain, {longest + "\n"}) == lines{longest});
  CHECK(split(framing::plain, {longest, "\r", "\n"}) == lines{longest});
  CHECK(split(framing::plain, {longest, "\r", "y\n"}) == lines{longest, "\ry"});
  CHECK(split(framing::plain, {longest + longest + "y\nz"}) == lines{longest, longest, "y", "z"});
  CHECK(split(framing::plain, {longest, longest, "\n"}) == lines{longest, longest});
}

TEST_CASE("a plain line is never cut within a character") {
  for (const auto character : {"\u00FC"sv, "\u20AC"sv, "\U0001F389"sv}) {
    for (std::size_t before = 1; before < character.size(); ++before) {
      const std::string head(limits::plain_line - before, 'x');
      const std::string tail = std::string{character} + "y";
      const lines expected{head, tail};
      for (std::size_t at = 0; at <= tail.size(); ++at) {
        CAPTURE(before, at);
        CHECK(split(framing::plain, {head + tail.substr(0, at), tail.substr(at)}) == expected);
        CHECK(split(framing::plain, {head + tail.substr(0, at), tail.substr(at) + "\n"}) == expected);
      }
    }
  }
  const std::string no_character = std::string(limits::plain_line, '\x80') + "\x80";
  CHECK(split(framing::plain, {no_character + "\n"}) == lines{std::string(limits::plain_line, '\x80'), "\x80"});
}

TEST_CASE("what has no line end is taken when nothing more comes for a while") {
  line_splitter splitter = with(framing::plain);
  CHECK_FALSE(splitter.take_unterminated());
  splitter.feed("hel");
  CHECK(splitter.take_unterminated() == "hel");
  CHECK_FALSE(splitter.take_unterminated());
  splitter.feed("lo\nyou");
  CHECK_FALSE(splitter.take_unterminated());
  CHECK(splitter.next_line() == "lo");
  CHECK(splitter.take_unterminated() == "you");
  CHECK_FALSE(splitter.take_rest());
}

TEST_CASE("a character that is unfinished waits for its end") {
  line_splitter splitter = with(framing::plain);
  splitter.feed("a\xE2\x82");
  CHECK(splitter.take_unterminated() == "a");
  CHECK(splitter.held() == "\xE2\x82");
  CHECK_FALSE(splitter.take_unterminated());
  splitter.feed("\xAC");
  CHECK(splitter.take_unterminated() == "\u20AC");
  splitter.feed("\xE2\x82");
  CHECK(splitter.take_rest() == "\xE2\x82");
}

TEST_CASE("a CR at the end of what has no line end is one") {
  line_splitter splitter = with(framing::plain);
  splitter.feed("a\r");
  CHECK(splitter.take_unterminated() == "a");
  splitter.feed("\r");
  CHECK_FALSE(splitter.take_unterminated());
  CHECK(splitter.held().empty());
  splitter.feed("b\r");
  CHECK(splitter.take_rest() == "b");
}

TEST_CASE("what is undecided is kept as it is, and read again when it is decided") {
  line_splitter splitter;
  splitter.feed("a\xFF\xF1z\xFF");
  CHECK(splitter.held() == "a\xFF\xF1z\xFF");
  CHECK_FALSE(splitter.has_line());
  splitter.become(framing::plain);
  CHECK(splitter.held() == "az");
  splitter.feed("\xF1!\n");
  CHECK(splitter.next_line() == "az!");

  splitter = line_splitter{};
  splitter.feed("\xFF\xF1\n\xFF\n");
  CHECK(splitter.next_line() == "\xFF\xF1");
  splitter.become(framing::structured);
  CHECK(splitter.next_line() == "\xFF");
}

TEST_CASE("a line that is undecided may be as long as a structured one, and its beginning is kept") {
  const std::string longest(limits::structured_line, 'x');
  line_splitter splitter;
  splitter.feed(longest + "\r");
  CHECK_FALSE(splitter.overflowed());
  splitter.feed("\nnext\n");
  CHECK(splitter.next_line() == longest);
  CHECK(splitter.next_line() == "next");

  for (const framing how : {framing::structured, framing::plain}) {
    splitter = line_splitter{};
    splitter.feed(longest + "yyy");
    CHECK(splitter.overflowed());
    CHECK_FALSE(splitter.has_line());
    CHECK(splitter.held() == longest);
    splitter.feed("\nmore\n");
    CHECK(splitter.held() == longest);
    splitter.become(how);
    lines found;
    take_lines(splitter, found);
    if (how == framing::structured) {
      CHECK(splitter.overflowed());
      CHECK(found.empty());
      CHECK(splitter.held().empty());
    } else {
      CHECK_FALSE(splitter.overflowed());
      CHECK(found == lines(3, std::string(limits::plain_line, 'x')));
      CHECK(splitter.take_rest() == std::string(limits::plain_line, 'x'));
    }
  }
}

TEST_CASE("what was plain may become structured") {
  line_splitter splitter = with(framing::plain);
  const std::string longer(limits::plain_line + 2, 'x');
  splitter.feed("greeting\n" + longer);
  CHECK(splitter.next_line() == "greeting");
  splitter.become(framing::structured);
  CHECK_FALSE(splitter.has_line());
  splitter.feed("\xFF\n");
  CHECK(splitter.next_line() == longer + "\xFF");
}

TEST_CASE("the beginning of a line does not keep the memory of what came before it") {
  line_splitter splitter = with(framing::structured);
  splitter.feed(std::string(60'000, 'x') + "\nhello");
  CHECK(splitter.next_line()->size() == 60'000);
  CHECK_FALSE(splitter.next_line());
  CHECK(splitter.held() == "hello");
  splitter.feed(" you\n");
  CHECK(splitter.next_line() == "hello you");
}
