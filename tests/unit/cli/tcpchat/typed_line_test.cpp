#include "cli/tcpchat/typed_line.hpp"

#include "cli/tcpchat/utf32.hpp"
#include "support/catch.hpp"
#include "support/pseudo_terminal.hpp"

using namespace tcptools::cli;
using tcptools::testing::pseudo_terminal;

namespace {

struct line_on_terminal {
  pseudo_terminal terminal;
  typed_line line{terminal.end()};

  line_event press(key_code code) { return line.press({code, {}}); }
  void type(const std::u32string& text) { CHECK(line.press({key_code::text, text}) == line_event::none); }
  void enter(const std::u32string& text) {
    type(text);
    CHECK(press(key_code::enter) == line_event::entered);
    CHECK(line.take() == text);
  }
  // With a | where the cursor is.
  [[nodiscard]] std::string seen() const {
    input_text shown = line.shown(U"> ");
    return to_utf8(shown.prompt + shown.line.insert(shown.cursor, U"|"));
  }
};

}  // namespace

TEST_CASE("keys that are not about the line are told", "[cli]") {
  line_on_terminal one;
  CHECK(one.press(key_code::suspend) == line_event::suspended);
  CHECK(one.press(key_code::clear_screen) == line_event::screen_cleared);
  CHECK(one.press(key_code::cancel) == line_event::none);
  CHECK(one.press(key_code::enter) == line_event::entered);
  CHECK(one.line.take().empty());
}

TEST_CASE("an interrupt empties the line, and end of input deletes, before they are told", "[cli]") {
  line_on_terminal one;
  one.type(U"ab");
  CHECK(one.press(key_code::home) == line_event::none);
  CHECK(one.press(key_code::end_of_input) == line_event::none);
  CHECK(one.seen() == "> |b");
  CHECK(one.press(key_code::interrupt) == line_event::none);
  CHECK(one.seen() == "> |");
  CHECK(one.press(key_code::interrupt) == line_event::interrupted);
  CHECK(one.press(key_code::end_of_input) == line_event::ended);
}

TEST_CASE("earlier lines come back, to be changed and entered again", "[cli]") {
  line_on_terminal one;
  one.enter(U"first");
  one.enter(U"second");
  one.type(U"draft");
  (void)one.press(key_code::older);
  (void)one.press(key_code::older);
  CHECK(one.seen() == "> first|");
  (void)one.press(key_code::older);
  CHECK(one.seen() == "> first|");
  one.type(U"!");
  (void)one.press(key_code::newer);
  (void)one.press(key_code::newer);
  CHECK(one.seen() == "> draft|");
  (void)one.press(key_code::interrupt);
  (void)one.press(key_code::older);
  CHECK(one.seen() == "> second|");
}

TEST_CASE("a search shows what it finds, and ends with any other key, which then counts", "[cli]") {
  line_on_terminal one;
  one.enter(U"first one");
  one.enter(U"second one");
  one.type(U"draft");
  (void)one.press(key_code::search_older);
  CHECK(one.seen() == "(search: ) |");
  one.type(U"one");
  CHECK(one.seen() == "(search: one) second |one");
  CHECK(one.press(key_code::clear_screen) == line_event::screen_cleared);
  (void)one.press(key_code::search_older);
  CHECK(one.seen() == "(search: one) first |one");
  (void)one.press(key_code::search_newer);
  CHECK(one.seen() == "(search: one) second |one");
  one.type(U"x");
  CHECK(one.seen() == "(not found: onex) second |one");
  (void)one.press(key_code::erase);
  (void)one.press(key_code::left);
  CHECK(one.seen() == "> second| one");

  for (const key_code give_up : {key_code::cancel, key_code::interrupt}) {
    (void)one.press(key_code::search_older);
    one.type(U"first");
    CHECK(one.press(give_up) == line_event::none);
    CHECK(one.seen() == "> second| one");
  }
  (void)one.press(key_code::search_older);
  one.type(U"first");
  CHECK(one.press(key_code::enter) == line_event::entered);
  CHECK(one.line.take() == U"first one");
}

TEST_CASE("a search that finds nothing leaves the line as it was", "[cli]") {
  line_on_terminal one;
  one.type(U"draft");
  (void)one.press(key_code::search_older);
  one.type(U"nothing");
  CHECK(one.seen() == "(not found: nothing) |");
  (void)one.press(key_code::end);
  CHECK(one.seen() == "> draft|");
}
