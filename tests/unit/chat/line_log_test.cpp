#include "tcptools/chat/line_log.hpp"

#include <array>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "tcptools/chat/limits.hpp"

using namespace tcptools;
using namespace tcptools::chat;

namespace {

std::string numbered_line(int number, std::size_t size = 100) {
  std::string line = std::to_string(number);
  line.resize(size - 1, '.');
  return line + "\n";
}

// What follows a cursor, taken in steps of `step` bytes.
std::string read_log(line_log::cursor& from, line_log::position until, std::size_t step = SIZE_MAX) {
  std::string all;
  for (;;) {
    std::array<byte_view, 3> pieces;
    if (from.pieces(until, pieces) == 0) return all;
    const std::string_view piece = as_text(pieces[0]).substr(0, step);
    all += piece;
    from.advance(piece.size());
  }
}

}  // namespace

TEST_CASE("a cursor of an empty log reads what comes") {
  memory_use use;
  line_log log{use};
  line_log::cursor cursor = log.cursor_at(0);
  CHECK(read_log(cursor, log.head()).empty());
  log.append("one\n");
  log.append("two\n");
  CHECK(read_log(cursor, log.head()) == "one\ntwo\n");
  CHECK(cursor.at() == 8);
}

TEST_CASE("many cursors read the same lines over many segments, in steps of any size") {
  memory_use use;
  line_log log{use};
  std::vector<line_log::cursor> cursors;
  std::vector<line_log::position> begins;
  std::string all;
  for (int i = 0; i < 3000; ++i) {
    begins.push_back(log.head());
    if (i % 100 == 0) cursors.push_back(log.cursor_at(log.head()));
    const std::string line = numbered_line(i, 20 + static_cast<std::size_t>(i) % 90);
    log.append(line);
    all += line;
  }
  for (std::size_t i = 0; i < cursors.size(); ++i) {
    CHECK(read_log(cursors[i], log.head(), 1 + i * 37) == all.substr(begins[i * 100]));
  }
  for (const std::size_t at : {std::size_t{0}, std::size_t{1}, std::size_t{1500}, std::size_t{2999}}) {
    line_log::cursor cursor = log.cursor_at(begins[at]);
    CHECK(read_log(cursor, log.head()) == all.substr(begins[at]));
  }
}

TEST_CASE("a line larger than a segment is one piece") {
  memory_use use;
  line_log log{use};
  const std::string large = numbered_line(1, 3 * limits::segment);
  log.append("small\n");
  log.append(large);
  line_log::cursor cursor = log.cursor_at(6);
  std::array<byte_view, 2> pieces;
  REQUIRE(cursor.pieces(log.head(), pieces) == 1);
  CHECK(as_text(pieces[0]) == large);
}

TEST_CASE("a cursor knows whether it is within a line, and where that ends") {
  memory_use use;
  line_log log{use};
  log.append("one\n");
  log.append("two\n");
  line_log::cursor cursor = log.cursor_at(0);
  for (const line_log::position at : {0U, 1U, 2U, 3U, 4U, 5U, 6U, 7U, 8U}) {
    CHECK(cursor.at() == at);
    CHECK(cursor.is_within_line() == (at % 4 != 0));
    CHECK(cursor.end_of_line() == (at % 4 == 0 ? at : (at / 4 + 1) * 4));
    if (at < 8) cursor.advance(1);
  }
}

TEST_CASE("what nobody reads any more is freed; a slow reader keeps what it needs") {
  memory_use use;
  {
    line_log log{use};
    line_log::cursor slow = log.cursor_at(0);
    std::string all;
    for (int i = 0; i < 20'000; ++i) {
      log.append(numbered_line(i));
      all += numbered_line(i);
      log.release_before(log.head());
    }
    CHECK(use.bytes > all.size());
    CHECK(read_log(slow, log.head(), 5000) == all);
    CHECK(use.bytes < 3 * limits::segment);
  }
  CHECK(use.bytes == 0);
}

TEST_CASE("what a slow reader held is freed with it, however much it is") {
  memory_use use;
  line_log log{use};
  line_log::cursor slow = log.cursor_at(0);
  const std::string line = numbered_line(1, limits::segment);
  for (int i = 0; i < 5000; ++i) {
    log.append(line);
    log.release_before(log.head());
  }
  CHECK(use.bytes > 5000 * limits::segment);
  slow = {};
  CHECK(use.bytes < 3 * limits::segment);
}
