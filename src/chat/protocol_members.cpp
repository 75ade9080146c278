#include <limits>
#include <utility>

#include "protocol_json.hpp"
#include "tcptools/chat/limits.hpp"

namespace tcptools::chat {
namespace {

std::string_view describe(json_kind what) noexcept {
  switch (what) {
    case json_kind::text:
      return "a string";
    case json_kind::whole:
      return "a whole number";
    case json_kind::yes_no:
      return "true or false";
    case json_kind::object:
      return "an object";
    case json_kind::absent:
    case json_kind::other:
      break;
  }
  return "that";
}

std::string quoted(std::string_view name) { return "'" + std::string{name} + "'"; }

}  // namespace

member_reader::member_reader(json_line& line) : line_{&line} {
  if (line.fault) complain(code::bad_request, *line.fault);
}

bool member_reader::has(json_member which) const noexcept { return (*line_)[which].what != json_kind::absent; }

std::string member_reader::optional_text(json_member which) {
  if (!has(which) || !is((*line_)[which], json_kind::text, name_of(which))) return {};
  return std::move((*line_)[which].text);
}

std::string member_reader::text(json_member which) { return require(which) ? optional_text(which) : std::string{}; }

std::uint64_t member_reader::optional_whole(json_member which, std::uint64_t most, std::uint64_t absent) {
  return has(which) ? number((*line_)[which], most, name_of(which)) : absent;
}

std::uint64_t member_reader::whole(json_member which, std::uint64_t most) {
  return require(which) ? optional_whole(which, most, 0) : 0;
}

bool member_reader::optional_yes_no(json_member which, bool absent) {
  if (!has(which) || !is((*line_)[which], json_kind::yes_no, name_of(which))) return absent;
  return (*line_)[which].number != 0;
}

bool member_reader::yes_no(json_member which) { return require(which) && optional_yes_no(which, false); }

std::optional<since> member_reader::optional_since() {
  if (!has(json_member::since) || !is((*line_)[json_member::since], json_kind::object, "since")) return std::nullopt;
  json_value& id = (*line_)[since_member::id];
  json_value& epoch = (*line_)[since_member::epoch];
  json_value& ago = (*line_)[since_member::ago];

  since found;
  if (id.what != json_kind::absent) found.id = number(id, std::numeric_limits<std::uint64_t>::max(), "id");
  if (epoch.what != json_kind::absent && is(epoch, json_kind::text, "epoch")) {
    found.epoch = std::move(epoch.text);
    if (found.epoch.size() != limits::epoch) complain(code::bad_request, "'epoch' has 16 digits");
  }
  if (ago.what != json_kind::absent) {
    found.ago = std::chrono::seconds{number(ago, static_cast<std::uint64_t>(limits::longest_ago.count()), "ago")};
  }
  if (found.id.has_value() == found.ago.has_value()) complain(code::bad_request, "'since' has either 'id' or 'ago'");
  if (found.ago && epoch.what != json_kind::absent) complain(code::bad_request, "'epoch' belongs to 'id'");
  return found;
}

std::vector<std::string> member_reader::optional_names(json_member which) {
  if (!has(which) || !is((*line_)[which], json_kind::object, name_of(which))) return {};
  return std::move(which == json_member::joined ? line_->joined : line_->left);
}

void member_reader::complain(code what, std::string text) {
  if (!complaint_) complaint_ = complaint{what, std::move(text), {}};
}

complaint member_reader::take_complaint() {
  json_value& tag = (*line_)[json_member::tag];
  if (tag.what == json_kind::text && tag.text.size() <= limits::tag) complaint_->tag = std::move(tag.text);
  return std::move(*complaint_);
}

void member_reader::check_tag() {
  const json_value& tag = (*line_)[json_member::tag];
  if (!has(json_member::tag) || !is(tag, json_kind::text, "tag")) return;
  if (tag.text.size() > limits::tag)
    complain(code::bad_request, "'tag' has over " + std::to_string(limits::tag) + " bytes");
}

std::string member_reader::take_tag() { return std::move((*line_)[json_member::tag].text); }

bool member_reader::require(json_member which) {
  if (!has(which)) complain(code::bad_request, "there is no " + quoted(name_of(which)));
  return has(which);
}

bool member_reader::is(const json_value& value, json_kind wanted, std::string_view name) {
  if (value.what == wanted) return true;
  complain(code::bad_request, quoted(name) + " is not " + std::string{describe(wanted)});
  return false;
}

std::uint64_t member_reader::number(const json_value& value, std::uint64_t most, std::string_view name) {
  if (!is(value, json_kind::whole, name)) return 0;
  if (value.number > most) complain(code::bad_request, quoted(name) + " is over " + std::to_string(most));
  return value.number;
}

}  // namespace tcptools::chat
