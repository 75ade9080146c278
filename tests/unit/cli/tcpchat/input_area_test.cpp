#include "cli/tcpchat/input_area.hpp"

#include <random>

#include "cli/tcpchat/utf32.hpp"
#include "support/catch.hpp"
#include "support/screen.hpp"

using namespace tcptools::cli;
using tcptools::testing::screen;

namespace {

using rows = std::vector<std::string>;

input_text typed(std::string_view line) {
  const std::u32string text = to_utf32(line);
  return {U"> ", text, text.size()};
}

input_text typed(std::string_view line, std::size_t cursor) { return {U"> ", to_utf32(line), cursor}; }

// An input area on a screen.
struct rig {
  explicit rig(std::size_t columns, std::size_t height = 12) : terminal{columns, height}, area{{columns, height}} {}

  void draw(const input_text& input) { terminal.write(area.draw(input)); }
  void print(const std::string& line) {
    terminal.write(area.erase() + line + "\n");
    area.vanished();
  }
  void resize(std::size_t columns) {
    terminal.resize(columns);
    area.resize({columns, height()});
  }
  [[nodiscard]] std::size_t height() const { return 12; }

  screen terminal;
  input_area area;
};

}  // namespace

TEST_CASE("an input stands behind its prompt, with the cursor in its place", "[cli]") {
  rig one{20};
  one.draw(typed("hello"));
  CHECK(one.terminal.text() == rows{"> hello"});
  CHECK(one.terminal.cursor_column() == 7);
  one.draw(typed("hello", 0));
  CHECK(one.terminal.cursor_column() == 2);
  one.draw({U"#lobby> ", U"hello", 1});
  CHECK(one.terminal.text() == rows{"#lobby> hello"});
  CHECK(one.terminal.cursor_column() == 9);
}

TEST_CASE("what is printed appears above the input, of however many rows", "[cli]") {
  rig one{10};
  one.print("one");
  one.draw(typed("abcdefghijklmnopqrstuvwxyz", 15));
  one.print("a line of more than ten columns");
  one.draw(typed("abcdefghijklmnopqrstuvwxyz", 15));
  CHECK(one.terminal.text() ==
        rows{"one", "a line of", "more than", "ten column", "s", "> abcdefgh", "ijklmnopqr", "stuvwxyz"});
  CHECK(one.terminal.cursor_row() == 6);
  CHECK(one.terminal.cursor_column() == 7);
}

TEST_CASE("behind a full row the cursor is in the next one, also where a letter is typed at a time", "[cli]") {
  for (const bool at_once : {true, false}) {
    rig one{10};
    const std::string line = "abcdefgh";
    for (std::size_t size = at_once ? line.size() : 0; size <= line.size(); ++size)
      one.draw(typed(line.substr(0, size)));
    CHECK(one.terminal.text() == rows{"> abcdefgh"});
    CHECK(one.terminal.cursor_row() == 1);
    CHECK(one.terminal.cursor_column() == 0);
    one.draw(typed(line + "\u0301"));
    CHECK(one.terminal.text() == rows{"> abcdefgh\u0301"});
    CHECK(one.terminal.cursor_row() == 1);
    one.draw(typed(line + "\u0301x"));
    CHECK(one.terminal.text() == rows{"> abcdefgh\u0301", "x"});
    CHECK(one.terminal.cursor_column() == 1);
  }
}

TEST_CASE("a wide character that does not fit stands in the next row", "[cli]") {
  rig one{9};
  one.draw(typed("abcdefx", 6));
  one.draw(typed("abcdef漢字"));
  CHECK(one.terminal.text() == rows{"> abcdef", "漢字"});
  CHECK(one.terminal.cursor_column() == 4);
  one.draw(typed("abcdef漢字", 6));
  CHECK(one.terminal.cursor_row() == 1);
  CHECK(one.terminal.cursor_column() == 0);
}

TEST_CASE("what cannot be seen is shown as something that can", "[cli]") {
  rig one{40};
  one.draw(typed(std::string{"a\x1b[31m\tb\x7f\xEF\xBF\xBF"}));
  CHECK(one.terminal.text() == rows{"> a^[[31m       b^?\uFFFD"});
}

TEST_CASE("what was entered stays, and the cursor goes to the row below", "[cli]") {
  rig one{10};
  one.draw(typed("abcdefghijklm", 3));
  one.terminal.write(one.area.leave(typed("abcdefghijklm")));
  CHECK_FALSE(one.area.is_shown());
  CHECK(one.terminal.cursor_row() == 2);
  CHECK(one.terminal.cursor_column() == 0);
  one.draw(typed("abcdefgh", 0));
  one.terminal.write(one.area.leave(typed("abcdefgh", 0)));  // a full row needs no empty one below it
  one.terminal.write(one.area.leave(typed("not drawn before")));
  one.draw(typed(""));
  CHECK(one.terminal.text() == rows{"> abcdefgh", "ijklm", "> abcdefgh", "> not draw", "n before", ">"});
}

