#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <string>

#include "disk_source_walks.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"
#include "tcptools/transfer/disk_file.hpp"

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using namespace tcptools::transfer;
using tcptools::as_text;
using tcptools::errc;
using tcptools::unique_fd;
using tcptools::testing::find_one;
using tcptools::testing::one_item;
using tcptools::testing::temp_dir;

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
