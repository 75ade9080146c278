// Files that are offered by their size and time.
#include <sys/stat.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "disk_store_rig.hpp"
#include "support/catch.hpp"
#include "tcptools/transfer/disk_store.hpp"

namespace fs = std::filesystem;
using namespace tcptools::testing;
using namespace tcptools::transfer;
using tcptools::byte_buffer;
using tcptools::errc;
using tcptools::result;

namespace {

entry item_at(const std::string& path, std::uint64_t size, timestamp modified) {
  entry item = file_entry(path, size);
  item.modified = modified;
  return item;
}

// As what it is found; "" where it is not.
std::string found_as(store& where, const entry& item) {
  const auto found = look_up(where, item, std::nullopt);
  if (!found) FAIL(found.error().text());
  if (!*found) return "";
  CHECK((*found)->unchanged);
  return (*found)->path;
}
bool is_found(const store_rig& rig, const entry& item) { return found_as(*rig.store, item) == item.path; }

const timestamp usual_time = file_entry("", 0).modified;

}  // namespace

TEST_CASE("a file of the same size and time is taken for what is offered, whatever is in it") {
  const store_rig rig;
  REQUIRE(rig.put("d/f", "content"));
  CHECK(is_found(rig, file_entry("d/f", 7)));
  const byte_buffer large = noise(some_size, 1);
  REQUIRE(rig.send(file_entry("large", some_size), large).outcome);
  CHECK(is_found(rig, file_entry("large", some_size)));
  CHECK(rig.holds("large", large));
}

TEST_CASE("a file of another size or time is not") {
  const store_rig rig;
  REQUIRE(rig.put("f", "content"));
  CHECK_FALSE(is_found(rig, file_entry("f", 6)));
  CHECK_FALSE(is_found(rig, file_entry("f", 8)));
  CHECK_FALSE(is_found(rig, item_at("f", 7, {usual_time.seconds, usual_time.nanoseconds + 1})));
  CHECK_FALSE(is_found(rig, item_at("f", 7, {usual_time.seconds, usual_time.nanoseconds - 1})));
  CHECK_FALSE(is_found(rig, item_at("f", 7, {usual_time.seconds + 1, usual_time.nanoseconds})));
  CHECK_FALSE(is_found(rig, file_entry("g", 7)));
  CHECK_FALSE(is_found(rig, file_entry("d/f", 7)));
  CHECK_FALSE(rig.exists("d"));
  CHECK(rig.modified("f") == usual_time);
}

TEST_CASE("times before 1970 and far ahead are compared, too") {
  const store_rig rig;
  for (const timestamp time : {timestamp{0, 0}, timestamp{-1, 999'999'999}, timestamp{4'000'000'000, 123'456'789}}) {
    const entry item = item_at("f", 1, time);
    REQUIRE(rig.put(item, tcptools::as_bytes("x")));
    CHECK(is_found(rig, item));
    CHECK_FALSE(is_found(rig, item_at("f", 1, {time.seconds, time.nanoseconds / 2 + 1})));
  }
}

TEST_CASE("what is not a regular file is not taken for one") {
  const store_rig rig;
  REQUIRE(rig.put("f", "content"));
  entry item = file_entry("x", 1);
  SECTION("a link to one") {
    fs::create_symlink("f", rig / "x");
    item.size = 7;
    CHECK_FALSE(is_found(rig, item));
  }
  SECTION("a link, by its own size and time") {
    REQUIRE(rig.store->make_symlink(link_entry("x", "f")));
    item.modified = rig.modified("x");
    CHECK_FALSE(is_found(rig, item));
  }
  SECTION("a fifo") {
    REQUIRE(::mkfifo((rig / "x").c_str(), 0600) == 0);
    CHECK_FALSE(is_found(rig, item));
  }
  SECTION("a directory") {
    fs::create_directory(rig / "x");
    CHECK(failed_with(look_up(*rig.store, item, std::nullopt), errc::conflict));
  }
  SECTION("one outside") {
    rig.dir.write("outside/x", "x");
    fs::create_directory_symlink("../outside", rig / "d");
    CHECK_FALSE(look_up(*rig.store, file_entry("d/x", 1), std::nullopt));
  }
}

TEST_CASE("a file that is found by its time gets its mode and keeps everything else") {
  const store_rig rig;
  REQUIRE(rig.put("f", "content"));
  const ino_t before = rig.status("f").st_ino;
  REQUIRE(::chmod((rig / "f").c_str(), 04700) == 0);
  CHECK(is_found(rig, file_entry("f", 7)));
  CHECK(rig.mode("f") == 0640);
  CHECK(rig.modified("f") == usual_time);
  CHECK(rig.status("f").st_ino == before);
}

TEST_CASE("policies for other files of the same name do not touch what has its time") {
  store_rig rig;
  SECTION("keep both: the newest counts") {
    rig.use(conflict_policy::keep_both);
    REQUIRE(rig.put("f", "one"));
    REQUIRE(rig.put(item_at("f", 3, {1'000, 0}), tcptools::as_bytes("two")));
    CHECK(found_as(*rig.store, item_at("f", 3, {1'000, 0})) == "f.1");
    CHECK(found_as(*rig.store, file_entry("f", 3)).empty());
  }
  SECTION("refuse: what cannot be equal is refused, what may be is asked for") {
    rig.use(conflict_policy::refuse);
    REQUIRE(rig.put("f", "content"));
    CHECK(is_found(rig, file_entry("f", 7)));
    CHECK(failed_with(look_up(*rig.store, file_entry("f", 8), std::nullopt), errc::conflict));
    CHECK_FALSE(is_found(rig, item_at("f", 7, {1'000, 0})));
  }
  SECTION("no-replace: not even its mode") {
    REQUIRE(rig.put("f", "content"));
    REQUIRE(::chmod((rig / "f").c_str(), 0600) == 0);
    const auto view = rig.store->narrowed({"", unlimited_bytes, true});
    REQUIRE(view);
    CHECK(found_as(**view, file_entry("f", 7)) == "f");
    CHECK(rig.mode("f") == 0600);
  }
}
