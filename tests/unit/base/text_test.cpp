#include "tcptools/base/text.hpp"

#include <string>
#include <string_view>

#include "support/catch.hpp"

using namespace std::string_view_literals;
using tcptools::is_utf8;
using tcptools::visible;

TEST_CASE("well-formed UTF-8 of every length, at the ends of its range") {
  const auto text = GENERATE(""sv, "plain"sv, "\0"sv, "\x7F"sv, "\xC2\x80"sv, "\xDF\xBF"sv, "\xE0\xA0\x80"sv,
                             "\xED\x9F\xBF"sv, "\xEE\x80\x80"sv, "\xEF\xBF\xBF"sv, "\xF0\x90\x80\x80"sv,
                             "\xF4\x8F\xBF\xBF"sv, "gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x8E\x89"sv);
  CAPTURE(visible(text));
  CHECK(is_utf8(text));
}

TEST_CASE("what is not UTF-8") {
  const auto text = GENERATE("\x80"sv, "\xBF"sv, "\xFE"sv, "\xFF"sv, "\xF8\x88\x80\x80\x80"sv,    // no first byte
                             "\xC3"sv, "\xE2\x82"sv, "\xF0\x9F\x8E"sv, "a\xC3"sv,                 // cut short
                             "\xC3z"sv, "\xE2z\xAC"sv, "\xE2\x82z"sv, "\xF0\x9F\x8Ez"sv,          // no continuation
                             "\xC0\xAF"sv, "\xC1\xBF"sv, "\xE0\x9F\xBF"sv, "\xF0\x8F\xBF\xBF"sv,  // overlong
                             "\xED\xA0\x80"sv, "\xED\xBF\xBF"sv, "\xED\xA0\xBD\xED\xB8\x80"sv,    // surrogates
                             "\xF4\x90\x80\x80"sv, "\xF5\x80\x80\x80"sv, "\xF7\xBF\xBF\xBF"sv);   // beyond U+10FFFF
  CAPTURE(visible(text));
  CHECK_FALSE(is_utf8(text));
  CHECK_FALSE(is_utf8("before " + std::string{text}));
  CHECK_FALSE(is_utf8(std::string{text} + " behind"));
}

TEST_CASE("what can be seen is left alone") {
  const auto text =
      GENERATE("report (final).txt"sv, "gr\xC3\xBC\xC3\x9F"sv, "\xE6\x96\x87\xE4\xBB\xB6"sv, "\xF0\x9F\x8E\x89"sv,
               "e\xCC\x81"sv,                    // a combining accent
               "\xD9\x85\xD9\x84\xD9\x81"sv,     // Arabic letters without controls
               "\xC2\xA0"sv, "\xEF\xBF\xBD"sv);  // no-break space, replacement character
  CHECK(visible(text) == text);
}

TEST_CASE("what could act on a terminal or mislead a reader is spelt out") {
  const auto [text, shown] = GENERATE(table<std::string_view, std::string_view>({
      {"a\nb\tc", R"(a\nb\tc)"},
      {R"(C:\x41)", R"(C:\\x41)"},
      {"\0"sv, R"(\x00)"},
      {"\r\a\b", R"(\x0D\x07\x08)"},
      {"\x1B[31mred", R"(\x1B[31mred)"},
      {"\x7F", R"(\x7F)"},
      {"\xC2\x85", R"(\xC2\x85)"},  // C1: next line
      {"\xC2\x9B"
       "2J",
       R"(\xC2\x9B2J)"},                                                            // C1: control sequence introducer
      {"\xE2\x80\xA8\xE2\x80\xA9", R"(\xE2\x80\xA8\xE2\x80\xA9)"},                  // line and paragraph separators
      {"cod\xE2\x80\xAEtxt.exe", R"(cod\xE2\x80\xAEtxt.exe)"},                      // right-to-left override
      {"\xE2\x81\xA6x\xE2\x81\xA9", R"(\xE2\x81\xA6x\xE2\x81\xA9)"},                // isolates
      {"\xE2\x80\x8E\xE2\x80\x8F\xD8\x9C", R"(\xE2\x80\x8E\xE2\x80\x8F\xD8\x9C)"},  // directional marks
      {"a\xE2\x80\x8B"
       "b",
       R"(a\xE2\x80\x8Bb)"},  // zero width space
      {"a\xE2\x80\x8D"
       "b",
       R"(a\xE2\x80\x8Db)"},                        // zero width joiner
      {"\xEF\xBB\xBFtext", R"(\xEF\xBB\xBFtext)"},  // byte order mark
      {"a\xC2\xAD"
       "b",
       R"(a\xC2\xADb)"},                            // soft hyphen
      {"\xE3\x85\xA4", R"(\xE3\x85\xA4)"},          // Hangul filler
      {"\xEF\xB8\x8F", R"(\xEF\xB8\x8F)"},          // variation selector
      {"\xF3\xA0\x81\x81", R"(\xF3\xA0\x81\x81)"},  // tag letter
  }));
  CHECK(visible(text) == shown);
}

TEST_CASE("bytes that are not UTF-8 are spelt out one by one, their neighbours are not") {
  CHECK(visible("a\xFF\xC3") == R"(a\xFF\xC3)");
  CHECK(visible("\xC3z") == R"(\xC3z)");
  CHECK(visible("\xE2\x82\xC3\xBC") == "\\xE2\\x82\xC3\xBC");
  CHECK(visible("\xC0\xAF") == R"(\xC0\xAF)");
  CHECK(visible("\xED\xA0\x80") == R"(\xED\xA0\x80)");
}

TEST_CASE("what is shown is UTF-8 without controls, whatever it was") {
  for (unsigned first = 0; first < 256; ++first) {
    for (unsigned second = 0; second < 256; ++second) {
      const std::string text{static_cast<char>(first), static_cast<char>(second)};
      const std::string shown = visible(text);
      REQUIRE(is_utf8(shown));
      for (const char c : shown) REQUIRE((static_cast<unsigned char>(c) >= 0x20 && c != 0x7F));
    }
  }
}
