#include "tcptools/transfer/disk_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"
#include "tcptools/transfer/disk_source.hpp"
#include "tcptools/transfer/limits.hpp"

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using tcptools::as_text;
using tcptools::byte_buffer;
using tcptools::errc;
using tcptools::unique_fd;
using tcptools::testing::temp_dir;
using namespace tcptools::transfer;

namespace {

// A source of one path and the only item it gives.
struct one_item {
  std::unique_ptr<disk_source> source;
  source_item item;
};

one_item find_one(const std::string& path, links_policy links = links_policy::automatic) {
  auto source = disk_source::make({.paths = {path}, .name = {}, .into = {}, .excludes = {}, .links = links});
  REQUIRE(source);
  source_batch batch = (*source)->next(100);
  REQUIRE(batch.items.size() == 1);
  return {std::move(*source), batch.items[0]};
}

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

TEST_CASE("a fifo is read from when its writer comes to when it goes") {
  const temp_dir dir;
  const std::string path = dir / "fifo";
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  const one_item found = find_one(path);
  auto stream = found.source->open_stream(found.item);
  REQUIRE(stream);
  std::array<std::byte, 16> buffer{};

  auto some = (*stream)->read_some(buffer, 0ms);
  REQUIRE(some);
  CHECK_FALSE(*some);

  unique_fd writer{::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC)};
  REQUIRE(writer);
  some = (*stream)->read_some(buffer, 1ms);
  REQUIRE(some);
  CHECK_FALSE(*some);

  REQUIRE(::write(writer.get(), "hello", 5) == 5);
  some = (*stream)->read_some(buffer, 10s);
  REQUIRE(some);
  CHECK(*some == 5);
  CHECK(as_text(buffer).starts_with("hello"));

  writer.reset();
  some = (*stream)->read_some(buffer, 10s);
  REQUIRE(some);
  CHECK(*some == 0);
}

TEST_CASE("a stream is opened once") {
  const one_item found = find_one("/dev/null");
  auto stream = found.source->open_stream(found.item);
  REQUIRE(stream);
  std::array<std::byte, 16> buffer{};
  CHECK((*stream)->read_some(buffer, 10s).value() == 0);

  const auto again = found.source->open_stream(found.item);
  REQUIRE_FALSE(again);
  CHECK(again.error().code() == errc::source_unreadable);
}

TEST_CASE("a fifo that was replaced is not opened") {
  const temp_dir dir;
  const std::string path = dir / "fifo";
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  const one_item found = find_one(path);
  REQUIRE(::mkfifo((dir / "other").c_str(), 0600) == 0);
  fs::rename(dir / "other", path);
  const auto stream = found.source->open_stream(found.item);
  REQUIRE_FALSE(stream);
  CHECK(stream.error().code() == errc::source_changed);
}

TEST_CASE("a pipe is read to its end") {
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  unique_fd writer{ends[1]};
  const auto stream = stream_from(unique_fd{ends[0]}, "a pipe");
  std::array<std::byte, 3> buffer{};

  REQUIRE(::write(writer.get(), "12345", 5) == 5);
  writer.reset();
  CHECK(stream->read_some(buffer, 10s).value() == 3);
  CHECK(stream->read_some(buffer, 10s).value() == 2);
  CHECK(stream->read_some(buffer, 10s).value() == 0);
}

TEST_CASE("a pipe given by name is read to its end") {
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  const unique_fd reader{ends[0]};
  unique_fd writer{ends[1]};
  REQUIRE(::write(writer.get(), "12345", 5) == 5);
  writer.reset();

  const one_item found = find_one("/dev/fd/" + std::to_string(reader.get()));
  CHECK(found.item.item.kind == entry_kind::stream);
  auto stream = found.source->open_stream(found.item);
  REQUIRE(stream);
  std::array<std::byte, 16> buffer{};
  CHECK((*stream)->read_some(buffer, 10s).value() == 5);
  CHECK((*stream)->read_some(buffer, 10s).value() == 0);
}

TEST_CASE("a stream that cannot be read is an error") {
  const temp_dir dir;
  const auto stream = stream_from(unique_fd{::open(dir.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)}, "a\nb");
  std::array<std::byte, 16> buffer{};
  const auto some = stream->read_some(buffer, 10s);
  REQUIRE_FALSE(some);
  CHECK(some.error().code() == errc::source_unreadable);
  CHECK(some.error().text() == "cannot read 'a\\nb': Is a directory");
}
