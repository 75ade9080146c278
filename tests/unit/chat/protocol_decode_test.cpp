#include <string>

#include "chat_samples.hpp"
#include "support/catch.hpp"
#include "support/stride.hpp"
#include "tcptools/chat/protocol.hpp"

using namespace std::string_literals;
using namespace std::string_view_literals;
using namespace tcptools::chat;
using namespace tcptools::testing;

namespace {

std::string spaced(std::string_view json) {
  std::string out;
  bool in_string = false;
  for (std::size_t at = 0; at < json.size(); ++at) {
    if (json[at] == '"' && (at == 0 || json[at - 1] != '\\')) in_string = !in_string;
    if (in_string || json[at] == '"' || std::string_view{"{}:,"}.find(json[at]) == std::string_view::npos) {
      out += json[at];
    } else {
      out.append(" \t").append(1, json[at]).append("\t ");
    }
  }
  return out + "\r";
}

}  // namespace

TEST_CASE("every request is read as it was written") {
  for (const request_sample& sample : request_samples()) {
    CHECK(request_read(sample.line) == sample.line);
    CHECK(request_read(spaced(sample.line)) == sample.line);
  }
}

TEST_CASE("every greeting is read as it was written") {
  for (const request_sample& sample : greeting_samples()) {
    CHECK(greeting_read(sample.line) == sample.line);
    CHECK(greeting_read(spaced(sample.line)) == sample.line);
  }
}

TEST_CASE("the beginning of a line is no request") {
  for (const request_sample& sample : request_samples()) {
    for (std::size_t there = 0; there < sample.line.size(); ++there) {
      const auto read = parse_request(std::string_view{sample.line}.substr(0, there));
      REQUIRE(std::holds_alternative<complaint>(read));
      CHECK(std::get<complaint>(read).what == code::bad_request);
    }
  }
}

TEST_CASE("a line with any byte changed, lost or added is taken or refused and does no harm") {
  const auto harmless = [](const std::string& line) {
    const auto read = parse_request(line);
    if (const auto* what = std::get_if<complaint>(&read)) return !what->text.empty();
    const std::string again = request_read(line);
    return request_read(again) == again;
  };
  for (const request_sample& sample : request_samples()) {
    for (std::size_t at = 0; at < sample.line.size(); ++at) {
      for (std::size_t octet = at % stride; octet < 256; octet += stride) {
        std::string line = sample.line;
        line[at] = static_cast<char>(octet);
        if (!harmless(line)) FAIL_CHECK(line);
        line.insert(at, 1, sample.line[at]);
        if (!harmless(line)) FAIL_CHECK(line);
      }
      std::string line = sample.line;
      line.erase(at, 1);
      if (!harmless(line)) FAIL_CHECK(line);
    }
  }
}

TEST_CASE("members come in any order, and those that are not known are ignored") {
  CHECK(request_read(R"({"tag":"t","key":"k","text":"x","type":"send"})") ==
        R"({"type":"send","key":"k","text":"x","tag":"t"})");
  CHECK(request_read(R"({"a":1,"type":"ping","b":{"c":null,"d":[]},"e":true})") ==
        "bad_request: arrays are not part of this language");
  CHECK(request_read(R"({"a":-1.5e3,"type":"ping","b":{"c":null,"d":"x"},"e":true,"":null,"f":{}})") ==
        R"({"type":"ping"})");
  // Known elsewhere is not known here, of whatever type it is.
  CHECK(request_read(R"({"type":"leave","nick":5,"room":{},"since":"x","limit":-1,"text":null})") ==
        R"({"type":"leave"})");
  CHECK(request_read(R"({"type":"join","room":"a","since":{"id":1,"x":2,"room":"b"}})") ==
        R"({"type":"join","room":"a","since":{"id":1}})");
  CHECK(greeting_read(R"({"type":"send","tag":5,"text":[],"tcpchat":1})") ==
        "bad_request: arrays are not part of this language");
  CHECK(greeting_read(R"({"type":5,"tag":5,"text":{},"tcpchat":1})") == R"({"tcpchat":1})");
}

