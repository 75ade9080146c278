#include "tcptools/transfer/safe_path.hpp"

#include <string>
#include <string_view>

#include "support/catch.hpp"
#include "tcptools/base/text.hpp"
#include "tcptools/transfer/limits.hpp"

using namespace tcptools::transfer;
using tcptools::errc;

namespace {

// Why a path is refused; empty: it is not.
std::string refusal(std::string_view path) {
  const auto checked = check_path(path);
  if (checked) return {};
  CHECK(checked.error().code() == errc::name_rejected);
  const std::string text = checked.error().text();
  CHECK(tcptools::is_utf8(text));
  return text.substr(text.find("as a path: ") + 11);
}

std::string row_of(std::size_t components, std::string_view one) {
  std::string path{one};
  for (std::size_t i = 1; i < components; ++i) path.append("/").append(one);
  return path;
}

}  // namespace

TEST_CASE("paths that are allowed") {
  for (const char* path :
       {"a",          "a/b/c",       "...",  ".hidden", "a.",        "..a",      "a..",
        "a/...",      "dir/.hidden", "a b",  " ",       "\\",        "a\\..\\b", "C:",
        "C:\\x",      "-rf",         "~",    "$HOME",   "*",         "\xC3\xA4", "\xF0\x9F\x98\x80/x",
        "con",        "nul",         "a\nb", "\x1B[2J", ".tcpsend2", ".tcpsen",  ".TCPSEND",
        "x/.tcpsend", "x/.tcpsend/y"}) {
    CAPTURE(path);
    CHECK(check_path(path));
  }
}

TEST_CASE("paths that are refused, and why") {
  CHECK(refusal("") == "it is empty");
  CHECK(refusal("/") == "it is absolute");
  CHECK(refusal("/etc/passwd") == "it is absolute");
  CHECK(refusal("//a") == "it is absolute");
  CHECK(refusal("a//b") == "a component is empty");
  CHECK(refusal("a/") == "a component is empty");
  for (const char* path :
       {".", "..", "a/.", "a/..", "./a", "../a", "a/./b", "a/../b", "../../etc/passwd", "a/b/../.."}) {
    CAPTURE(path);
    CHECK(refusal(path) == "a component is . or ..");
  }
  CHECK(refusal(".tcpsend") == "this name is the receiver's own");
  CHECK(refusal(".tcpsend/x") == "this name is the receiver's own");
  CHECK(refusal({"a\0b", 3}) == "it contains a zero byte");
  CHECK(refusal({"\0", 1}) == "it contains a zero byte");
  CHECK(refusal({"a/..\0", 5}) == "it contains a zero byte");
}

TEST_CASE("paths that are not UTF-8 are refused") {
  for (const char* path : {"\xFF", "a/\x80", "\xC0\xAE\xC0\xAE/x", "\xC0\xAF", "\xE2\x82", "\xED\xA0\x80",
                           "\xF4\x90\x80\x80", "\xF8\x88\x80\x80\x80", "\xE0\x80\xAF"}) {
    const auto checked = check_path(path);
    REQUIRE_FALSE(checked);
    CHECK(checked.error().code() == errc::name_rejected);
    CHECK(checked.error().text().ends_with("it is not UTF-8"));
    CHECK(tcptools::is_utf8(checked.error().text()));
  }
}

TEST_CASE("lengths are counted in bytes") {
  CHECK(check_path(std::string(limits::component, 'a')));
  CHECK(refusal(std::string(limits::component + 1, 'a')) == "a component is too long");
  CHECK(refusal("a/" + std::string(limits::component + 1, 'a') + "/b") == "a component is too long");
  std::string umlauts;
  for (int i = 0; i < 127; ++i) umlauts += "\xC3\xA4";
  CHECK(check_path(umlauts));
  CHECK(check_path(umlauts + "a"));
  CHECK(refusal(umlauts + "\xC3\xA4") == "a component is too long");

  const std::string longest = row_of(limits::path / 256, std::string(255, 'x')) + "/";
  REQUIRE(longest.size() == limits::path);
  CHECK(check_path(longest.substr(0, limits::path - 1)));
  CHECK(check_path(row_of(limits::path / 2, "x") + "y"));
  CHECK(refusal(row_of(limits::path / 2, "x") + "yz") == "it is too long");
}

TEST_CASE("a refused path is shown so that it does no harm, and not at any length") {
  const auto hostile = check_path("\x1B[2J\n/../x");
  REQUIRE_FALSE(hostile);
  CHECK(hostile.error().text().find('\x1B') == std::string::npos);
  CHECK(hostile.error().text().find('\n') == std::string::npos);
  const auto endless = check_path(std::string(1U << 20U, 'x'));
  REQUIRE_FALSE(endless);
  CHECK(endless.error().text().size() < 400);
  // Cut in the middle of a character it is still text.
  std::string wide{"x"};
  while (wide.size() <= limits::path) wide += "\xF0\x9F\x98\x80";
  const auto cut = check_path(wide);
  REQUIRE_FALSE(cut);
  CHECK(tcptools::is_utf8(cut.error().text()));
}
