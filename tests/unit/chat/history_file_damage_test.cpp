// Histories that a disk has changed.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "history_rig.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"
#include "tcptools/chat/history_file.hpp"

using namespace tcptools::chat;
using namespace tcptools::testing;
using tcptools::errc;

namespace {

enum class outcome : std::uint8_t { refused, undamaged, wrong };

// What opening and loading it comes to. Wrong are other contents than `expected`, and any change of the directory.
outcome use(const temp_dir& dir, const std::string& path, const std::string& expected) {
  const auto before = snapshot(dir);
  outcome found = outcome::refused;
  if (auto file = history_file::open(path)) {
    const auto contents = (*file)->load();
    if (contents) found = show(*contents) == expected ? outcome::undamaged : outcome::wrong;
    file->reset();
  }
  return snapshot(dir) == before ? found : outcome::wrong;
}

}  // namespace

TEST_CASE("a history that was cut off or overwritten in part is refused") {
  const temp_dir dir;
  const std::string path = dir / "h.db";
  make_some(path);
  const std::string whole = dir.read("h.db");
  const std::string expected = loaded(path);
  for (std::size_t size = 100; size < whole.size(); size += 1 + whole.size() / 40) {
    CAPTURE(size);
    dir.write("h.db", whole.substr(0, size));
    // The end of the last page may be of no use.
    CHECK(use(dir, path, expected) != outcome::wrong);
  }
  for (std::size_t page = 4096; page < whole.size(); page += 4096) {
    CAPTURE(page);
    std::string changed = whole;
    changed.replace(page, 4096, 4096, '\xA5');
    dir.write("h.db", changed);
    CHECK(refused(dir, path, errc::storage_failed).find("is damaged") != std::string::npos);
  }
}

TEST_CASE("a damaged history is left as it is, with a log that a killed server left") {
  const temp_dir dir;
  const temp_dir copy;
  const auto file = open_history(dir / "h.db");
  REQUIRE(file->commit(new_room("lobby")));
  REQUIRE(file->commit(messages("lobby", 1, 50)));
  sql(dir / "h.db", "PRAGMA wal_checkpoint(TRUNCATE)");
  REQUIRE(file->commit(messages("lobby", 51, 1)));
  for (const auto& [name, content] : snapshot(dir)) {
    const bool has_index = GENERATE(false, true);
    if (name == "h.db") {
      // The page of the room, which the log holds, and what the log does not: the index of its names.
      std::string changed = content;
      changed.replace(8192, 4096, 4096, '\xA5');
      copy.write(name, changed);
    } else if (name == "h.db-wal" || (name == "h.db-shm" && has_index)) {
      copy.write(name, content);
    }
  }
  CHECK(refused(copy, copy / "h.db", errc::storage_failed).find("is damaged") != std::string::npos);
}

TEST_CASE("wherever a byte of a history is changed, it is refused, or holds what it held") {
  const temp_dir dir;
  const std::string path = dir / "h.db";
  make_some(path);
  const std::string whole = dir.read("h.db");
  const std::string expected = loaded(path);
  std::size_t refusals = 0;
  std::size_t tried = 0;
  // All of the header and of the beginnings of pages, and a sample of the rest.
  for (std::size_t at = 0; at < whole.size(); ++at) {
    const bool important = at < 100 || at % 4096 < 12;
    if (!important && (whole[at] == '\0' ? at % 211 != 0 : at % 7 != 0)) continue;
    const auto flip = static_cast<unsigned char>(at % 3 == 0 ? 0x01 : at % 3 == 1 ? 0x80 : 0xFF);
    CAPTURE(at, flip);
    std::string changed = whole;
    changed[at] = static_cast<char>(static_cast<unsigned char>(changed[at]) ^ flip);
    dir.write("h.db", changed);
    ++tried;
    const outcome found = use(dir, path, expected);
    if (found == outcome::wrong) FAIL("it holds something else, or was changed");
    if (found == outcome::refused) ++refusals;
  }
  CHECK(tried > 500);
  CHECK(refusals > tried / 4);
}

TEST_CASE("wherever a byte of a log is changed, what was committed before is there") {
  const temp_dir dir;
  const temp_dir copy;
  const std::string path = copy / "h.db";
  const auto file = open_history(dir / "h.db");
  std::vector<std::string> states{loaded(*file)};
  REQUIRE(file->commit(new_room("lobby")));
  states.push_back(loaded(*file));
  for (std::uint64_t id = 1; id <= 6; ++id) {
    REQUIRE(file->commit(messages("lobby", id, 1, "k")));
    states.push_back(loaded(*file));
  }
  const auto image = snapshot(dir);
  const std::string& log = image.at("h.db-wal");
  for (std::size_t at = 0; at < log.size(); at += 599) {
    CAPTURE(at);
    std::string changed = log;
    changed[at] = static_cast<char>(static_cast<unsigned char>(changed[at]) ^ 0x10U);
    copy.write("h.db", image.at("h.db"));
    copy.write("h.db-wal", changed);
    auto opened = history_file::open(path);
    REQUIRE(opened);
    const std::string content = loaded(**opened);
    CHECK(std::ranges::find(states, content) != states.end());
  }
}
