#include "tcptools/net/key_text.hpp"

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"

using namespace tcptools;
using namespace tcptools::net;

namespace {

// The bytes 0 to 31, and 32 of them that are 0xFF.
const std::string counting = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const std::string all_ones = "//////////////////////////////////////////8=";

result<void> know_some_rights(const key_right& right) {
  if (right.name == "admin" && right.value.empty()) return {};
  if (right.name == "dir" && !right.value.empty()) return {};
  return error{errc::usage, "'" + right.name + "' is not known"};
}

result<std::vector<key>> parsed_keys(std::string_view text) { return parse_keys(text, know_some_rights); }

// Why `text` is refused.
std::string refusal(std::string_view text) {
  const auto keys = parsed_keys(text);
  REQUIRE_FALSE(keys);
  CHECK(keys.error().code() == errc::usage);
  return keys.error().text();
}

std::chrono::sys_seconds expiry(const std::string& date) {
  const auto keys = parsed_keys("a:" + counting + " expires=" + date);
  REQUIRE(keys);
  return keys->front().expires.value();
}

}  // namespace

TEST_CASE("a key line without rights") {
  const auto keys = parsed_keys("alice@laptop:" + counting);
  REQUIRE(keys);
  REQUIRE(keys->size() == 1);
  const key& one = keys->front();
  CHECK(one.name == "alice@laptop");
  for (std::size_t i = 0; i < secret::size; ++i) CHECK(one.value.bytes()[i] == std::byte(i));
  CHECK(one.from.empty());
  CHECK_FALSE(one.expires);
  CHECK(one.rights.empty());
}

TEST_CASE("a key file with everything in it") {
  const auto keys = parsed_keys("# who may come in\r\n\r\n \t \n  # and what for\nalice:" + counting +
                                "\tfrom=10.0.0.0/8,::1  dir=logs/2026 \t expires=2030-12-31 admin \r\nbob:" + all_ones);
  REQUIRE(keys);
  REQUIRE(keys->size() == 2);
  const key& alice = keys->front();
  CHECK(alice.name == "alice");
  CHECK(alice.from == std::vector{cidr::parse("10.0.0.0/8").value(), cidr::parse("::1").value()});
  CHECK(alice.rights == std::vector<key_right>{{"dir", "logs/2026"}, {"admin", ""}});
  CHECK(alice.expires == std::chrono::sys_days{std::chrono::year{2030} / 12 / 31});
  CHECK(keys->back().name == "bob");
  CHECK(keys->back().rights.empty());
}

TEST_CASE("a date is a day's first second, or a second") {
  using namespace std::chrono;
  CHECK(expiry("2024-02-29") == sys_days{year{2024} / 2 / 29});
  CHECK(expiry("2030-01-02T03:04:05Z") == sys_days{year{2030} / 1 / 2} + 3h + 4min + 5s);
  CHECK(expiry("1970-01-01T00:00:00Z") == sys_seconds{});
  CHECK(expiry("9999-12-31T23:59:59Z") == sys_days{year{9999} / 12 / 31} + 24h - 1s);

  key one;
  one.expires = expiry("9999-12-31");
  CHECK_FALSE(one.is_expired(system_clock::now()));
  one.expires = expiry("0001-01-01");
  CHECK(one.is_expired(system_clock::now()));
}

TEST_CASE("what is no date is refused") {
  for (const std::string date :
       {"2030", "2030-1-1", "2030-13-01", "2030-00-01", "2030-02-30", "2023-02-29", "2030-01-00", "30-01-01",
        "2030/01/01", "2030-01-01T", "2030-01-01Z", "2030-01-01T00:00Z", "+030-01-01", "2030-01-01x"}) {
    INFO(date);
    CHECK(refusal("a:" + counting + " expires=" + date) ==
          "line 1: expires: '" + date + "' is not a date such as 2030-12-31 or 2030-12-31T23:59:59Z");
  }
  for (const std::string date : {"2030-01-01T24:00:00Z", "2030-01-01T00:60:00Z", "2030-01-01T00:00:60Z",
                                 "2030-01-01T00:00:00", "2030-01-01T00:00:00+01:00", "2030-01-01 00:00:00Z"}) {
    INFO(date);
    (void)refusal("a:" + counting + " expires=" + date);
  }
}

TEST_CASE("a line that is no key is refused, with its number and without what stands there") {
  const std::string good = "a:" + counting + "\n";
  const std::string no_name = "what is before the colon is no name of 1 to 64 of A-Z a-z 0-9 . _ - @";
  const std::string no_secret = "what is behind the colon is not 32 bytes in base64";
  const std::vector<std::pair<std::string, std::string>> samples{
      {"", "there is no key in it"},
      {"\n\n# a:b\n", "there is no key in it"},
      {counting, "line 1: a key is NAME:BASE64, and here is no colon"},
      {"alice " + counting, "line 1: a key is NAME:BASE64, and here is no colon"},
      {good + counting, "line 2: a key is NAME:BASE64, and here is no colon"},
      {counting + ":alice", "line 1: " + no_name},
      {":" + counting, "line 1: " + no_name},
      {std::string(65, 'a') + ":" + counting, "line 1: " + no_name},
      {"al/ice:" + counting, "line 1: " + no_name},
      {"\xEF\xBB\xBF"
       "alice:" +
           counting,
       "line 1: " + no_name},
      {"a:", "line 1: " + no_secret},
      {"a: " + counting, "line 1: " + no_secret},
      {"a:b:" + counting, "line 1: " + no_secret},
      {"a:" + counting.substr(0, 43), "line 1: " + no_secret},
      {"a:" + counting + "=", "line 1: " + no_secret},
      {"a:" + counting.substr(0, 42) + "==", "line 1: " + no_secret},
      {"a:" + counting.substr(0, 40), "line 1: " + no_secret},
      {"a:" + counting.substr(0, 42) + "9=", "line 1: " + no_secret},  // the same bytes, were it not strict
      {"a:-" + counting.substr(1), "line 1: " + no_secret},
      {"a:\v" + counting.substr(1), "line 1: " + no_secret},
      {"a:" + counting.substr(0, 42) + "=\n", "line 1: " + no_secret},
      {"a:" + counting.substr(0, 20) + "=" + counting.substr(21), "line 1: " + no_secret},
      {good + "\n#\na:" + all_ones, "line 4: the key has the same name as that of line 1"},
      {good + "b:" + counting, "line 2: the key is the same as that of line 1"},
      {good + "b:" + all_ones + "\nc:" + all_ones, "line 3: the key is the same as that of line 2"},
  };
  for (const auto& [text, reason] : samples) {
    INFO(text);
    CHECK(refusal(text) == reason);
  }
}

