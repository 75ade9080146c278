#include "cli/tcpsend/progress_line.hpp"

#include "support/catch.hpp"

using namespace tcptools::cli;

namespace {

progress_state half_way() { return {"photos/holiday/beach.jpg", 512U << 20U, 1U << 30U, 3, 10, 100U << 20U}; }

}  // namespace

TEST_CASE("a progress line never takes more columns than it has", "[cli]") {
  progress_state state = half_way();
  for (const char* name :
       {"", "a", "photos/holiday/beach.jpg", "写真/海/とても長い名前のファイル.jpg", "e\xCC\x81t\xC3\xA9"}) {
    state.name = name;
    for (std::size_t width = 0; width <= 220; ++width) {
      INFO("name " << name << ", width " << width);
      const std::string line = render_progress(state, width);
      CHECK(display_width(line) <= width);
      CHECK(line.find('\n') == std::string::npos);
    }
  }
}

TEST_CASE("a wide line shows everything, a narrow one what matters most", "[cli]") {
  const std::string wide = render_progress(half_way(), 120);
  for (const char* part : {"photos/holiday/beach.jpg", "[========        ]", " 50%", "100 MiB/s", "ETA", "3/10"}) {
    INFO(wide << " has " << part);
    CHECK(wide.find(part) != std::string::npos);
  }
  const std::string narrow = render_progress(half_way(), 12);
  CHECK(narrow.find("50%") != std::string::npos);
}

TEST_CASE("without a total there is neither bar nor percentage", "[cli]") {
  const progress_state state{"stdin", 5U << 20U, std::nullopt, 0, std::nullopt, 1U << 20U};
  const std::string line = render_progress(state, 80);
  CHECK(line.find('%') == std::string::npos);
  CHECK(line.find("5.0 MiB") != std::string::npos);
}

TEST_CASE("more done than expected is shown as all of it", "[cli]") {
  const progress_state state{"x", 200, 100, 1, 1, 0};
  CHECK(render_progress(state, 80).find("100%") != std::string::npos);
}

TEST_CASE("names are shortened in their middle, by columns", "[cli]") {
  CHECK(shorten("abcdef", 6) == "abcdef");
  CHECK(shorten("abcdefgh", 5) == "ab~gh");
  CHECK(shorten("写真写真", 5) == "写~真");
  CHECK(shorten("abc", 1) == ".");
  CHECK(shorten("abc", 0).empty());
}
