#include "cli/keygen_program.hpp"

#include <string>

#include "support/catch.hpp"
#include "tcptools/net/key.hpp"

using namespace tcptools;
using namespace tcptools::cli;

TEST_CASE("a key is named after user and host, made fit") {
  CHECK(default_key_name("alice", "laptop") == "alice@laptop");
  CHECK(default_key_name("alice", "laptop.example.org") == "alice@laptop");
  CHECK(default_key_name("al ice@corp", "l\xC3\xA4ptop") == "al-ice-corp@l--ptop");
  CHECK(default_key_name("", "") == "user@host");
  CHECK(default_key_name("alice", ".") == "alice@host");
  const std::string longest = default_key_name(std::string(100, 'u'), std::string(100, 'h'));
  CHECK(longest == std::string(31, 'u') + "@" + std::string(31, 'h'));
  CHECK(net::is_key_name(longest));
}
