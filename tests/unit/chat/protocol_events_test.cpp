#include <string>

#include "chat_samples.hpp"
#include "support/catch.hpp"
#include "support/stride.hpp"
#include "tcptools/base/text.hpp"
#include "tcptools/chat/protocol.hpp"

using namespace std::string_literals;
using namespace std::string_view_literals;
using namespace tcptools::chat;
using namespace tcptools::testing;

TEST_CASE("every event is read as it was written") {
  for (const event_sample& sample : event_samples()) CHECK(event_read(sample.line) == sample.line);
}

TEST_CASE("the beginning of a line is no event") {
  for (const event_sample& sample : event_samples()) {
    for (std::size_t there = 0; there < sample.line.size(); ++there) {
      CHECK(std::holds_alternative<complaint>(parse_event(std::string_view{sample.line}.substr(0, there))));
    }
  }
}

TEST_CASE("a server's line with any byte changed or lost is taken or refused and does no harm") {
  const auto harmless = [](const std::string& line) {
    const auto read = parse_event(line);
    if (const auto* what = std::get_if<complaint>(&read)) return what->what == code::bad_request && !what->text.empty();
    if (!std::get<std::optional<tagged_event>>(read)) return true;
    const std::string again = event_read(line);
    return event_read(again) == again;
  };
  for (const event_sample& sample : event_samples()) {
    for (std::size_t at = 0; at < sample.line.size(); ++at) {
      for (std::size_t octet = at % stride; octet < 256; octet += stride) {
        std::string line = sample.line;
        line[at] = static_cast<char>(octet);
        if (!harmless(line)) FAIL_CHECK(line);
      }
      std::string line = sample.line;
      line.erase(at, 1);
      if (!harmless(line)) FAIL_CHECK(line);
    }
  }
}

TEST_CASE("lines of an unknown type are nothing, and unknown members are ignored") {
  CHECK(event_read(R"({"type":"weather","sun":{"shines":true}})") == "nothing");
  CHECK(event_read(R"({"type":"weather","tag":5})") == "nothing");
  CHECK(event_read(R"({"type":"ping","sun":{"shines":true},"id":"x","joined":5})") == R"({"type":"ping"})");
  CHECK(event_read("{}") == "bad_request: there is no 'type'");
  CHECK(event_read(R"({"type":5})") == "bad_request: 'type' is not a string");
}

TEST_CASE("what a server must not leave out") {
  // Every member of every sample: without it, or with another type, the line is refused, or it is one that may be
  // absent.
  constexpr std::string_view optional = "tag id repeat joined left more room";
  for (const event_sample& sample : event_samples()) {
    std::size_t at = sample.line.find(",\"");
    for (; at != std::string::npos; at = sample.line.find(",\"", at + 1)) {
      const std::size_t name_end = sample.line.find('"', at + 2);
      const std::string name = sample.line.substr(at + 2, name_end - at - 2);
      if (sample.line[name_end + 1] != ':' || name == "bob") continue;
      std::string other = sample.line;
      other.replace(name_end, 2, R"(":null,"other":)");
      CAPTURE(other);
      CHECK(event_read(other) == "bad_request: '" + name + "' is not " +
                                     (name == "joined" || name == "left"      ? "an object"
                                      : name == "resumed" || name == "repeat" ? "true or false"
                                      : sample.line[name_end + 2] == '"'      ? "a string"
                                                                              : "a whole number") +
                                     (name != "tag" && !sample.said.tag.empty() ? " [" + sample.said.tag + "]" : ""));
      std::string without = sample.line;
      without.replace(at + 2, name.size(), "_");
      const bool may_be_absent = optional.find(name) != std::string_view::npos;
      if (!may_be_absent) CHECK(event_read(without).starts_with("bad_request: there is no '" + name + "'"));
    }
  }
}

TEST_CASE("all text of a server is made safe, names and tags too") {
  const auto has_unsafe = [](std::string_view text) {
    return text.find('\x1B') != std::string_view::npos || text.find("\\u001b") != std::string_view::npos ||
           text.find("\u202E") != std::string_view::npos || text.find('\x7F') != std::string_view::npos;
  };
  for (const event_sample& sample : event_samples()) {
    if (sample.line.find(R"("code")") != std::string::npos) continue;
    // Into every string but names of members and the type.
    std::string line = sample.line;
    for (std::size_t at = line.find(":\"", 8); at != std::string::npos; at = line.find(":\"", at + 1)) {
      line.insert(at + 2, "\\u001b[31m\u202E\x7F");
    }
    CAPTURE(line);
    const std::string read = event_read(line);
    CHECK(read.starts_with("{"));
    CHECK_FALSE(has_unsafe(read));
  }
  CHECK(
      event_read(
          "{\"type\":\"presence\",\"room\":\"a\",\"members\":1,\"joined\":{\"\\u001b\":1},\"left\":{\"\u202E\":1}}") ==
      "{\"type\":\"presence\",\"room\":\"a\",\"members\":1,\"joined\":{\"\uFFFD\":1},\"left\":{\"\uFFFD\":1}}");
  CHECK(event_read(R"({"type":"error","code":"busy","text":"a\nb","tag":"\u0007"})") ==
        "{\"type\":\"error\",\"code\":\"busy\",\"text\":\"a\uFFFDb\",\"tag\":\"\uFFFD\"}");
}

TEST_CASE("a tag that grows when it is made safe is cut") {
  const std::string tag(64, '\x7F');
  std::string safe;
  for (int i = 0; i < 21; ++i) safe += "\uFFFD";
  CHECK(event_read(R"({"type":"ping","tag":")" + tag + "\"}") == R"({"type":"ping","tag":")" + safe + "\"}");
}

TEST_CASE("names that look the same once they are safe are refused") {
  CHECK(event_read(R"({"type":"presence","room":"a","members":1,"joined":{"\u0001":1,"\u0002":1}})") ==
        "bad_request: names that look the same");
}

TEST_CASE("a line about who came and went has as many names as the protocol says") {
  const auto with = [](int names) {
    std::string all;
    for (int i = 0; i < names; ++i) all += (i == 0 ? "\"n" : ",\"n") + std::to_string(i) + "\":1";
    return event_read(R"({"type":"presence","room":"a","members":1,"left":{)" + all + "}}");
  };
  CHECK(with(8).starts_with("{"));
  CHECK(with(9) == "bad_request: more names than a line may have");
}

TEST_CASE("times are those that have a date") {
  const auto at = [](const std::string& time) {
    return event_read(R"({"type":"direct","time":)" + time + R"(,"from":"a","to":"b","text":"c"})");
  };
  CHECK(at("253402300799999").starts_with("{"));
  CHECK(at("253402300800000") == "bad_request: 'time' is over 253402300799999");
  CHECK(at("-1") == "bad_request: 'time' is not a whole number");
}

TEST_CASE("a code of a later version means not to come back") {
  CHECK(event_read(R"({"type":"bye","code":"exhausted","text":"x"})") ==
        R"({"type":"bye","code":"refused","text":"x"})");
  CHECK(event_read(R"({"type":"error","code":"","text":"x"})") == R"({"type":"error","code":"refused","text":"x"})");
}

TEST_CASE("a tag that is too long is none of ours") {
  CHECK(event_read(R"({"type":"pong","tag":")" + std::string(65, 't') + "\"}") ==
        "bad_request: 'tag' has over 64 bytes");
}
