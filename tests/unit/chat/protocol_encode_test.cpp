#include <limits>
#include <string>

#include "chat_samples.hpp"
#include "support/catch.hpp"
#include "tcptools/chat/protocol.hpp"

using namespace std::string_literals;
using namespace tcptools::chat;
using namespace tcptools::testing;

TEST_CASE("everything is written as the protocol has it") {
  for (const request_sample& sample : request_samples())
    CHECK(line_of(sample.said.what, sample.said.tag) == sample.line);
  for (const request_sample& sample : greeting_samples()) CHECK(line_of(sample.said.what) == sample.line);
  for (const event_sample& sample : event_samples()) CHECK(line_of(sample.said.what, sample.said.tag) == sample.line);
}

TEST_CASE("a line is appended and has one line end, whatever is in it") {
  std::string out = "before";
  append_line(out, event{events::notice{"a\nb\r"}});
  CHECK(out == R"(before{"type":"notice","text":"a\nb\r"})"
               "\n");
}

TEST_CASE("help is no word of the structured language") { CHECK(line_of(request{requests::help{}}).empty()); }

TEST_CASE("what JSON demands is escaped, and nothing else") {
  for (int octet = 0; octet < 0x80; ++octet) {
    const std::string text{static_cast<char>(octet)};
    const std::string line = line_of(event{events::notice{text}});
    CAPTURE(octet, line);
    const bool escaped = octet < 0x20 || text == "\"" || text == "\\";
    CHECK((line.find('\\') != std::string::npos) == escaped);
    if (!escaped) CHECK(line == R"({"type":"notice","text":")" + text + "\"}");
    // A server's line is made safe by who reads it, a client's is not.
    CHECK(request_read(line_of(request{requests::send{text, "", "", ""}})) ==
          line_of(request{requests::send{text, "", "", ""}}));
  }
}

TEST_CASE("messages are written in the same way by the function that is fast") {
  for (const std::string& text : {""s, "hello"s, "a \"b\" \\ \n\0"s, "gr\u00FC\u00DF"s}) {
    for (const std::uint64_t id : {std::uint64_t{1}, std::numeric_limits<std::uint64_t>::max()}) {
      for (const wall_time time : {wall_time{0}, wall_time{-5}, std::numeric_limits<wall_time>::min()}) {
        std::string fast = "before";
        append_message(fast, "lob\"by", id, time, "al\\ice", text);
        std::string usual = "before";
        append_line(usual, event{events::message{"lob\"by", id, time, "al\\ice", text}});
        CHECK(fast == usual);
      }
    }
  }
}
