#include "tcptools/base/unique_fd.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <type_traits>
#include <utility>

#include "support/catch.hpp"

using tcptools::unique_fd;

namespace {

unique_fd open_something() { return unique_fd{::open("/dev/null", O_RDONLY | O_CLOEXEC)}; }
bool is_open(int fd) { return ::fcntl(fd, F_GETFD) != -1; }

}  // namespace

TEST_CASE("a descriptor has one owner") {
  STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<unique_fd>);
  STATIC_REQUIRE_FALSE(std::is_copy_assignable_v<unique_fd>);
  STATIC_REQUIRE(std::is_nothrow_move_constructible_v<unique_fd>);
  STATIC_REQUIRE(std::is_nothrow_move_assignable_v<unique_fd>);
}

TEST_CASE("without a descriptor nothing is owned") {
  const unique_fd none;
  CHECK_FALSE(none);
  CHECK(none.get() == -1);
}

TEST_CASE("descriptor 0 is one") {
  unique_fd standard_input{0};
  CHECK(standard_input);
  CHECK(standard_input.release() == 0);
}

TEST_CASE("the descriptor is closed with its owner") {
  int number = -1;
  {
    const unique_fd owner = open_something();
    number = owner.get();
    REQUIRE(owner);
    CHECK(is_open(number));
  }
  CHECK_FALSE(is_open(number));
}

TEST_CASE("moving hands it over") {
  unique_fd first = open_something();
  const int number = first.get();
  unique_fd second{std::move(first)};
  CHECK(first.get() == -1);  // NOLINT(bugprone-use-after-move)
  CHECK(second.get() == number);

  unique_fd third = open_something();
  const int replaced = third.get();
  third = std::move(second);
  CHECK(third.get() == number);
  CHECK_FALSE(is_open(replaced));
  CHECK(is_open(number));
}

TEST_CASE("moving to itself keeps it") {
  unique_fd owner = open_something();
  const int number = owner.get();
  unique_fd& same = owner;
  owner = std::move(same);
  CHECK(owner.get() == number);
  CHECK(is_open(number));
}

TEST_CASE("released, it is left open") {
  unique_fd owner = open_something();
  const int number = owner.release();
  CHECK_FALSE(owner);
  CHECK(is_open(number));
  owner.reset(number);
  owner.reset();
  CHECK_FALSE(owner);
  CHECK_FALSE(is_open(number));
}
