#include "tcptools/base/bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include "support/catch.hpp"

using tcptools::as_bytes;
using tcptools::as_text;
using tcptools::byte_buffer;
using tcptools::byte_reader;
using tcptools::byte_view;
using tcptools::byte_writer;

namespace {

byte_buffer octets(const std::vector<unsigned>& values) {
  byte_buffer out;
  for (const unsigned value : values) out.push_back(static_cast<std::byte>(value));
  return out;
}

// u8, u16, u32, u64, three bytes of text, two bytes.
byte_buffer one_of_each() {
  byte_buffer out;
  byte_writer{out}.u8(0x01).u16(0x0203).u32(0x04050607).u64(0x08090A0B0C0D0E0F).text("abc").bytes(octets({0xFE, 0xFF}));
  return out;
}

template <class Unsigned>
void check_range(byte_writer& (byte_writer::*put)(Unsigned), Unsigned (byte_reader::*get)() noexcept) {
  constexpr Unsigned largest = std::numeric_limits<Unsigned>::max();
  constexpr Unsigned middle = largest / 2;
  for (const Unsigned value :
       {Unsigned{0}, Unsigned{1}, middle, Unsigned{middle + 1}, Unsigned{largest - 1}, largest}) {
    CAPTURE(sizeof value, value);
    byte_buffer out;
    (byte_writer{out}.*put)(value);
    CHECK(out.size() == sizeof value);
    byte_reader reader{out};
    CHECK((reader.*get)() == value);
    CHECK(reader.complete());
  }
}

}  // namespace

TEST_CASE("integers are written with the highest byte first, one behind the other") {
  CHECK(one_of_each() == octets({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 'a', 'b', 'c', 0xFE, 0xFF}));
}

TEST_CASE("a writer appends to what is there") {
  byte_buffer out = octets({9});
  byte_writer{out}.u16(1);
  CHECK(out == octets({9, 0, 1}));
}

TEST_CASE("a reader takes back what a writer wrote") {
  const byte_buffer in = one_of_each();
  byte_reader reader{in};
  CHECK(reader.remaining() == in.size());
  CHECK(reader.u8() == 0x01);
  CHECK(reader.u16() == 0x0203);
  CHECK(reader.u32() == 0x04050607);
  CHECK(reader.u64() == 0x08090A0B0C0D0E0F);
  CHECK(reader.text(3) == "abc");
  CHECK(reader.ok());
  CHECK_FALSE(reader.complete());
  const byte_view rest = reader.rest();
  CHECK(byte_buffer(rest.begin(), rest.end()) == octets({0xFE, 0xFF}));
  CHECK(rest.data() == in.data() + in.size() - 2);
  CHECK(reader.complete());
}

TEST_CASE("the ends of each integer's range survive") {
  check_range(&byte_writer::u8, &byte_reader::u8);
  check_range(&byte_writer::u16, &byte_reader::u16);
  check_range(&byte_writer::u32, &byte_reader::u32);
  check_range(&byte_writer::u64, &byte_reader::u64);
}

TEST_CASE("cut short at any length, a reader is not ok and what is missing reads as nothing") {
  const byte_buffer whole = one_of_each();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    CAPTURE(length);
    byte_reader reader{std::span{whole}.first(length)};
    CHECK(reader.u8() == (length >= 1 ? 0x01 : 0));
    CHECK(reader.u16() == (length >= 3 ? 0x0203 : 0));
    CHECK(reader.u32() == (length >= 7 ? 0x04050607 : 0));
    CHECK(reader.u64() == (length >= 15 ? 0x08090A0B0C0D0E0F : 0));
    CHECK(reader.text(3) == (length >= 18 ? "abc" : ""));
    CHECK(reader.bytes(2).empty());
    CHECK_FALSE(reader.ok());
    CHECK_FALSE(reader.complete());
    CHECK(reader.remaining() == 0);
  }
}

TEST_CASE("after a failure nothing more is given out, even what would fit") {
  const byte_buffer in = octets({1, 2, 3});
  byte_reader reader{in};
  CHECK(reader.u32() == 0);
  CHECK(reader.u8() == 0);
  CHECK(reader.rest().empty());
  CHECK_FALSE(reader.ok());
}

TEST_CASE("a count beyond the end fails however large it is") {
  const byte_buffer in = octets({1, 2, 3});
  byte_reader reader{in};
  CHECK(reader.bytes(std::numeric_limits<std::size_t>::max()).empty());
  CHECK_FALSE(reader.ok());
}

TEST_CASE("nothing can be taken from nothing") {
  byte_reader reader{{}};
  CHECK(reader.complete());
  CHECK(reader.bytes(0).empty());
  CHECK(reader.text(0).empty());
  CHECK(reader.rest().empty());
  CHECK(reader.complete());
}

TEST_CASE("text and bytes are views of the same memory") {
  const std::string_view text = "\x7F\x80\xFFz";
  const byte_view bytes = as_bytes(text);
  REQUIRE(bytes.size() == text.size());
  CHECK(bytes[2] == std::byte{0xFF});
  CHECK(as_text(bytes) == text);
  CHECK(as_text(bytes).data() == text.data());
}