TEST_CASE("what was entered is shown as a whole, also if it took more than half of the screen", "[cli]") {
  rig one{10};
  const std::string line = "1.......2.........3.........4.........5.........6.........7.........8.........end";
  one.draw(typed(line, 0));
  one.terminal.write(one.area.leave(typed(line)));
  one.draw(typed("next"));
  CHECK(one.terminal.text() == rows{"> 1.......", "2.........", "3.........", "4.........", "5.........", "6.........",
                                    "7.........", "8.........", "end", "> next"});
}

TEST_CASE("an input that is drawn as it is costs nothing, and a letter at its end only itself", "[cli]") {
  input_area area{{40, 10}};
  (void)area.draw(typed("hell"));
  CHECK(area.draw(typed("hell")).empty());
  CHECK(area.draw(typed("hello")) == "o");
  CHECK(area.draw(typed("hello", 2)) != "");
  area.vanished();
  CHECK(area.erase().empty());
}

TEST_CASE("of a long input those rows are shown that are around the cursor, at most half the screen", "[cli]") {
  rig one{10};
  one.print("message");
  std::string line;
  for (int i = 10; i < 40; ++i) line += "<" + std::to_string(i) + ">....";
  one.draw(typed(line));
  CHECK(one.terminal.row(0) == "message");
  CHECK(one.terminal.text().size() == 7);
  CHECK(one.terminal.text().back() == "..");  // 242 columns
  one.draw(typed(line, 0));
  CHECK(one.terminal.row(1) == "> <10>....");
  CHECK(one.terminal.cursor_row() == 1);
  CHECK(one.terminal.text().size() == 7);
  one.draw(typed(line, 120));
  CHECK(one.terminal.row(0) == "message");
  CHECK(one.terminal.text().size() == 7);
  one.print("another");
  one.draw(typed("x"));
  CHECK(one.terminal.text() == rows{"message", "another", "> x"});
}

TEST_CASE("a terminal that wraps anew when resized shows the input once", "[cli]") {
  rig one{20};
  one.print("before");
  const std::string line = "a line with 漢字 that goes over two rows or more";
  for (const std::size_t cursor : {std::size_t{0}, std::size_t{20}, to_utf32(line).size()}) {
    one.draw(typed(line, cursor));
    for (const std::size_t columns : {12U, 60U, 9U, 20U}) {
      INFO("cursor " << cursor << ", " << columns << " columns");
      one.resize(columns);
      one.draw(typed(line, cursor));
      rig fresh{columns};
      fresh.print("before");
      fresh.draw(typed(line, cursor));
      CHECK(one.terminal.text() == fresh.terminal.text());
      CHECK(one.terminal.cursor_row() == fresh.terminal.cursor_row());
      CHECK(one.terminal.cursor_column() == fresh.terminal.cursor_column());
    }
  }
}

TEST_CASE("however an input came about, the screen shows what a fresh drawing would", "[cli]") {
  std::mt19937 random{7};
  const auto below = [&random](std::size_t most) {
    return std::uniform_int_distribution<std::size_t>{0, most}(random);
  };
  const std::u32string letters = U"abc de\u0301\u00e9漢字\t\x01";
  for (const std::size_t columns : {1U, 2U, 3U, 7U, 20U}) {
    rig one{columns, 12};
    std::u32string line;
    for (int step = 0; step < 400; ++step) {
      std::size_t cursor = below(line.size());
      if (below(2) > 0) cursor = line.size();
      switch (below(5)) {
        case 0:
          line.erase(cursor / 2, below(4));
          break;
        case 1:
          one.print("message");
          break;
        case 2:
          line.clear();
          break;
        default:
          for (std::size_t count = below(3); count > 0; --count)
            line.insert(cursor++, 1, letters[below(letters.size() - 1)]);
      }
      if (!line.empty() && line[0] == U'\u0301') line.erase(0, 1);  // nothing to combine with but the prompt's blank
      const input_text input{U"> ", line, std::min(cursor, line.size())};
      one.draw(input);

      rig fresh{columns, 12};
      fresh.draw(input);
      const std::size_t top =
          one.terminal.cursor_row() - std::min(one.terminal.cursor_row(), fresh.terminal.cursor_row());
      INFO("columns " << columns << ", step " << step << ", line " << to_utf8(line) << ", cursor " << input.cursor);
      REQUIRE(one.terminal.cursor_column() == fresh.terminal.cursor_column());
      rows shown = one.terminal.text();
      shown.erase(shown.begin(), shown.begin() + static_cast<std::ptrdiff_t>(std::min(top, shown.size())));
      REQUIRE(shown == fresh.terminal.text());
    }
  }
}
