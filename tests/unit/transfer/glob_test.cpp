#include "tcptools/transfer/glob.hpp"

#include <string>
#include <string_view>

#include "support/catch.hpp"

using tcptools::errc;
using tcptools::transfer::glob;

namespace {

bool matches(std::string_view pattern, std::string_view path, bool is_directory = false) {
  const auto parsed = glob::parse(pattern);
  REQUIRE(parsed);
  return parsed->matches(path, is_directory);
}

}  // namespace

TEST_CASE("a pattern without a slash is for the last component") {
  CHECK(matches("*.o", "a.o"));
  CHECK(matches("*.o", "x/y/a.o"));
  CHECK_FALSE(matches("*.o", "a.oo"));
  CHECK_FALSE(matches("*.o", "a.o/b"));
  CHECK(matches("build", "x/build"));
  CHECK_FALSE(matches("build", "rebuild"));
  CHECK(matches("*", ".hidden"));
}

TEST_CASE("a pattern with a slash is for the whole path") {
  CHECK(matches("x/*.o", "x/a.o"));
  CHECK_FALSE(matches("x/*.o", "x/y/a.o"));
  CHECK_FALSE(matches("x/*.o", "y/x/a.o"));
  CHECK(matches("/a.o", "a.o"));
  CHECK_FALSE(matches("/a.o", "x/a.o"));
  CHECK_FALSE(matches("x/y", "x"));
  CHECK_FALSE(matches("x", "x/y"));
}

TEST_CASE("a pattern with a slash at its end is for directories") {
  CHECK(matches("cache/", "x/cache", true));
  CHECK_FALSE(matches("cache/", "x/cache"));
  CHECK(matches("x/cache/", "x/cache", true));
  CHECK_FALSE(matches("x/cache/", "y/x/cache", true));
  CHECK(matches("cache", "x/cache", true));
}

TEST_CASE("** is any number of directories") {
  CHECK(matches("**/a", "a"));
  CHECK(matches("**/a", "x/y/a"));
  CHECK(matches("x/**/a", "x/a"));
  CHECK(matches("x/**/a", "x/1/2/3/a"));
  CHECK_FALSE(matches("x/**/a", "y/a"));
  CHECK(matches("x/**", "x/1/2"));
  CHECK_FALSE(matches("x/**", "x", true));
  CHECK(matches("**/b/**/c", "a/b/b/x/c"));
  CHECK_FALSE(matches("**/b/**/c", "a/x/c"));
  CHECK(matches("**/x/*/**", "x/x/1/2"));
  CHECK_FALSE(matches("**/x/**", "y/x", true));
  CHECK(matches("a**b", "a12b"));
  CHECK_FALSE(matches("/a**b", "a/b"));
}

TEST_CASE("stars find their place again") {
  CHECK(matches("*ab*ab", "abxabab"));
  CHECK(matches("a*b?c*", "aXbbXcc"));
  CHECK_FALSE(matches("*ab", "abx"));
  CHECK(matches("***", "x"));
  CHECK_FALSE(matches("?*", ""));
}

TEST_CASE("a question mark is one character of any length") {
  CHECK(matches("?", "a"));
  CHECK(matches("?", "文"));
  CHECK(matches("??.txt", "文件.txt"));
  CHECK_FALSE(matches("?", "文件"));
  CHECK(matches("?", "\xFF"));
  CHECK(matches("??", "\xC3\xA9\xA9"));
  CHECK(matches("???", "\xE6\x96x"));
}

TEST_CASE("sets") {
  CHECK(matches("[abc]", "b"));
  CHECK_FALSE(matches("[abc]", "d"));
  CHECK(matches("[a-c]x", "bx"));
  CHECK_FALSE(matches("[!a-c]", "b"));
  CHECK(matches("[^a-c]", "d"));
  CHECK(matches("[]x]", "]"));
  CHECK(matches("[!]x]", "a"));
  CHECK_FALSE(matches("[!]x]", "]"));
  CHECK(matches("[a-]", "-"));
  CHECK(matches("[-a]", "-"));
  CHECK(matches("[0-9][0-9]", "42"));
  CHECK(matches("[一-龥]", "文"));
  CHECK_FALSE(matches("[一-龥]", "a"));
  CHECK(matches(R"([\]])", "]"));
  CHECK(matches(R"([a\-c])", "-"));
  CHECK_FALSE(matches(R"([a\-c])", "b"));
}

TEST_CASE("what is not a set is taken as it is") {
  CHECK(matches("[", "["));
  CHECK(matches("[]", "[]"));
  CHECK(matches("[!]", "[!]"));
  CHECK(matches("[a", "[a"));
  CHECK(matches(R"([a\)", R"([a\)"));
  CHECK(matches("a]", "a]"));
}

TEST_CASE("a backslash takes the next character as it is") {
  CHECK(matches(R"(\*)", "*"));
  CHECK_FALSE(matches(R"(\*)", "x"));
  CHECK(matches(R"(\?\[)", "?["));
  CHECK(matches(R"(\\)", R"(\)"));
  CHECK(matches(R"(\)", R"(\)"));
  CHECK(matches(R"(\文)", "文"));
}

TEST_CASE("many stars take no time") {
  const std::string name(255, 'a');
  std::string stars;
  for (int i = 0; i < 100; ++i) stars += "*a";
  CHECK_FALSE(matches(stars + "b", name));

  std::string path;
  std::string deep;
  for (int i = 0; i < 200; ++i) path += "a/";
  for (int i = 0; i < 100; ++i) deep += "**/a/";
  CHECK_FALSE(matches(deep + "b", path + "c"));
}

TEST_CASE("a pattern without anything in it is refused") {
  for (const char* pattern : {"", "/", "//"}) {
    const auto parsed = glob::parse(pattern);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().code() == errc::usage);
  }
}
