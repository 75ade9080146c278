#include "tcptools/transfer/disk_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>

#include "disk_source_walks.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"
#include "tcptools/transfer/limits.hpp"

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using namespace tcptools::transfer;
using tcptools::as_text;
using tcptools::byte_buffer;
using tcptools::errc;
using tcptools::unique_fd;
using tcptools::testing::find_one;
using tcptools::testing::one_item;
using tcptools::testing::temp_dir;

namespace {

std::unique_ptr<source_file> open_one(const std::string& path) {
  const one_item found = find_one(path);
  auto file = found.source->open(found.item);
  REQUIRE(file);
  return std::move(*file);
}

errc open_fails(const one_item& found) {
  const auto file = found.source->open(found.item);
  REQUIRE_FALSE(file);
  return file.error().code();
}

void overwrite(const std::string& path, off_t offset, std::string_view content) {
  const unique_fd file{::open(path.c_str(), O_WRONLY | O_CLOEXEC)};
  REQUIRE(::pwrite(file.get(), content.data(), content.size(), offset) == static_cast<ssize_t>(content.size()));
}

}  // namespace

TEST_CASE("a file is read at any place") {
  const temp_dir dir;
  const auto file = open_one(dir.write("a", "0123456789"));
  byte_buffer buffer(4);
  REQUIRE(file->read(3, buffer));
  CHECK(as_text(buffer) == "3456");
  REQUIRE(file->read(0, buffer));
  CHECK(as_text(buffer) == "0123");
  CHECK(file->check_unchanged());
}

TEST_CASE("what is read without waiting is what is there, or nothing") {
  const temp_dir dir;
  const auto file = open_one(dir.write("a", "0123456789"));
  byte_buffer buffer(4);
  // Not every file system can.
  if (file->read_cached(3, buffer)) CHECK(as_text(buffer) == "3456");
  CHECK_FALSE(file->read_cached(8, buffer));
}

TEST_CASE("reading past the end means that the file became shorter") {
  const temp_dir dir;
  const std::string path = dir.write("a", "0123456789");
  const auto file = open_one(path);
  REQUIRE(::truncate(path.c_str(), 5) == 0);
  byte_buffer buffer(4);
  const auto read = file->read(3, buffer);
  REQUIRE_FALSE(read);
  CHECK(read.error().code() == errc::source_changed);
}

TEST_CASE("an empty file can be opened") {
  const temp_dir dir;
  CHECK(open_one(dir.write("a", ""))->check_unchanged());
}

TEST_CASE("a file of the kernel that calls itself empty is refused") {
  if (!fs::exists("/proc/self/status")) return;
  CHECK(open_fails(find_one("/proc/self/status")) == errc::source_unreadable);
}

TEST_CASE("every change after opening shows, however soon it comes") {
  const temp_dir dir;
  const std::string content(limits::inline_content + 1, 'a');
  for (int i = 0; i < 50; ++i) {
    const std::string path = dir.write("a", content);
    const auto file = open_one(path);
    REQUIRE(file->check_unchanged());
    overwrite(path, 100, i % 2 == 0 ? "b" : "c");
    const auto check = file->check_unchanged();
    REQUIRE_FALSE(check);
    CHECK(check.error().code() == errc::source_changed);
  }
}

TEST_CASE("a change that gives the old modification time back shows") {
  const temp_dir dir;
  const std::string path = dir.write("a", std::string(limits::inline_content + 1, 'a'));
  struct stat before{};
  REQUIRE(::stat(path.c_str(), &before) == 0);
  const auto file = open_one(path);
  overwrite(path, 0, "b");
  const std::array<timespec, 2> times{before.st_atim, before.st_mtim};
  REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times.data(), 0) == 0);
  CHECK_FALSE(file->check_unchanged());
}

TEST_CASE("a file that is replaced while it is open stays what it was") {
  const temp_dir dir;
  const std::string path = dir.write("a", "old");
  const auto file = open_one(path);
  fs::rename(dir.write("b", "new"), path);
  byte_buffer buffer(3);
  REQUIRE(file->read(0, buffer));
  CHECK(as_text(buffer) == "old");
}

