#include "cli/tcpchat/key_parser.hpp"

#include "support/catch.hpp"

using namespace tcptools::cli;

namespace {

key text(std::u32string characters) { return {key_code::text, std::move(characters)}; }
key press(key_code code) { return {code, {}}; }

std::vector<key> keys_of(std::string_view bytes) { return key_parser{}.feed(bytes); }

}  // namespace

template <>
struct Catch::StringMaker<key> {
  static std::string convert(const key& one) {
    std::string out = std::to_string(static_cast<int>(one.code));
    for (const char32_t character : one.text) out += " " + std::to_string(static_cast<std::uint32_t>(character));
    return out;
  }
};

TEST_CASE("text is text, in one piece between other keys", "[cli]") {
  CHECK(keys_of("h\u00e9\t漢\x01x") == std::vector{text(U"h\u00e9\t漢"), press(key_code::home), text(U"x")});
}

TEST_CASE("each way of ending a line ends it once", "[cli]") {
  const std::vector<key> wanted{text(U"a"), press(key_code::enter), text(U"b"), press(key_code::enter)};
  CHECK(keys_of("a\rb\r") == wanted);
  CHECK(keys_of("a\nb\n") == wanted);
  CHECK(keys_of("a\r\nb\r\n") == wanted);
  CHECK(keys_of("\r\r\n\n").size() == 3);
  key_parser parser;
  CHECK(parser.feed("\r").size() == 1);
  CHECK(parser.feed("\n").empty());
  CHECK(parser.feed("\n").size() == 1);
}

TEST_CASE("keys that move have a few ways of saying so", "[cli]") {
  const std::vector<std::pair<key_code, std::vector<std::string>>> keys{
      {key_code::left, {"\x02", "\x1b[D", "\x1bOD", "\x1b[1;2D"}},
      {key_code::right, {"\x06", "\x1b[C", "\x1bOC"}},
      {key_code::older, {"\x10", "\x1b[A", "\x1bOA"}},
      {key_code::newer, {"\x0e", "\x1b[B", "\x1bOB"}},
      {key_code::home, {"\x01", "\x1b[H", "\x1bOH", "\x1b[1~", "\x1b[7~"}},
      {key_code::end, {"\x05", "\x1b[F", "\x1bOF", "\x1b[4~", "\x1b[8~"}},
      {key_code::word_left,
       {"\x1b"
        "b",
        "\x1b[1;5D", "\x1b[1;3D"}},
      {key_code::word_right,
       {"\x1b"
        "f",
        "\x1b[1;5C", "\x1b[1;3C"}},
      {key_code::erase, {"\x7f", "\x08"}},
      {key_code::erase_next, {"\x1b[3~"}},
      {key_code::kill_word, {"\x17", "\x1b\x7f", "\x1b\x08"}},
      {key_code::kill_word_next,
       {"\x1b"
        "d",
        "\x1b[3;5~"}},
      {key_code::enter, {"\r", "\n", "\x1bOM"}},
  };
  for (const auto& [code, ways] : keys) {
    for (const std::string& way : ways) {
      INFO("code " << static_cast<int>(code) << ", " << way.substr(1));
      CHECK(keys_of(way) == std::vector{press(code)});
    }
  }
}

TEST_CASE("sequences that mean nothing leave nothing behind", "[cli]") {
  for (const char* sequence : {"\x1b[5~", "\x1b[200~", "\x1b[?1;2c", "\x1b[<0;3;4M", "\x1b[[A", "\x1b[15;2~", "\x1b[I",
                               "\x1bz", "\x1b\x1b[Z", "\x1b[ q", "\x1bOP", "\x0f", "\xC2\x9B"}) {
    INFO(std::string_view{sequence}.substr(1));
    CHECK(keys_of(sequence + std::string{"x"}) == std::vector{text(U"x")});
  }
  CHECK(keys_of("\x1b\u00e9") == std::vector{text(U"\u00e9")});
  CHECK(keys_of("\x1b[12\x01") == std::vector{press(key_code::home)});
}

TEST_CASE("what comes in pieces means the same", "[cli]") {
  const std::string bytes =
      "a\u00e9漢\U0001F600\x1b[1;5Cb\x1bOH\x1b"
      "f\x1b[[Ac\r\n\x1b[3~\xFFz";
  const std::vector<key> whole = keys_of(bytes);
  for (std::size_t first = 0; first <= bytes.size(); ++first) {
    for (std::size_t second = first; second <= bytes.size(); ++second) {
      key_parser parser;
      std::vector<key> all;
      for (const std::string& piece :
           {bytes.substr(0, first), bytes.substr(first, second - first), bytes.substr(second)}) {
        for (key& one : parser.feed(piece)) {
          if (one.code == key_code::text && !all.empty() && all.back().code == key_code::text) {
            all.back().text += one.text;
          } else {
            all.push_back(std::move(one));
          }
        }
      }
      REQUIRE(all == whole);
    }
  }
}

TEST_CASE("a sequence without an end is given up", "[cli]") {
  key_parser parser;
  CHECK(parser.feed("\x1b[").empty());
  for (int i = 0; i < 30; ++i) CHECK(parser.feed("1").empty());
  CHECK(parser.feed("x2") == std::vector{text(U"x2")});
}
