#include "tcptools/chat/protocol.hpp"

#include <string_view>

#include "support/catch.hpp"

using namespace tcptools::chat;

TEST_CASE("every code has the word of the protocol, and comes back from it") {
  constexpr std::string_view words[] = {
      "bad_request", "bad_name", "nick_in_use", "no_such_nick", "no_room", "too_long",      "refused", "kicked",
      "replaced",    "busy",     "too_slow",    "timed_out",    "storage", "shutting_down", "version", "quit"};
  std::size_t next = 0;
  for (const std::string_view word : words) {
    const auto what = static_cast<code>(next++);
    CHECK(to_text(what) == word);
    CHECK(parse_code(word) == what);
  }
  CHECK(static_cast<std::size_t>(code::quit) + 1 == next);
}

TEST_CASE("a word that is no code") {
  for (const std::string_view word : {"", "Busy", "busy ", "nonsense"}) CHECK_FALSE(parse_code(word));
}