TEST_CASE("a right that is wrong makes the file wrong") {
  const std::vector<std::pair<std::string, std::string>> samples{
      {"admni", "'admni' is not known"},
      {"ADMIN", "'ADMIN' is not known"},
      {"admin=yes", "'admin' is not known"},
      {"dir", "'dir' is not known"},
      {"dir=", "'dir=' has no value"},
      {"=x", "'' is not known"},
      {"=", "'=' has no value"},
      {"dir=\xFF", "'dir=\\xFF' is not UTF-8"},
      {"admin admin", "'admin' is there twice"},
      {"dir=a dir=b", "'dir' is there twice"},
      {"from=::1 from=::1", "'from' is there twice"},
      {"expires=2030-01-01 expires=2030-01-01", "'expires' is there twice"},
      {"from", "from: '' is not a block of addresses such as 10.0.0.0/8, 192.0.2.1 or fe80::/10"},
      {"from=", "'from=' has no value"},
      {"from=::1,", "from: '' is not a block of addresses such as 10.0.0.0/8, 192.0.2.1 or fe80::/10"},
      {"from=10.0.0.5/8", "from: '10.0.0.5/8' has bits set beyond /8; did you mean 10.0.0.0/8"},
      {"# the laptop", "a comment takes a line of its own"},
  };
  for (const auto& [rights, reason] : samples) {
    INFO(rights);
    CHECK(refusal("a:" + counting + " " + rights) == "line 1: " + reason);
  }
}

TEST_CASE("carriage returns belong to no right, however many end a line") {
  const auto keys = parsed_keys("alice:" + counting + " dir=logs\r\r\n");
  REQUIRE(keys);
  CHECK(keys->front().rights == std::vector<key_right>{{"dir", "logs"}});
}

TEST_CASE("what might be a secret at the wrong place is not shown") {
  const std::string hidden = " is wrong or unknown (it is not shown because it might be a secret)";
  CHECK(refusal("a:" + counting + " " + all_ones) == "line 1: right 1" + hidden);
  CHECK(refusal("a:" + counting + " admin x=" + all_ones) == "line 1: right 2" + hidden);
  CHECK(refusal("a:" + counting + " from=" + all_ones) == "line 1: right 1" + hidden);
  CHECK(refusal("a:" + counting + " expires=" + all_ones) == "line 1: right 1" + hidden);
  CHECK(refusal("a:" + counting + " " + counting.substr(0, 20)) == "line 1: right 1" + hidden);
  CHECK(refusal("a:" + counting + " abcdef") == "line 1: 'abcdef' is not known");
}

TEST_CASE("a key file is bounded") {
  const std::string start = "a:" + counting + " dir=";
  CHECK(parsed_keys(start + std::string(key_limits::line - start.size(), 'd')));
  CHECK(refusal(start + std::string(key_limits::line + 1 - start.size(), 'd')) == "line 1: longer than 4096 bytes");
  CHECK(refusal("#" + std::string(key_limits::line, '.') + "\n" + start + "d") == "line 1: longer than 4096 bytes");
  CHECK(refusal(std::string(key_limits::text + 1, '\n')) == "longer than 1048576 bytes");
  CHECK(refusal(std::string(key_limits::text, '\n')) == "there is no key in it");

  std::string many;
  for (std::size_t i = 0; i < key_limits::most; ++i) {
    many += "k" + std::to_string(i) + ":" + std::string(as_text(make_key_line("x").value()).substr(2)) + "\n";
  }
  CHECK(parsed_keys(many).value().size() == key_limits::most);
  CHECK(refusal(many + "# no key\n" + start + "d") == "line 10002: more than 10000 keys");
}

TEST_CASE("a fresh key's line is read again") {
  const auto line = make_key_line("alice@laptop");
  REQUIRE(line);
  const std::string text{as_text(*line)};
  CHECK(text.size() == std::string{"alice@laptop:"}.size() + 44);
  const auto keys = parsed_keys(text + "\n");
  REQUIRE(keys);
  CHECK(keys->front().name == "alice@laptop");
  CHECK_FALSE(as_text(make_key_line("alice@laptop").value()) == text);

  for (const std::string wrong : {"", "a b", "a:b", "\xC3\xA9", "a\n"}) {
    INFO(wrong);
    const auto refused = make_key_line(wrong);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code() == errc::usage);
  }
  CHECK(make_key_line("a b").error().text() == "'a b' is no name for a key: 1 to 64 of A-Z a-z 0-9 . _ - @");
}
