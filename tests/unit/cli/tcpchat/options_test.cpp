#include "cli/tcpchat/options.hpp"

#include <chrono>
#include <string>

#include "cli/tcpchat/text_pattern.hpp"
#include "support/catch.hpp"

using namespace std::chrono_literals;
using namespace tcptools;
using namespace tcptools::cli;

TEST_CASE("where to begin is an id, one of an epoch, an age, or all") {
  CHECK(parse_since("all").value() == chat::since{0, {}, {}});
  CHECK(parse_since("0").value() == chat::since{0, {}, {}});
  CHECK(parse_since("57").value() == chat::since{57, {}, {}});
  CHECK(parse_since("18446744073709551615").value() == chat::since{18446744073709551615U, {}, {}});
  CHECK(parse_since("00c0ffee00c0ffee:57").value() == chat::since{57, "00c0ffee00c0ffee", {}});
  CHECK(parse_since("10m").value() == chat::since{{}, {}, 600s});
  CHECK(parse_since("1.5h").value() == chat::since{{}, {}, 5400s});
  CHECK(parse_since("1ms").value() == chat::since{{}, {}, 1s});
}

TEST_CASE("what is none of these is refused") {
  for (const char* const text : {"", "x", "-1", "1x", ":5", "00c0ffee00c0ffee:", "00c0ffee00c0ffee:-1",
                                 "00C0FFEE00C0FFEE:57", "00c0ffee:57", "18446744073709551616", "All", "5 :5"}) {
    INFO(text);
    const auto refused = parse_since(text);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code() == errc::usage);
  }
}

TEST_CASE("patterns are extended regular expressions on characters") {
  const auto matches = [](const std::string& expression, const std::string& text) {
    return text_pattern::compile(expression).value().matches(text);
  };
  CHECK(matches("b+c|x", "abbc"));
  CHECK_FALSE(matches("^b", "abbc"));
  CHECK(matches("^.$", "\xC3\xB6"));
  CHECK(matches("", "anything"));
  CHECK_FALSE(matches("hello", "Hello"));
}

TEST_CASE("a pattern that is none says why") {
  const auto refused = text_pattern::compile("(a");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == errc::usage);
  CHECK(refused.error().text().starts_with("'(a' is no regular expression: "));
}
