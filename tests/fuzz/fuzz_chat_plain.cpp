// However a stream is cut, its lines are the same in both languages; what is made safe is safe; and every line of the
// plain language is text or a command or wrong.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tcptools/base/text.hpp"
#include "tcptools/chat/limits.hpp"
#include "tcptools/chat/line_splitter.hpp"
#include "tcptools/chat/plain_protocol.hpp"
#include "tcptools/chat/safe_text.hpp"

namespace {

using namespace tcptools::chat;

void require(bool condition) {
  if (!condition) std::abort();
}

struct outcome {
  std::vector<std::string> lines;  // the last is what had no end
  bool overflowed = false;

  friend bool operator==(const outcome&, const outcome&) = default;
};

// Fed in pieces of these sizes, over and over; in one where there are none.
outcome split(framing how, std::string_view stream, const std::vector<std::size_t>& pieces) {
  line_splitter splitter;
  splitter.become(how);
  outcome found;
  for (std::size_t next = 0; !stream.empty(); ++next) {
    const std::size_t size = pieces.empty() ? stream.size() : pieces[next % pieces.size()];
    const std::string_view piece = stream.substr(0, std::max<std::size_t>(size, 1));
    splitter.feed(piece);
    stream.remove_prefix(piece.size());
    // Some lines stay until more has come.
    while (splitter.has_line() && (stream.empty() || size % 2 == 0)) {
      found.lines.emplace_back(splitter.next_line().value());
      require(found.lines.back().size() <= (how == framing::plain ? limits::plain_line : limits::structured_line));
    }
  }
  require(!splitter.next_line());
  found.overflowed = splitter.overflowed();
  require(!(found.overflowed && how == framing::plain));
  found.lines.emplace_back(splitter.take_rest().value_or(std::string_view{}));
  require(splitter.held().empty());
  return found;
}

// What is taken after every piece, as if it had come slowly: nothing is lost but line ends.
void check_slow(std::string_view stream, const std::vector<std::size_t>& pieces) {
  line_splitter splitter;
  splitter.become(framing::plain);
  std::size_t taken = 0;
  const std::size_t fed = stream.size();
  for (std::size_t next = 0; !stream.empty(); ++next) {
    const std::size_t size = pieces.empty() ? stream.size() : pieces[next % pieces.size()];
    const std::string_view piece = stream.substr(0, std::max<std::size_t>(size, 1));
    splitter.feed(piece);
    stream.remove_prefix(piece.size());
    while (const auto line = splitter.next_line()) taken += line->size();
    if (const auto text = splitter.take_unterminated()) {
      require(!text->empty());
      taken += text->size();
    }
    require(splitter.held().size() == unfinished_at_end(splitter.held()));
  }
  require(taken <= fed);
}

void check_safe(const std::string& safe) {
  require(tcptools::is_utf8(safe));
  require(safe_text(safe) == safe);
  require(std::ranges::none_of(safe, [](char c) { return (c >= 0 && c < 0x20 && c != '\t') || c == 0x7F; }));
}

void check_line(std::string_view line) {
  const std::string safe = safe_text(line);
  check_safe(safe);
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, line.size() / 2, line.size()}) {
    const std::string_view cut = cut_to(line, size);
    require(line.starts_with(cut) && cut.size() <= size);
    if (tcptools::is_utf8(line)) require(tcptools::is_utf8(cut) && size - cut.size() <= 3);
  }
  (void)is_http_request(line);

  const auto read = parse_plain(line);
  if (const auto* what = std::get_if<complaint>(&read)) {
    require(line.starts_with('/') && !what->text.empty());
    check_safe(what->text);
    return;
  }
  std::string shown;
  if (const auto* send = std::get_if<requests::send>(&std::get<request>(read))) {
    require(send->to.size() <= limits::shown_name);
    append_plain_message(shown, safe_text(send->to), safe_text(send->text));
    require(shown.ends_with('\n'));
    shown.pop_back();
    require(shown.find('\n') == std::string::npos);
  }
}

}  // namespace

// The first byte says how many bytes after the second say how the stream is cut; the second, whether the stream's first
// line is repeated until lines reach their limits.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const bool is_long = data[1] == 0xFF;
  const std::size_t cuts = std::min<std::size_t>(data[0] % 8, size - 2);
  std::vector<std::size_t> pieces{data + 2, data + 2 + cuts};
  const std::string_view bytes{reinterpret_cast<const char*>(data) + 2 + cuts, size - 2 - cuts};
  std::string stream;
  if (is_long) {
    for (std::size_t& piece : pieces) piece = 17 + piece * 131;
    const std::string_view line = bytes.substr(0, bytes.find('\n'));
    while (!line.empty() && stream.size() < limits::structured_line - line.size()) stream += line;
  }
  stream += bytes;

  for (const framing how : {framing::structured, framing::plain}) {
    const outcome whole = split(how, stream, {});
    require(split(how, stream, pieces) == whole);
    if (how != framing::plain) continue;
    // Long lines take long, and have been seen.
    for (const std::string& line : whole.lines) {
      if (line.size() <= size) check_line(line);
    }
  }
  check_slow(stream, pieces);
  return 0;
}
