#include "tcptools/base/result.hpp"

#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "support/catch.hpp"

using tcptools::errc;
using tcptools::error;
using tcptools::result;

namespace {

result<std::string> greeting(bool known) {
  if (!known) return error{errc::source_missing, "nobody is there"};
  return std::string{"hello"};
}

result<void> checked(bool good) {
  if (!good) return error{errc::verify_failed};
  return {};
}

}  // namespace

TEST_CASE("a result holds a value") {
  result<std::string> said = greeting(true);
  REQUIRE(said);
  CHECK(said.has_value());
  CHECK(said.value() == "hello");
  CHECK(*said == "hello");
  CHECK(said->size() == 5);

  said->push_back('!');
  CHECK(std::as_const(said).value() == "hello!");
  CHECK(*std::as_const(said) == "hello!");
  CHECK(std::as_const(said)->size() == 6);
}

TEST_CASE("a result holds the error that took the value's place") {
  result<std::string> said = greeting(false);
  CHECK_FALSE(said);
  CHECK_FALSE(said.has_value());
  CHECK(said.error() == error{errc::source_missing, "nobody is there"});
  const error taken = std::move(said).error();
  CHECK(taken.text() == "nobody is there");
}

TEST_CASE("a value that only moves is moved out") {
  result<std::unique_ptr<int>> held{std::make_unique<int>(7)};
  REQUIRE(held);
  const std::unique_ptr<int> first = *std::move(held);
  REQUIRE(first);
  CHECK(*first == 7);

  result<std::unique_ptr<int>> other{std::make_unique<int>(8)};
  CHECK(*std::move(other).value() == 8);
  STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<result<std::unique_ptr<int>>>);
}

TEST_CASE("a result can be assigned the other state") {
  result<std::string> said = greeting(true);
  said = error{errc::cancelled};
  REQUIRE_FALSE(said);
  CHECK(said.error().code() == errc::cancelled);
  said = std::string{"again"};
  REQUIRE(said);
  CHECK(*said == "again");
}

TEST_CASE("success can be without a value") {
  CHECK(checked(true).has_value());
  result<void> failed = checked(false);
  REQUIRE_FALSE(failed);
  CHECK(failed.error().code() == errc::verify_failed);
  CHECK(std::move(failed).error().code() == errc::verify_failed);
}