TEST_CASE("what a request must have, and of which type") {
  CHECK(request_read("{}") == "bad_request: there is no 'type'");
  CHECK(request_read(R"({"tcpchat":1})") == "bad_request: there is no 'type'");
  CHECK(request_read(R"({"type":1})") == "bad_request: 'type' is not a string");
  CHECK(request_read(R"({"type":"SEND","tag":"t"})") == "bad_request: there is no request 'SEND' [t]");
  CHECK(request_read(R"({"type":"help"})") == "bad_request: there is no request 'help'");
  CHECK(request_read(R"({"type":"\u001b[2J"})") == R"(bad_request: there is no request '\x1B[2J')");
  CHECK(request_read(R"({"type":"send","tag":"t"})") == "bad_request: there is no 'text' [t]");
  CHECK(request_read(R"({"type":"send","text":null})") == "bad_request: 'text' is not a string");
  CHECK(request_read(R"({"type":"send","text":"x","room":1})") == "bad_request: 'room' is not a string");
  CHECK(request_read(R"({"type":"send","text":"x","room":"a","to":"b"})") == "bad_request: either 'room' or 'to'");
  CHECK(request_read(R"({"type":"join"})") == "bad_request: there is no 'room'");
  CHECK(request_read(R"({"type":"nick","nick":true})") == "bad_request: 'nick' is not a string");
  CHECK(request_read(R"({"type":"nick"})") == "bad_request: there is no 'nick'");
  CHECK(request_read(R"({"type":"history"})") == "bad_request: there is no 'room'");
  CHECK(request_read(R"({"type":"kick","text":"x"})") == "bad_request: there is no 'to'");
  CHECK(request_read(R"({"type":"ban","to":""})") == "bad_name: 'to' must have 1 to 64 bytes");
  CHECK(request_read(R"({"type":"history","room":"a","limit":"5"})") == "bad_request: 'limit' is not a whole number");
  CHECK(request_read(R"({"type":"history","room":"a","limit":4294967296})") ==
        "bad_request: 'limit' is over 4294967295");
}

TEST_CASE("where to begin is either an id or a time") {
  const auto since = [](const std::string& value) {
    return request_read(R"({"type":"join","room":"a","since":)" + value + "}");
  };
  CHECK(since("5") == "bad_request: 'since' is not an object");
  CHECK(since("null") == "bad_request: 'since' is not an object");
  CHECK(since("{}") == "bad_request: 'since' has either 'id' or 'ago'");
  CHECK(since(R"({"epoch":"0123456789abcdef"})") == "bad_request: 'since' has either 'id' or 'ago'");
  CHECK(since(R"({"id":1,"ago":1})") == "bad_request: 'since' has either 'id' or 'ago'");
  CHECK(since(R"({"ago":1,"epoch":"0123456789abcdef"})") == "bad_request: 'epoch' belongs to 'id'");
  CHECK(since(R"({"id":1,"epoch":"0123456789abcde"})") == "bad_request: 'epoch' has 16 digits");
  CHECK(since(R"({"id":1,"epoch":16})") == "bad_request: 'epoch' is not a string");
  CHECK(since(R"({"ago":1000000000000})") == R"({"type":"join","room":"a","since":{"ago":1000000000000}})");
  CHECK(since(R"({"ago":1000000000001})") == "bad_request: 'ago' is over 1000000000000");
  for (const auto* number : {"1.0", "1e0", "-1", "-0", "0.5", "18446744073709551616", "1e400", "\"1\"", "true", "{}"}) {
    CAPTURE(number);
    CHECK(since(R"({"id":)" + std::string{number} + "}").starts_with("bad_request: "));
    CHECK(since(R"({"ago":)" + std::string{number} + "}").starts_with("bad_request: "));
  }
}

TEST_CASE("lengths have limits") {
  const auto with = [](const std::string& type, const std::string& member, std::size_t size) {
    const std::string line = R"({"type":")" + type + R"(","tag":"t",)" +
                             (type == "send" && member != "text" ? R"("text":"x",)" : "") + "\"" + member + R"(":")" +
                             std::string(size, 'x') + "\"}";
    const auto read = parse_request(line);
    const auto* what = std::get_if<complaint>(&read);
    if (what != nullptr) CHECK(what->tag == "t");
    return what == nullptr ? "taken"sv : to_text(what->what);
  };
  CHECK(with("send", "text", 0) == "bad_request");
  CHECK(with("send", "text", 1) == "taken");
  CHECK(with("send", "text", 16'384) == "taken");
  CHECK(with("send", "text", 16'385) == "too_long");
  for (const auto& [type, member] :
       {std::pair{"send", "room"}, {"join", "room"}, {"who", "room"}, {"history", "room"}, {"nick", "nick"}}) {
    CAPTURE(type, member);
    CHECK(with(type, member, 0) == "bad_name");
    CHECK(with(type, member, 1) == "taken");
    CHECK(with(type, member, 32) == "taken");
    CHECK(with(type, member, 33) == "bad_name");
    CHECK(with(type, member, 50'000) == "bad_name");
  }
  for (const auto* member : {"key", "to"}) {
    CHECK(with("send", member, 0) == "bad_name");
    CHECK(with("send", member, 64) == "taken");
    CHECK(with("send", member, 65) == "bad_name");
  }
  CHECK(request_read(R"({"type":"join","room":"#)" + std::string(32, 'x') + "\"}").starts_with("{"));
  CHECK(request_read(R"({"type":"join","room":"#"})").starts_with("bad_name"));
}

TEST_CASE("a tag has a limit, and one that is no tag is not repeated") {
  const std::string longest(64, 't');
  CHECK(request_read(R"({"type":"ping","tag":")" + longest + "\"}") == R"({"type":"ping","tag":")" + longest + "\"}");
  CHECK(request_read(R"({"type":"ping","tag":"x)" + longest + "\"}") == "bad_request: 'tag' has over 64 bytes");
  CHECK(request_read(R"({"type":"ping","tag":5})") == "bad_request: 'tag' is not a string");
  CHECK(request_read(R"({"type":"ping","tag":""})") == R"({"type":"ping"})");
}

TEST_CASE("a complaint has the tag, wherever it is, if it was read") {
  CHECK(request_read(R"({"tag":"t","x":[]})").ends_with(" [t]"));
  CHECK(request_read(R"({"x":[[{"tag":"u"}]],"tag":"t"})").ends_with(" [t]"));
  CHECK(request_read(R"({"x":{"y":{"tag":"u"}},"tag":"t"})").ends_with(" [t]"));
  CHECK(request_read(R"({"tag":"t","type":"send","text":"\ud800"})").ends_with(" [t]"));
  CHECK(request_read("{\"tag\":\"t\",\"type\":\"send\",\"text\":\"a\x07\"}").ends_with(" [t]"));
  CHECK_FALSE(request_read(R"({"type":"send","text":"\ud800","tag":"t"})").ends_with(" [t]"));
}

TEST_CASE("what is no greeting is text") {
  for (const auto line :
       {"hello"sv, ""sv, "{}"sv, "{"sv, R"({"type":"send","text":"x"})"sv, R"("tcpchat")"sv, R"(["tcpchat",1])"sv,
        R"([{"tcpchat":1}])"sv, R"({"x":{"tcpchat":1}})"sv, R"({"tcpchat")"sv, R"({"tcpchat":)"sv, R"({'tcpchat':1})"sv,
        "{\"\0\":1,\"tcpchat\":1}"sv, "\xEF\xBB\xBF{\"tcpchat\":1}"sv, "GET / HTTP/1.1"sv}) {
    CAPTURE(line);
    CHECK(greeting_read(line) == "nothing");
  }
}

TEST_CASE("a greeting that is wrong is not taken for text") {
  CHECK(greeting_read(R"({"tcpchat":"1"})") == "bad_request: 'tcpchat' is not a whole number");
  CHECK(greeting_read(R"({"tcpchat":null})") == "bad_request: 'tcpchat' is not a whole number");
  CHECK(greeting_read(R"({"tcpchat":1.0})") == "bad_request: 'tcpchat' is not a whole number");
  CHECK(greeting_read(R"({"tcpchat":0})") == "version: versions begin with 1");
  CHECK(greeting_read(R"({"tcpchat":4294967296})") == "bad_request: 'tcpchat' is over 4294967295");
  CHECK(greeting_read(R"({"tcpchat":1,"tcpchat":1})") == "bad_request: a member occurs twice");
  CHECK(greeting_read(R"({"x":[{"y":[]}],"tcpchat":1})") == "bad_request: arrays are not part of this language");
  CHECK(greeting_read(R"({"tcpchat":1,"presence":1})") == "bad_request: 'presence' is not true or false");
  CHECK(greeting_read(R"({"tcpchat":1,"nick":""})") == "bad_name: 'nick' must have 1 to 32 bytes");
  CHECK(greeting_read(R"({"tcpchat":1,"room":")" + std::string(33, 'x') + "\"}") ==
        "bad_name: 'room' must have 1 to 32 bytes");
  CHECK(greeting_read(R"({"tcpchat":1,"since":{}})") == "bad_request: 'since' has either 'id' or 'ago'");
  CHECK(greeting_read(R"({"tcpchat":1,"ticket":5})") == "bad_request: 'ticket' is not a string");
  CHECK(greeting_read(R"({"tcpchat":1,"ticket":"secret)") == "bad_request: not JSON at byte 30");
  CHECK(greeting_read(R"({"tcpchat":1}x)") == "bad_request: not JSON at byte 14");
  CHECK(greeting_read("{\"tcpchat\":1}\0"sv) == "bad_request: not JSON at byte 14");
}
