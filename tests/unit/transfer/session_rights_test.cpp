#include "tcptools/transfer/session_rights.hpp"

#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace tcptools::transfer;
using tcptools::errc;
using tcptools::net::key_right;

TEST_CASE("a key without rights may do everything") {
  const auto all = rights_of({});
  REQUIRE(all);
  CHECK(*all == session_rights{});
  CHECK(all->max_bytes == unlimited_bytes);
}

TEST_CASE("each right says one thing") {
  const std::vector<key_right> rights{{"max-bytes", "10M"}, {"no-replace", ""}, {"dir", "logs/web 1"}};
  const auto all = rights_of(rights);
  REQUIRE(all);
  CHECK(*all == session_rights{"logs/web 1", 10U << 20U, true});
  for (const key_right& one : rights) CHECK(check_right(one));
  const auto none = rights_of(std::vector<key_right>{{"max-bytes", "0"}});
  REQUIRE(none);
  CHECK(none->max_bytes == 0);
}

TEST_CASE("what is not known or has no good value is no right") {
  const key_right wrong =
      GENERATE(key_right{"admin", ""}, key_right{"nick", "a"}, key_right{"rooms", "a"}, key_right{"", ""},
               key_right{"Dir", "a"}, key_right{"dir", ""}, key_right{"dir", "/a"}, key_right{"dir", ".."},
               key_right{"dir", "a/../../b"}, key_right{"dir", "a//b"}, key_right{"dir", "a/"}, key_right{"dir", "."},
               key_right{"dir", ".tcpsend"}, key_right{"dir", ".tcpsend/a"}, key_right{"dir", "\xff"},
               key_right{"max-bytes", ""}, key_right{"max-bytes", "-1"}, key_right{"max-bytes", "many"},
               key_right{"max-bytes", "99999999999999999999"}, key_right{"no-replace", "yes"});
  CAPTURE(wrong.name, wrong.value);
  const auto checked = check_right(wrong);
  REQUIRE_FALSE(checked);
  CHECK(checked.error().code() == errc::usage);
  CHECK_FALSE(rights_of(std::vector<key_right>{{"no-replace", ""}, wrong}));
}

TEST_CASE("a right that is there twice is an error, not a choice") {
  for (const key_right& one : {key_right{"dir", "a"}, key_right{"max-bytes", "1"}, key_right{"no-replace", ""}}) {
    CHECK_FALSE(rights_of(std::vector<key_right>{one, one}));
  }
}
