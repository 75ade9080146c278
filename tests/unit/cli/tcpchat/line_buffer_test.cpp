#include "cli/tcpchat/line_buffer.hpp"

#include <unistd.h>

#include <stdexcept>

#include "support/catch.hpp"
#include "support/pseudo_terminal.hpp"

// Of terminals beyond the first few, which only tests have, ncurses forgets to give back what it has read about them.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() { return "leak:libtinfo"; }

using namespace tcptools::cli;
using tcptools::testing::pseudo_terminal;

namespace {

struct buffer_on_terminal {
  pseudo_terminal terminal;
  line_buffer buffer{terminal.end()};

  // The line with a | where the cursor is.
  [[nodiscard]] std::u32string seen() const {
    std::u32string text = buffer.text();
    REQUIRE(buffer.cursor() <= text.size());
    return text.insert(buffer.cursor(), U"|");
  }
  std::u32string after(std::initializer_list<key_code> codes) {
    for (const key_code code : codes) buffer.edit(code);
    return seen();
  }
};

}  // namespace

TEST_CASE("the editing commands do what their names say", "[cli]") {
  using enum key_code;
  buffer_on_terminal one;
  one.buffer.insert(U"one twö drei");
  CHECK(one.seen() == U"one twö drei|");
  CHECK(one.after({left, left}) == U"one twö dr|ei");
  CHECK(one.after({erase}) == U"one twö d|ei");
  CHECK(one.after({erase_next}) == U"one twö d|i");
  CHECK(one.after({word_left, word_left}) == U"one |twö di");
  CHECK(one.after({word_right}) == U"one twö| di");
  CHECK(one.after({kill_word}) == U"one | di");
  CHECK(one.after({yank}) == U"one twö| di");
  CHECK(one.after({word_left, upper_case}) == U"one TWÖ| di");
  CHECK(one.after({home, capital}) == U"One| TWÖ di");
  CHECK(one.after({lower_case}) == U"One twö| di");
  CHECK(one.after({kill_rest}) == U"One twö|");
  CHECK(one.after({home, yank}) == U" di|One twö");
  CHECK(one.after({kill_word_next}) == U" di| twö");
  CHECK(one.after({end, transpose}) == U" di töw|");
  CHECK(one.after({kill_line}) == U"|");
  CHECK(one.after({yank, home, right}) == U" |di töw");
}

TEST_CASE("commands at the ends of a line do no harm", "[cli]") {
  using enum key_code;
  buffer_on_terminal one;
  for (const key_code code :
       {left, right, home, end, word_left, word_right, erase, erase_next, kill_word, kill_word_next, kill_rest,
        kill_line, yank, transpose, upper_case, lower_case, capital, enter, older}) {
    INFO(static_cast<int>(code));
    CHECK(one.after({code}) == U"|");
  }
  one.buffer.insert(U"x");
  CHECK(one.after({right, erase_next, word_right}) == U"x|");
}

TEST_CASE("text is inserted as it is, whatever it is", "[cli]") {
  buffer_on_terminal one;
  const std::u32string text = U"0123456789 \u00e4\u00f6\u0301漢字\U0001F600\t~";
  one.buffer.insert(text);
  CHECK(one.buffer.text() == text);
  one.buffer.edit(key_code::home);
  one.buffer.insert(U"漢");
  CHECK(one.seen() == U"漢|" + text);
}

TEST_CASE("a line can be replaced and emptied, and what was cut stays for yank", "[cli]") {
  buffer_on_terminal one;
  one.buffer.insert(U"cut");
  one.buffer.edit(key_code::kill_line);
  one.buffer.insert(U"something else");
  one.buffer.replace(U"new", 1);
  CHECK(one.seen() == U"n|ew");
  one.buffer.replace(U"longer than before");
  CHECK(one.seen() == U"longer than before|");
  one.buffer.clear();
  CHECK(one.buffer.empty());
  one.buffer.clear();
  CHECK(one.after({key_code::yank}) == U"cut|");
}

TEST_CASE("a line is bounded", "[cli]") {
  buffer_on_terminal one;
  for (int i = 0; i < 80; ++i) one.buffer.insert(std::u32string(1000, U'x'));
  CHECK(one.buffer.text().size() == line_buffer::most_characters);
  one.buffer.edit(key_code::kill_line);
  one.buffer.edit(key_code::yank);
  one.buffer.edit(key_code::yank);
  CHECK(one.buffer.text().size() <= line_buffer::most_characters);
  one.buffer.replace(std::u32string(100'000, U'y'));
  CHECK(one.buffer.text().size() == line_buffer::most_characters);
}

TEST_CASE("editing writes nothing and reads nothing", "[cli]") {
  buffer_on_terminal one;
  one.terminal.type("typed");
  one.buffer.insert(U"text");
  one.buffer.edit(key_code::kill_word);
  CHECK(one.buffer.empty());
  CHECK(one.terminal.shown().empty());
}

TEST_CASE("without a terminal there is no editing", "[cli]") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const tcptools::unique_fd reading{ends[0]};
  const tcptools::unique_fd writing{ends[1]};
  CHECK_THROWS_AS(line_buffer{ends[0]}, std::runtime_error);
}
