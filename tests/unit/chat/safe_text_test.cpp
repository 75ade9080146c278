#include "tcptools/chat/safe_text.hpp"

#include <algorithm>
#include <string>

#include "support/catch.hpp"
#include "tcptools/base/text.hpp"

using namespace std::string_view_literals;
using namespace tcptools::chat;

TEST_CASE("what can be seen stays as it is") {
  for (const auto text : {""sv, "hello"sv, "a\tb"sv, "gr\xC3\xBC\xC3\x9F"sv, "\u6587\u4EF6"sv, "e\u0301"sv,
                          "\u0645\u0644\u0641"sv, "\u00A0x"sv, "\uFFFD"sv, "  indented"sv, "\\x41 \"quoted\" 'n'"sv}) {
    CAPTURE(text);
    CHECK(safe_text(text) == text);
  }
}

TEST_CASE("joiners and variation selectors stay: scripts and emoji need them") {
  for (const auto text :
       {"\U0001F468\u200D\U0001F469\u200D\U0001F467"sv, "\u2764\uFE0F"sv, "\u0646\u200C\u0645"sv, "x\uFE00"sv}) {
    CHECK(safe_text(text) == text);
  }
}

TEST_CASE("controls become one replacement character each") {
  CHECK(safe_text("a\0b"sv) == "a\uFFFDb");
  CHECK(safe_text("\x1B[31mred") == "\uFFFD[31mred");
  CHECK(safe_text("a\r\nb") == "a\uFFFD\uFFFDb");
  CHECK(safe_text("\x7F") == "\uFFFD");
  CHECK(safe_text("\u0085\u009B") == "\uFFFD\uFFFD");
  CHECK(safe_text("\u2028\u2029") == "\uFFFD\uFFFD");
}

TEST_CASE("what reorders a line or cannot be seen is replaced") {
  for (const auto one : {"\u202A"sv, "\u202B"sv, "\u202C"sv, "\u202D"sv, "\u202E"sv, "\u2066"sv,     "\u2067"sv,
                         "\u2068"sv, "\u2069"sv, "\u200E"sv, "\u200F"sv, "\u061C"sv, "\u200B"sv,     "\u2060"sv,
                         "\uFEFF"sv, "\u00AD"sv, "\u3164"sv, "\u034F"sv, "\u180E"sv, "\U000E0041"sv, "\U000E0100"sv}) {
    CAPTURE(tcptools::visible(one));
    CHECK(safe_text("a" + std::string{one} + "b") == "a\uFFFDb");
  }
}

TEST_CASE("every byte that is not UTF-8 is replaced, and its neighbours are not") {
  CHECK(safe_text("a\xFFz") == "a\uFFFDz");
  CHECK(safe_text("\xC3") == "\uFFFD");
  CHECK(safe_text("\xE2\x82\xC3\xBC") == "\uFFFD\uFFFD\xC3\xBC");
  CHECK(safe_text("\xC0\xAF") == "\uFFFD\uFFFD");
  CHECK(safe_text("\xED\xA0\x80") == "\uFFFD\uFFFD\uFFFD");
  CHECK(safe_text("\xF4\x90\x80\x80") == "\uFFFD\uFFFD\uFFFD\uFFFD");
}

TEST_CASE("spaces and tabs at the end are taken off, and nothing else is") {
  CHECK(safe_text("a b \t ") == "a b");
  CHECK(safe_text(" \t ").empty());
  CHECK(safe_text("a\u00A0") == "a\u00A0");
  CHECK(safe_text("a \n") == "a \uFFFD");
}

TEST_CASE("all pairs of bytes become UTF-8 without controls, and stay so") {
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      const std::string safe = safe_text(std::string{static_cast<char>(first), static_cast<char>(second)});
      CAPTURE(first, second, safe);
      REQUIRE(tcptools::is_utf8(safe));
      REQUIRE(std::ranges::none_of(safe, [](char c) { return (c >= 0 && c < 0x20 && c != '\t') || c == 0x7F; }));
      REQUIRE(safe_text(safe) == safe);
    }
  }
}

TEST_CASE("a text is cut between two characters") {
  constexpr auto text = "a\u00FC\u20AC\U0001F389z"sv;  // 1 + 2 + 3 + 4 + 1 bytes
  constexpr std::size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
  for (std::size_t size = 0; size < std::size(expected); ++size) {
    CAPTURE(size);
    CHECK(cut_to(text, size) == text.substr(0, expected[size]));
  }
}

TEST_CASE("what is not UTF-8 is cut all the same, and never to nothing") {
  CHECK(cut_to("\x80\x80\x80\x80\x80", 3) == "\x80\x80\x80");
  CHECK(cut_to("a\xFF\xFF", 2) == "a\xFF");
  CHECK(cut_to("\xE2zz", 1) == "\xE2");
  CHECK(cut_to("\xF0\x9F\x8Ezz", 3) == "\xF0\x9F\x8E");
  CHECK(cut_to("\u20AC", 2).empty());
}

TEST_CASE("a character that is unfinished is told from what is none") {
  CHECK(unfinished_at_end("") == 0);
  CHECK(unfinished_at_end("abc") == 0);
  CHECK(unfinished_at_end("\u20AC") == 0);
  CHECK(unfinished_at_end("a\xC3") == 1);
  CHECK(unfinished_at_end("a\xE2") == 1);
  CHECK(unfinished_at_end("a\xE2\x82") == 2);
  CHECK(unfinished_at_end("a\xF0\x9F\x8E") == 3);
  CHECK(unfinished_at_end("\xED\x9F") == 2);
  CHECK(unfinished_at_end("\xF4\x8F") == 2);
  for (const auto none : {"\x80"sv, "\xC0"sv, "\xC1"sv, "\xF5"sv, "\xFF"sv, "\xE0\x9F"sv, "\xED\xA0"sv, "\xF0\x8F"sv,
                          "\xF4\x90"sv, "\xC3\xBC\x80"sv, "\x80\x80\x80\x80"sv, "\xE2z"sv, "\xF8\x88"sv}) {
    CAPTURE(tcptools::visible(none));
    CHECK(unfinished_at_end(none) == 0);
  }
}

TEST_CASE("what is unfinished can be finished, and nothing else can") {
  // Every two bytes at the end: finished by some two more, or not.
  for (int first = 0xC0; first < 256; ++first) {
    for (int second = 0x80; second < 0xC0; ++second) {
      const std::string begun{static_cast<char>(first), static_cast<char>(second)};
      bool can_be_finished = false;
      for (const auto end : {"\x80"sv, "\xBF"sv, "\x80\x80"sv, "\xBF\xBF"sv}) {
        can_be_finished = can_be_finished || tcptools::is_utf8(begun + std::string{end});
      }
      CAPTURE(first, second);
      CHECK((unfinished_at_end(begun) == 2) == (can_be_finished && !tcptools::is_utf8(begun)));
    }
  }
}
