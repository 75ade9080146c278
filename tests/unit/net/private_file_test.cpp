#include "tcptools/net/private_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>

#include "support/catch.hpp"
#include "support/pipe_ends.hpp"
#include "support/temp_dir.hpp"
#include "tcptools/base/bytes.hpp"

using namespace tcptools;
using namespace tcptools::net;
using tcptools::testing::pipe_ends;
using tcptools::testing::temp_dir;

namespace {

std::string write_with_mode(const temp_dir& dir, const std::string& name, const std::string& content, mode_t mode) {
  std::string file = dir.write(name, content);
  REQUIRE(::chmod(file.c_str(), mode) == 0);
  return file;
}

std::string why_not_read(const std::string& file, std::size_t at_most = 100) {
  const auto content = read_private_file(file, at_most);
  REQUIRE_FALSE(content);
  CHECK(content.error().code() == errc::usage);
  return content.error().text();
}

std::string fd_path(const unique_fd& fd) { return "/dev/fd/" + std::to_string(fd.get()); }

}  // namespace

TEST_CASE("a private file is read whole") {
  const temp_dir dir;
  const std::string long_text(10'000, 'x');
  for (const std::string& text : {std::string{}, std::string{"secret"}, long_text}) {
    const std::string file = write_with_mode(dir, "key", text, 0600);
    const auto content = read_private_file(file, long_text.size());
    REQUIRE(content);
    CHECK(as_text(*content) == text);
  }
  CHECK(read_private_file(write_with_mode(dir, "read-only", "s", 0400), 100));
}

TEST_CASE("a file that others can read or write is refused, with what to do") {
  const temp_dir dir;
  for (const mode_t mode : {0640U, 0604U, 0620U, 0602U, 0610U, 0601U, 0644U, 0666U, 0777U}) {
    const std::string file = write_with_mode(dir, "key", "secret", mode);
    CHECK(why_not_read(file) ==
          "'" + file + "' may be read or written by others than its owner; chmod 600 '" + file + "'");
  }
}

TEST_CASE("what counts is the file that a link leads to") {
  const temp_dir dir;
  const std::string open_file = write_with_mode(dir, "open", "secret", 0644);
  const std::string private_one = write_with_mode(dir, "private", "secret", 0600);
  const std::string link = dir / "link";
  REQUIRE(::symlink(private_one.c_str(), link.c_str()) == 0);
  CHECK(read_private_file(link, 100));
  REQUIRE(::unlink(link.c_str()) == 0);
  REQUIRE(::symlink(open_file.c_str(), link.c_str()) == 0);
  CHECK_FALSE(read_private_file(link, 100));
}

TEST_CASE("a file of somebody else is refused, but for root's") {
  if (::geteuid() != 0) return;  // nobody else can give a file away
  const temp_dir dir;
  const std::string file = write_with_mode(dir, "key", "secret", 0600);
  REQUIRE(::chown(file.c_str(), 12345, 12345) == 0);
  CHECK(why_not_read(file) == "'" + file + "' belongs to somebody else");
}

TEST_CASE("what is not there or no file is refused") {
  const temp_dir dir;
  CHECK(why_not_read(dir / "none") == "'" + (dir / "none") + "' cannot be read: No such file or directory");
  CHECK(why_not_read(dir.path()) == "'" + dir.path().string() + "' is neither a file nor a pipe");
}

TEST_CASE("a private file that is too long is not read") {
  const temp_dir dir;
  const std::string file = write_with_mode(dir, "key", std::string(101, 'x'), 0600);
  CHECK(read_private_file(file, 101));
  CHECK(why_not_read(file) == "'" + file + "' is longer than the 100 bytes that are read");
}

TEST_CASE("a pipe of ours is read to its end") {
  pipe_ends pipe;
  std::thread writer{[&pipe] {
    for (const char c : std::string{"secret"}) {
      std::this_thread::sleep_for(std::chrono::milliseconds{1});
      (void)::write(pipe.writing.get(), &c, 1);
    }
    pipe.writing.reset();
  }};
  const auto content = read_private_file(fd_path(pipe.reading), 100);
  writer.join();
  REQUIRE(content);
  CHECK(as_text(*content) == "secret");
}

TEST_CASE("nobody is waited for at a pipe that has no writer, and its mode counts") {
  const temp_dir dir;
  const std::string fifo = dir / "fifo";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  const auto content = read_private_file(fifo, 100);
  REQUIRE(content);
  CHECK(content->empty());

  REQUIRE(::chmod(fifo.c_str(), 0622) == 0);
  CHECK_FALSE(read_private_file(fifo, 100));
}

TEST_CASE("a private file is not left open for other programs") {
  const temp_dir dir;
  const auto fd = open_private_file(write_with_mode(dir, "key", "secret", 0600));
  REQUIRE(fd);
  CHECK((::fcntl(fd->get(), F_GETFD) & FD_CLOEXEC) != 0);
}
