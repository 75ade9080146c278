#include "cli/exit_code.hpp"

#include <set>

#include "support/catch.hpp"

using namespace tcptools;
using namespace tcptools::cli;

TEST_CASE("every error has a name of its own and an exit code", "[cli]") {
  std::set<std::string_view> names;
  for (int number = static_cast<int>(errc::usage); number <= static_cast<int>(errc::version_unsupported); ++number) {
    const auto code = static_cast<errc>(number);
    INFO("errc " << number);
    CHECK(names.insert(name_of(code)).second);
    CHECK(exit_code_for(code) != exit_code::success);
  }
  CHECK(names.count("unknown") == 0);
}

TEST_CASE("the table of exit codes holds", "[cli]") {
  CHECK(exit_code_for(errc::connect_failed) == exit_code::connection);
  CHECK(exit_code_for(errc::conflict) == exit_code::refused);
  CHECK(exit_code_for(errc::source_changed) == exit_code::not_verified);
  CHECK(exit_code_for(errc::storage_full) == exit_code::storage);
  CHECK(exit_code_for(errc::timed_out) == exit_code::timed_out);
  CHECK(exit_code_for(errc::source_missing) == exit_code::some_failed);
}

TEST_CASE("one reason for all failures is the run's, several are not", "[cli]") {
  exit_code_sum sum;
  CHECK(sum.value() == exit_code::success);
  sum.add(exit_code::refused);
  sum.add(exit_code::refused);
  CHECK(sum.value() == exit_code::refused);
  sum.add(exit_code::storage);
  CHECK(sum.value() == exit_code::some_failed);
  sum.add(exit_code::storage);
  CHECK(sum.value() == exit_code::some_failed);
}
