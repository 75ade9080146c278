#include "tcptools/transfer/compression_choice.hpp"

#include <initializer_list>
#include <string>

#include "support/catch.hpp"

using namespace tcptools::transfer;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t piece = 256U << 10U;
constexpr std::size_t look = 64U << 10U;

// Pieces of files, what becomes of them, and a connection. Speeds are bytes a second.
class choice_script {
 public:
  explicit choice_script(compression_mode mode = compression_mode::automatic) : choice{mode} {}

  // The connection takes as much as is remembered of it, and more.
  choice_script& written(double speed) {
    for (int i = 0; i < 256; ++i) choice.on_written(piece, time_for(piece, speed));
    return *this;
  }

  // What is done about one piece more: ".", "look" or "whole"; of it a share is left where something is done.
  std::string next(double share, std::uint32_t entry = 1, bool unsent = true) {
    using attempt = compression_choice::attempt;
    const attempt how = choice.next(entry, unsent);
    if (how == attempt::none) return ".";
    const std::size_t tried = how == attempt::look ? look : piece;
    const auto became = static_cast<std::size_t>(static_cast<double>(tried) * share);
    choice.on_compressed(tried, became, time_for(tried, compressor));
    return how == attempt::look ? "look" : "whole";
  }
  // Of so many pieces.
  std::string next(int pieces, double share) {
    std::string line;
    for (int i = 0; i < pieces; ++i) line += (i > 0 ? " " : "") + next(share);
    return line;
  }
  // Until something is done: how many pieces were passed by.
  int passed_by(double share) {
    for (int count = 0; count < 1000; ++count) {
      if (next(share) != ".") return count;
    }
    return -1;
  }

  compression_choice choice;
  double compressor = 250e6;

 private:
  static std::chrono::nanoseconds time_for(std::size_t bytes, double speed) {
    return std::chrono::nanoseconds{static_cast<std::int64_t>(static_cast<double>(bytes) / speed * 1e9)};
  }
};

constexpr double slow = 12e6;
constexpr double fast = 1e9;
constexpr double text = 0.2;
constexpr double archive = 1.0;

}  // namespace

TEST_CASE("what shrinks is compressed while the connection is slow") {
  choice_script talk;
  talk.written(slow);
  CHECK(talk.next(5, text) == "whole whole whole whole whole");
}

TEST_CASE("nothing is known of a connection before it has taken something") {
  choice_script talk;
  CHECK(talk.next(3, text) == ". . .");
  talk.written(slow);
  CHECK(talk.next(text) == "whole");
}

TEST_CASE("a connection that waits for us gets what there is") {
  choice_script talk;
  talk.written(slow);
  CHECK(talk.next(text, 1, false) == ".");
  CHECK(talk.next(text, 2, false) == ".");
  CHECK(talk.next(text, 2) == "whole");
}

TEST_CASE("a connection that is not much slower than the compressor gets what there is") {
  choice_script talk;
  talk.written(fast);
  CHECK(talk.next(4, text) == "whole . . .");  // how fast the compressor is had to be found out
  talk.written(170e6);
  CHECK(talk.next(3, text) == ". . .");
  talk.written(160e6);
  CHECK(talk.next(3, text) == "whole whole whole");
}

TEST_CASE("a compressor that was slow for a moment is looked at again") {
  choice_script talk;
  talk.compressor = 1e6;
  talk.written(slow);
  CHECK(talk.next(3, text) == "whole . .");
  talk.compressor = 2000e6;
  CHECK(talk.passed_by(text) == 61);
  int turns = 0;
  while (talk.next(text) != "whole") REQUIRE(++turns < 64 * 10);
}

TEST_CASE("what does not shrink is looked at once in a while") {
  choice_script talk;
  talk.written(slow);
  CHECK(talk.next(6, archive) == "whole whole whole whole . .");
  CHECK(talk.passed_by(archive) == 61);
  CHECK(talk.passed_by(archive) == 63);
  CHECK(talk.passed_by(text) == 63);
  CHECK(talk.next(3, text) == "whole whole whole");
}

TEST_CASE("an eighth is what makes it worth while, four times in a row what does not") {
  choice_script talk;
  talk.written(slow);
  CHECK(talk.next(10, 0.875) == "whole whole whole whole whole whole whole whole whole whole");
  CHECK(talk.next(3, 0.88) == "whole whole whole");
  CHECK(talk.next(1, 0.87) == "whole");
  CHECK(talk.next(5, 0.88) == "whole whole whole whole .");
}

TEST_CASE("each file is looked at anew") {
  choice_script talk;
  talk.written(slow);
  (void)talk.next(4, archive);
  CHECK(talk.next(archive, 2) == "look");
  CHECK(talk.next(archive, 2) == ".");
  CHECK(talk.next(text, 3) == "look");
  CHECK(talk.next(text, 3) == "whole");
  CHECK(talk.next(text, 4) == "whole");
}

TEST_CASE("on a fast connection a new file is no reason to look") {
  choice_script talk;
  talk.written(fast);
  CHECK(talk.next(text, 1) == "whole");
  for (std::uint32_t entry = 2; entry < 60; ++entry) CHECK(talk.next(text, entry) == ".");
}

TEST_CASE("always is always, and off is never") {
  choice_script always{compression_mode::always};
  CHECK(always.next(8, archive) == "whole whole whole whole whole whole whole whole");
  CHECK(always.next(archive, 2, false) == "whole");
  choice_script off{compression_mode::off};
  off.written(slow);
  CHECK(off.next(3, text) == ". . .");
}
