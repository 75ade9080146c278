// A line of the structured language taken apart: which members the object has, and what they hold. What they mean, and
// which of them belong together, is for the decoders.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tcptools/chat/protocol.hpp"

namespace tcptools::chat {

// Members of an object on the first level that mean anything in any line. The most frequent come first: that is the
// order in which they are looked for.
enum class json_member : std::uint8_t {
  type,
  text,
  tag,
  key,
  room,
  to,
  id,
  time,
  from,
  epoch,
  nick,
  since,
  limit,
  tcpchat,
  presence,
  ticket,
  next,
  lost,
  resumed,
  members,
  repeat,
  joined,
  left,
  more,
  idle,
  count,
  code,
};
inline constexpr std::size_t member_count = 27;

// Those of the object `since`.
enum class since_member : std::uint8_t { id, epoch, ago };
inline constexpr std::size_t since_member_count = 3;

// A whole number is 0 or more and fits into 64 bits; a number with a fraction or an exponent is none.
enum class json_kind : std::uint8_t { absent, text, whole, yes_no, object, other };

struct json_value {
  json_kind what = json_kind::absent;
  std::uint64_t number = 0;  // whole; yes_no: 0 or 1
  std::string text;          // text
};

struct json_line {
  // The line is one JSON object, and one as the language allows it: no member twice, no array, no object within an
  // object within the object. Otherwise what is wrong; the members that were read are there all the same.
  std::optional<std::string> fault;
  std::array<json_value, member_count> values;
  std::array<json_value, since_member_count> since;
  std::vector<std::string> joined;  // names of the members of the object `joined`
  std::vector<std::string> left;

  [[nodiscard]] json_value& operator[](json_member which) noexcept { return values[static_cast<std::size_t>(which)]; }
  [[nodiscard]] json_value& operator[](since_member which) noexcept { return since[static_cast<std::size_t>(which)]; }
};

[[nodiscard]] std::string_view name_of(json_member which) noexcept;
[[nodiscard]] json_line read_json_line(std::string_view line);

// Takes members out of a line. The first thing that is wrong is kept as complaint; what is asked for after that does
// not matter. Texts are bytes of UTF-8; a member that is there and of another type than asked for is wrong.
class member_reader {
 public:
  explicit member_reader(json_line& line);

  [[nodiscard]] bool has(json_member which) const noexcept;
  // Empty where it is absent.
  [[nodiscard]] std::string optional_text(json_member which);
  [[nodiscard]] std::string text(json_member which);
  // `absent` where it is absent.
  [[nodiscard]] std::uint64_t optional_whole(json_member which, std::uint64_t most, std::uint64_t absent);
  [[nodiscard]] std::uint64_t whole(json_member which, std::uint64_t most);
  [[nodiscard]] bool optional_yes_no(json_member which, bool absent);
  [[nodiscard]] bool yes_no(json_member which);
  [[nodiscard]] std::optional<since> optional_since();
  [[nodiscard]] std::vector<std::string> optional_names(json_member which);

  void check_tag();
  // Empty where it is absent. Precondition: ok() after check_tag().
  [[nodiscard]] std::string take_tag();

  void complain(code what, std::string text);
  [[nodiscard]] bool ok() const noexcept { return !complaint_; }
  // With the tag of the line, if one was read. Precondition: !ok().
  [[nodiscard]] complaint take_complaint();

 private:
  bool require(json_member which);
  bool is(const json_value& value, json_kind wanted, std::string_view name);
  std::uint64_t number(const json_value& value, std::uint64_t most, std::string_view name);

  json_line* line_;
  std::optional<complaint> complaint_;
};

}  // namespace tcptools::chat
