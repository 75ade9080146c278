#include "cli/tcpchat/line_history.hpp"

#include "cli/tcpchat/history_search.hpp"
#include "support/catch.hpp"

using namespace tcptools::cli;

namespace {

line_history history_of(std::initializer_list<const char32_t*> lines) {
  line_history history;
  for (const char32_t* line : lines) history.add(line);
  return history;
}

}  // namespace

TEST_CASE("history goes back line by line, and forward to what was being typed", "[cli]") {
  line_history history = history_of({U"one", U"two"});
  CHECK_FALSE(history.newer());
  CHECK(history.older(U"draft") == U"two");
  CHECK(history.older(U"two") == U"one");
  CHECK_FALSE(history.older(U"one"));
  CHECK(history.newer() == U"two");
  CHECK(history.newer() == U"draft");
  CHECK_FALSE(history.newer());
  (void)history.older(U"");
  history.add(U"three");
  CHECK(history.older(U"") == U"three");
}

TEST_CASE("neither empty lines nor repetitions are kept", "[cli]") {
  CHECK(history_of({U"", U"a", U"a", U"", U"b", U"a"}).size() == 3);
}

TEST_CASE("history is bounded, by lines and by characters", "[cli]") {
  line_history history;
  for (char32_t i = 0; i < 2 * line_history::most_lines; ++i) history.add(std::u32string(4, U'\u4e00' + i));
  CHECK(history.size() == line_history::most_lines);
  CHECK(history.line(0).back() == U'\u4e00' + 2 * line_history::most_lines - 1);
  for (char32_t i = 0; i < 10; ++i) history.add(std::u32string(line_history::most_characters / 4, U'a' + i));
  CHECK(history.size() == 4);
  history.add(std::u32string(2 * line_history::most_characters, U'x'));
  CHECK(history.size() == 1);
}

TEST_CASE("a search goes from the newest line to older ones, letter by letter", "[cli]") {
  const line_history history = history_of({U"alpha", U"beta", U"gamma beta", U"delta"});
  history_search search{history};
  CHECK_FALSE(search.line());
  search.type(U"b");
  CHECK(search.line() == U"gamma beta");
  CHECK(search.position() == 6);
  search.type(U"et");
  CHECK(search.line() == U"gamma beta");
  search.go_older();
  CHECK(search.line() == U"beta");
  CHECK(search.position() == 0);
  search.go_newer();
  CHECK(search.line() == U"gamma beta");
  search.go_newer();
  CHECK(search.is_failing());
  CHECK(search.line() == U"gamma beta");
}

TEST_CASE("a search that finds nothing says so, and taking letters back begins again", "[cli]") {
  const line_history history = history_of({U"alpha", U"beta"});
  history_search search{history};
  search.erase();
  search.go_older();
  CHECK_FALSE(search.is_failing());
  search.type(U"al");
  search.go_older();
  CHECK(search.is_failing());
  search.erase();
  CHECK(search.pattern() == U"a");
  CHECK_FALSE(search.is_failing());
  CHECK(search.line() == U"beta");
  search.type(U"z");
  CHECK(search.is_failing());
  search.erase();
  search.erase();
  CHECK_FALSE(search.line());
}