TEST_CASE("what is no longer the file that was found is not opened") {
  const temp_dir dir;
  const std::string path = dir.write("a", "content");
  const one_item found = find_one(path);

  SECTION("removed") {
    fs::remove(path);
    CHECK(open_fails(found) == errc::source_missing);
  }
  SECTION("larger") {
    dir.write("a", "content and more");
    CHECK(open_fails(found) == errc::source_changed);
  }
  SECTION("another") {
    fs::copy(path, dir / "b");
    fs::last_write_time(dir / "b", fs::last_write_time(path));
    fs::rename(dir / "b", path);
    CHECK(open_fails(found) == errc::source_changed);
  }
  SECTION("a link to it") {
    fs::rename(path, dir / "b");
    fs::create_symlink("b", path);
    CHECK(open_fails(found) == errc::source_changed);
  }
  SECTION("a fifo, without waiting for a writer") {
    fs::remove(path);
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    CHECK(open_fails(found) == errc::source_changed);
  }
  SECTION("a directory") {
    fs::remove(path);
    fs::create_directory(path);
    CHECK(open_fails(found) == errc::source_changed);
  }
}

TEST_CASE("a file is opened through the link it was found through") {
  const temp_dir dir;
  dir.write("real", "content");
  fs::create_symlink("real", dir / "link");
  byte_buffer buffer(7);
  REQUIRE(open_one(dir / "link")->read(0, buffer));
  CHECK(as_text(buffer) == "content");
}

TEST_CASE("holes are found") {
  const temp_dir dir;
  const std::string path = dir.write("a", std::string(4096, 'a'));
  constexpr std::uint64_t mib = 1U << 20U;
  overwrite(path, 4 * mib, std::string(4096, 'b'));
  REQUIRE(::truncate(path.c_str(), 8 * mib) == 0);

  const one_item found = find_one(path);
  CHECK(found.item.item.size == 8 * mib);
  CHECK(found.item.item.allocated <= 8 * mib);
  const auto file = open_one(path);
  CHECK(file->hole_end(0) == 0);
  CHECK(file->hole_end(4 * mib) == 4 * mib);
  CHECK(file->hole_end(8 * mib) == 8 * mib);
  if (found.item.item.allocated < 8 * mib) {
    CHECK(file->hole_end(2 * mib) == 4 * mib);
    CHECK(file->hole_end(6 * mib) == 8 * mib);
  }
}

TEST_CASE("a delivered file is removed") {
  const temp_dir dir;
  const one_item found = find_one(dir.write("a", "content"));
  CHECK(found.source->remove(found.item));
  CHECK_FALSE(fs::exists(dir / "a"));
  const auto again = found.source->remove(found.item);
  REQUIRE_FALSE(again);
  CHECK(again.error().code() == errc::source_missing);
}

TEST_CASE("a file that changed is not removed") {
  const temp_dir dir;
  const std::string path = dir.write("a", "content");
  const one_item found = find_one(path);
  SECTION("size") { dir.write("a", "other content"); }
  SECTION("time") { fs::last_write_time(path, fs::last_write_time(path) + 1s); }
  SECTION("identity") {
    fs::rename(path, dir / "b");
    fs::copy(dir / "b", path);
    fs::last_write_time(path, fs::last_write_time(dir / "b"));
  }
  const auto removed = found.source->remove(found.item);
  REQUIRE_FALSE(removed);
  CHECK(removed.error().code() == errc::source_changed);
  CHECK(fs::exists(path));
}

TEST_CASE("links are removed only where they were sent as links") {
  const temp_dir dir;
  dir.write("real", "content");
  fs::create_symlink("real", dir / "link");
  const one_item followed = find_one(dir / "link");
  CHECK_FALSE(followed.source->remove(followed.item));
  CHECK(fs::is_symlink(dir / "link"));

  const one_item kept = find_one(dir / "link", links_policy::keep);
  CHECK(kept.source->remove(kept.item));
  CHECK_FALSE(fs::is_symlink(dir / "link"));
  CHECK(fs::exists(dir / "real"));
}

TEST_CASE("directories stay") {
  const temp_dir dir;
  fs::create_directory(dir / "d");
  const one_item found = find_one(dir / "d");
  CHECK(found.source->remove(found.item));
  CHECK(fs::exists(dir / "d"));
}
