#include "tcptools/transfer/compat_protocol.hpp"

#include <string>
#include <string_view>
#include <vector>

#include "support/catch.hpp"
#include "tcptools/transfer/limits.hpp"

using tcptools::as_bytes;
using tcptools::errc;
using tcptools::transfer::compat_file;
using tcptools::transfer::compat_header;
using tcptools::transfer::encode_compat_header;
namespace limits = tcptools::transfer::limits;

namespace {

// Feeds the pieces one after another.
compat_header fed(const std::vector<std::string_view>& pieces) {
  compat_header header;
  for (const std::string_view piece : pieces) header.feed(as_bytes(piece));
  return header;
}

enum class verdict { incomplete, complete, impossible };

verdict verdict_of(const compat_header& header) {
  if (!header.state()) return verdict::impossible;
  return *header.state() ? verdict::complete : verdict::incomplete;
}

verdict verdict_of(std::string_view text) { return verdict_of(fed({text})); }

compat_file file_in(const compat_header& header) {
  REQUIRE(header.state());
  REQUIRE(header.state()->has_value());
  return **header.state();
}

std::string text_of(const compat_header& header) {
  REQUIRE_FALSE(header.state());
  CHECK(header.state().error().code() == errc::protocol_violation);
  return header.state().error().text();
}

}  // namespace

TEST_CASE("a compatibility header is read whatever way it is cut") {
  const auto [text, name, size] = GENERATE(table<std::string, std::string, std::uint64_t>({
      {"name&123", "name", 123},
      {"a&0", "a", 0},
      {"with some spaces.txt&7", "with some spaces.txt", 7},
      {"中文 文件.txt&42", "中文 文件.txt", 42},
      {"\xF0\x9F\x98\x80&1", "\xF0\x9F\x98\x80", 1},
      {"this&that&5", "this&that", 5},
      {"a&12&3", "a&12", 3},
      {"&&1", "&", 1},
      {"..&5&7", "..&5", 7},
      {"&5&7", "&5", 7},
      {"x&9999999999999999999999&1", "x&9999999999999999999999", 1},
      {"big&9223372036854775807", "big", 9'223'372'036'854'775'807ULL},
      {"zeros&00000000000000000012", "zeros", 12},
  }));
  const std::string_view all = text;
  for (std::size_t cut = 0; cut <= all.size(); ++cut) {
    const compat_header header = fed({all.substr(0, cut), all.substr(cut)});
    CHECK(file_in(header) == compat_file{name, size});
  }
  compat_header header;
  for (const char byte : all) CHECK(header.feed(as_bytes({&byte, 1})) == 1);
  CHECK(file_in(header) == compat_file{name, size});
}

TEST_CASE("a complete compatibility header may go on") {
  compat_header header;
  CHECK(verdict_of(header) == verdict::incomplete);
  CHECK(header.feed(as_bytes("name&1")) == 6);
  CHECK(file_in(header) == compat_file{"name", 1});
  CHECK(header.feed(as_bytes("23")) == 2);
  CHECK(file_in(header) == compat_file{"name", 123});
  CHECK(header.feed(as_bytes(" x")) == 2);
  CHECK(verdict_of(header) == verdict::incomplete);
  CHECK(header.feed(as_bytes("&4")) == 2);
  CHECK(file_in(header) == compat_file{"name&123 x", 4});
}

TEST_CASE("an incomplete compatibility header waits") {
  for (const char* text :
       {"n", "name", "name&", "name&x", "name&-1", "name&+1", "name&1 ", "name& 1", "&1", ".&1", "..&1", ".tcpsend&1",
        "name&9223372036854775808", "name&000000000000000000001", "\xE4\xB8", "\xF0\x9F\x98"}) {
    CAPTURE(text);
    CHECK(verdict_of(text) == verdict::incomplete);
  }
}

TEST_CASE("a compatibility header that cannot become valid is refused at once") {
  for (const char* text : {"a\n", "a&1\n", "\x1B[31m", "a\x7F", "a\xC2\x9B", "\xFF", "a\x80", "\xE4\xB8x", "\xC0\xAF",
                           "\xED\xA0\x80", "dir/a", "/", "../a&1"}) {
    CAPTURE(text);
    CHECK(verdict_of(text) == verdict::impossible);
  }
  CHECK(verdict_of(std::string_view{"a\0&1", 4}) == verdict::impossible);
}

TEST_CASE("once a compatibility header is impossible it stays so and takes nothing") {
  compat_header header = fed({"a\n"});
  CHECK(header.feed(as_bytes("name&1")) == 0);
  CHECK(verdict_of(header) == verdict::impossible);
}

TEST_CASE("the limits of a compatibility header") {
  const std::string name(limits::component, 'n');
  CHECK(verdict_of(name) == verdict::incomplete);
  CHECK(verdict_of(name + '&') == verdict::incomplete);
  CHECK(file_in(fed({name + "&00000000000000000009"})) == compat_file{name, 9});
  CHECK(verdict_of(name + "&000000000000000000009") == verdict::impossible);
  CHECK(verdict_of(name + "n") == verdict::impossible);
  CHECK(verdict_of(name + "&x") == verdict::impossible);
  CHECK(verdict_of(name + "&1&") == verdict::impossible);

  const std::string flood(100'000, 'x');
  compat_header header;
  CHECK(header.feed(as_bytes(flood)) == limits::compat_header + 1);
  CHECK(verdict_of(header) == verdict::impossible);
}

TEST_CASE("what is wrong with a compatibility header is shown safely and shortly") {
  CHECK(text_of(fed({"\x1B[2J"})) == "the header '\\x1B[2J' has a control character");
  CHECK(text_of(fed({"a\xFF"})) == "the header 'a\\xFF' is not UTF-8");
  CHECK(text_of(fed({"a/b"})) == "the header 'a/b' has a name with directories");
  CHECK(text_of(fed({std::string(300, 'x')})) ==
        "the header '" + std::string(80, 'x') + "...' has a name that is too long");
}

TEST_CASE("a compatibility header is written") {
  CHECK(*encode_compat_header("name", 123) == "name&123");
  CHECK(*encode_compat_header("中文 文件.txt", 1) == "中文 文件.txt&1");
  CHECK(*encode_compat_header("x", 2'147'483'647) == "x&2147483647");
  CHECK(*encode_compat_header(std::string(255, 'n'), 1) == std::string(255, 'n') + "&1");
}

TEST_CASE("what the tutorial's receiver cannot take is refused") {
  const auto refused = [](std::string_view name, std::uint64_t size) {
    const auto header = encode_compat_header(name, size);
    REQUIRE_FALSE(header);
    return header.error().code();
  };
  CHECK(refused("x", 0) == errc::refused);
  CHECK(refused("x", 2'147'483'648) == errc::too_large);
  for (const std::string& name :
       {std::string{"a&b"}, std::string{"a/b"}, std::string{}, std::string{".."}, std::string(256, 'n'),
        std::string{"a\nb"}, std::string{"\xFF"}, std::string{"a\xC2\x85"}}) {
    CHECK(refused(name, 1) == errc::name_rejected);
  }
}
