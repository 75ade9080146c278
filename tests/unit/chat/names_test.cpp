#include "tcptools/chat/names.hpp"

#include <string>

#include "support/catch.hpp"

using namespace std::string_view_literals;
using namespace tcptools::chat;

TEST_CASE("a room's name is kept in small letters and without '#'") {
  CHECK(canonical_room("lobby") == "lobby");
  CHECK(canonical_room("#Lobby") == "lobby");
  CHECK(canonical_room("A.b_C-9") == "a.b_c-9");
  CHECK(canonical_room("7") == "7");
  CHECK(canonical_room(std::string(32, 'x')) == std::string(32, 'x'));
  CHECK(canonical_room("#" + std::string(32, 'x')) == std::string(32, 'x'));
  CHECK(canonical_room(default_room) == default_room);
}

TEST_CASE("what no room may be called") {
  for (const auto name : {""sv, "#"sv, "##a"sv, "a#"sv, "a b"sv, " a"sv, "a\n"sv, "a\0"sv, "a/b"sv, "b\xC3\xBC"sv,
                          "\xFF"sv, "\u212A"sv}) {
    CAPTURE(name);
    CHECK_FALSE(canonical_room(name));
  }
  CHECK_FALSE(canonical_room(std::string(33, 'x')));
}

TEST_CASE("every byte but those of the alphabet is refused in names") {
  constexpr auto alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"sv;
  for (int octet = 0; octet < 256; ++octet) {
    const std::string name{'a', static_cast<char>(octet)};
    CAPTURE(octet);
    const bool allowed = alphabet.find(name[1]) != std::string_view::npos;
    CHECK(is_nick(name) == allowed);
    CHECK(canonical_room(name).has_value() == allowed);
  }
}

TEST_CASE("a nickname begins with a letter") {
  for (const auto name : {"a"sv, "Z"sv, "alice"sv, "a.b_c-9"sv, "operator"sv, "guest1"sv}) CHECK(is_nick(name));
  for (const auto name : {""sv, "1a"sv, "-a"sv, ".a"sv, "_a"sv, "#a"sv, "127.0.0.1:4711"sv, "[::1]:4711"sv}) {
    CAPTURE(name);
    CHECK_FALSE(is_nick(name));
  }
  CHECK(is_nick(std::string(32, 'x')));
  CHECK_FALSE(is_nick(std::string(33, 'x')));
}

TEST_CASE("reserved nicknames are reserved however they are written") {
  for (const auto name : {"admin"sv, "all"sv, "everyone"sv, "here"sv, "me"sv, "operator"sv, "root"sv, "server"sv,
                          "system"sv, "tcpchat"sv, "Admin"sv, "OPERATOR"sv, "guest"sv, "Guest7"sv, "guesthouse"sv}) {
    CAPTURE(name);
    CHECK(is_reserved_nick(name));
  }
  for (const auto name : {"alice"sv, "administrator"sv, "men"sv, "gues"sv, "theguest"sv}) {
    CAPTURE(name);
    CHECK_FALSE(is_reserved_nick(name));
  }
}

TEST_CASE("an epoch is 16 hexadecimal digits in small letters") {
  CHECK(is_epoch("0123456789abcdef"));
  for (const auto text :
       {""sv, "0123456789abcde"sv, "0123456789abcdef0"sv, "0123456789ABCDEF"sv, "0123456789abcdeg"sv}) {
    CAPTURE(text);
    CHECK_FALSE(is_epoch(text));
  }
}

TEST_CASE("names that differ in capitals fold to the same one") {
  CHECK(fold("Alice-9") == "alice-9");
  CHECK(fold("\xC3\x84") == "\xC3\x84");
  CHECK(fold("").empty());
}
