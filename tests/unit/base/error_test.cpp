#include "tcptools/base/error.hpp"

#include <cerrno>
#include <set>
#include <string>
#include <utility>

#include "support/catch.hpp"

using tcptools::errc;
using tcptools::error;

TEST_CASE("every cause has a text of its own, a line without a full stop") {
  std::set<std::string> seen;
  for (int code = static_cast<int>(errc::usage); code <= static_cast<int>(errc::version_unsupported); ++code) {
    const std::string text{describe(static_cast<errc>(code))};
    CAPTURE(code, text);
    CHECK_FALSE(text.empty());
    CHECK(text != "unknown error");
    CHECK(text.back() != '.');
    CHECK(text.find('\n') == std::string::npos);
    CHECK(seen.insert(text).second);
  }
}

TEST_CASE("a cause from nowhere still has a text") { CHECK(describe(static_cast<errc>(0)) == "unknown error"); }

TEST_CASE("an error without a text of its own is described by its cause") {
  const error failure{errc::connection_lost};
  CHECK(failure.code() == errc::connection_lost);
  CHECK(failure.text() == describe(errc::connection_lost));
}

TEST_CASE("context goes in front and the cause stays") {
  const error failure = error{errc::timed_out, "nothing came for 30 s"}.in("'a.bin'").in("send");
  CHECK(failure.code() == errc::timed_out);
  CHECK(failure.text() == "send: 'a.bin': nothing came for 30 s");
  CHECK(error{errc::timed_out}.in("read").text() == "read: " + std::string{describe(errc::timed_out)});
}

TEST_CASE("errors are equal in cause and text") {
  CHECK(error{errc::busy, "a"} == error{errc::busy, "a"});
  CHECK(error{errc::busy, "a"} != error{errc::busy, "b"});
  CHECK(error{errc::busy, "a"} != error{errc::refused, "a"});
}

TEST_CASE("an error number has the operating system's text") {
  CHECK(tcptools::os_text(ENOSPC) == "No space left on device");
  CHECK_FALSE(tcptools::os_text(-1).empty());
}

TEST_CASE("failures of storage are sorted by what can be done about them") {
  const auto [number, code] = GENERATE(table<int, errc>({
      {ENOSPC, errc::storage_full},
      {EDQUOT, errc::storage_full},
      {EFBIG, errc::storage_full},
      {EROFS, errc::storage_read_only},
      {EACCES, errc::storage_read_only},
      {EPERM, errc::storage_read_only},
      {EXDEV, errc::name_rejected},
      {ELOOP, errc::name_rejected},
      {ENAMETOOLONG, errc::name_rejected},
      {EILSEQ, errc::name_rejected},
      {EEXIST, errc::conflict},
      {ENOTDIR, errc::conflict},
      {EISDIR, errc::conflict},
      {ENOTEMPTY, errc::conflict},
      {EIO, errc::storage_failed},
      {EMFILE, errc::busy},
      {ENFILE, errc::busy},
      {ENOENT, errc::storage_failed},
      {0, errc::storage_failed},
  }));
  CAPTURE(number);
  const error failure = tcptools::storage_error(number, "write 'a.bin'");
  CHECK(failure.code() == code);
  CHECK(failure.text() == "write 'a.bin': " + tcptools::os_text(number));
}
