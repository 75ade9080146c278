// Whatever a line is, the decoders of the structured chat language take it or say what is wrong with it, and what they
// take is written as a line that says the same. What they take from a server is safe for a terminal.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "tcptools/base/text.hpp"
#include "tcptools/chat/limits.hpp"
#include "tcptools/chat/protocol.hpp"
#include "tcptools/chat/safe_text.hpp"

namespace {

using namespace tcptools::chat;

void require(bool condition) {
  if (!condition) std::abort();
}

template <class Words>
std::string line_of(const Words& what, std::string_view tag) {
  std::string line;
  append_line(line, what, tag);
  require(line.size() > 2 && line.find('\n') == line.size() - 1 && tcptools::is_utf8(line));
  line.pop_back();
  return line;
}

void check_complaint(const complaint& what) {
  require(!what.text.empty() && safe_text(what.text) == what.text);
  require(what.tag.size() <= limits::tag && tcptools::is_utf8(what.tag));
}

std::optional<std::string> request_again(std::string_view line) {
  const auto read = parse_request(line);
  if (const auto* what = std::get_if<complaint>(&read)) {
    check_complaint(*what);
    return std::nullopt;
  }
  const auto& [what, tag] = std::get<tagged_request>(read);
  require(!std::holds_alternative<requests::hello>(what) && !std::holds_alternative<requests::help>(what));
  require(tag.size() <= limits::tag);
  if (const auto* send = std::get_if<requests::send>(&what)) {
    require(!send->text.empty() && send->text.size() <= limits::text && send->key.size() <= limits::key);
  }
  return line_of(what, tag);
}

std::optional<std::string> greeting_again(std::string_view line) {
  const auto read = parse_hello(line);
  if (!read) return std::nullopt;
  if (const auto* what = std::get_if<complaint>(&*read)) {
    check_complaint(*what);
    return std::nullopt;
  }
  return line_of(request{std::get<requests::hello>(*read)}, {});
}

std::optional<std::string> event_again(std::string_view line) {
  const auto read = parse_event(line);
  if (const auto* what = std::get_if<complaint>(&read)) {
    check_complaint(*what);
    return std::nullopt;
  }
  const auto& found = std::get<std::optional<tagged_event>>(read);
  if (!found) return std::nullopt;
  std::string again = line_of(found->what, found->tag);
  // Tabs are written as escapes: nothing of the line itself needs to be made safe.
  require(safe_text(again) == again);
  return again;
}

template <class Again>
void check(std::string_view line, Again again) {
  const std::optional<std::string> first = again(line);
  if (!first) return;
  const std::optional<std::string> second = again(*first);
  require(second && *second == *first);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view line{reinterpret_cast<const char*>(data), size};
  check(line, request_again);
  check(line, greeting_again);
  check(line, event_again);
  return 0;
}
