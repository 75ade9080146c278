// What both decoders make of lines that are not one JSON object as the language allows it.
#include <string>

#include "chat_samples.hpp"
#include "support/catch.hpp"
#include "tcptools/base/text.hpp"
#include "tcptools/chat/protocol.hpp"

using namespace std::string_literals;
using namespace std::string_view_literals;
using namespace tcptools::chat;
using namespace tcptools::testing;

namespace {

// Why a line is refused, by both.
std::string refusal(std::string_view line) {
  const std::string why = request_read(line);
  CHECK(event_read(line) == why);
  return why;
}

std::string repeated(std::string_view part, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += part;
  return all;
}

const std::string not_json = "bad_request: not JSON at byte ";

}  // namespace

TEST_CASE("what is not JSON is refused with the place where it ends to be") {
  CHECK(refusal("") == not_json + "1");
  CHECK(refusal("hello") == not_json + "1");
  CHECK(refusal(R"({"type":"ping"}{)") == not_json + "16");
  CHECK(refusal(R"({"type":"ping"} x)") == not_json + "17");
  CHECK(refusal(R"({"type":"ping",})") == not_json + "16");
  CHECK(refusal(R"({"type":'ping'})") == not_json + "9");
  CHECK(refusal(R"({"type":"ping" "tag":"t"})") == not_json + "20");
  CHECK(refusal(R"({type:"ping"})") == not_json + "3");
  CHECK(refusal(R"({"type":"ping","x":01})") == not_json + "21");
  CHECK(refusal(R"({"type":"ping","x":NaN})") == not_json + "20");
  CHECK(refusal(R"({"type":"ping","x":1e400})").starts_with(not_json));
  CHECK(refusal(R"({"type":"ping"} // really)") == not_json + "17");
  CHECK(refusal("\xEF\xBB\xBF{\"type\":\"ping\"}") == not_json + "1");
}

TEST_CASE("what is not an object is refused") {
  for (const auto* line : {"1", "-1", "1.5", "true", "null", R"("text")", "[]", R"([{"type":"ping"}])"}) {
    CAPTURE(line);
    CHECK(refusal(line) == "bad_request: not a JSON object");
  }
}

TEST_CASE("objects are nested once at most, and arrays not at all") {
  CHECK(request_read(R"({"type":"ping","x":{"y":1}})") == R"({"type":"ping"})");
  CHECK(refusal(R"({"type":"ping","x":{"y":{}}})") == "bad_request: objects are nested too deep");
  CHECK(refusal(R"({"x":{"y":{"z":{}}},"type":"ping"})") == "bad_request: objects are nested too deep");
  CHECK(refusal(R"({"type":"ping","x":[]})") == "bad_request: arrays are not part of this language");
  CHECK(refusal(R"({"type":["ping"]})") == "bad_request: arrays are not part of this language");
  CHECK(refusal(R"({"type":"ping","since":{"id":[1]}})") == "bad_request: arrays are not part of this language");
}

TEST_CASE("depth costs nothing") {
  CHECK(refusal(repeated(R"({"a":)", 13'000)) == "bad_request: objects are nested too deep");
  CHECK(refusal(repeated(R"({"a":)", 9'000) + "1" + repeated("}", 9'000)) ==
        "bad_request: objects are nested too deep");
  CHECK(refusal(R"({"a":)" + repeated("[", 32'000) + repeated("]", 32'000) + "}") ==
        "bad_request: arrays are not part of this language");
  CHECK(refusal(repeated("[", 65'000)) == "bad_request: not a JSON object");
}

TEST_CASE("no member occurs twice, on either level, known or not") {
  for (const auto* line : {
           R"({"type":"ping","type":"ping"})",
           R"({"type":"ping","x":1,"x":1})",
           R"({"type":"ping","x":1,"\u0078":1})",
           R"({"type":"ping","":1,"":1})",
           R"({"type":"ping","tag":null,"tag":"t2"})",
           R"({"type":"join","room":"a","since":{"id":1},"since":{"id":1}})",
           R"({"type":"join","room":"a","since":{"id":1,"id":1}})",
           R"({"type":"join","room":"a","since":{"id":1,"x":1,"x":1}})",
           R"({"type":"ping","x":{"y":1,"y":1}})",
           R"({"type":"presence","room":"a","members":1,"joined":{"a":1,"a":1}})",
       }) {
    CAPTURE(line);
    CHECK(refusal(line).starts_with("bad_request: a member occurs twice"));
  }
  CHECK(request_read(R"({"type":"ping","x":{"type":1,"x":1},"y":{"x":1,"type":2}})") == R"({"type":"ping"})");
}

TEST_CASE("thousands of members are compared in no time") {
  std::string line = R"({"type":"ping")";
  for (int i = 0; i < 6'000; ++i) line += ",\"" + std::to_string(i) + "\":1";
  CHECK(request_read(line + "}") == R"({"type":"ping"})");
  CHECK(request_read(line + R"(,"77":1})") == "bad_request: a member occurs twice");
  CHECK(request_read(R"({"type":"ping")" + repeated(R"(,"":1)", 12'000) + "}") == "bad_request: a member occurs twice");
}

TEST_CASE("numbers of thousands of digits are no whole numbers") {
  const std::string digits(60'000, '9');
  CHECK(refusal(R"({"type":"ping","x":)" + digits + "}").starts_with(not_json));
  CHECK(request_read(R"({"type":"ping","x":0.)" + digits + "}") == R"({"type":"ping"})");
  CHECK(request_read(R"({"type":"join","room":"a","since":{"id":0.)" + digits + "}}") ==
        "bad_request: 'id' is not a whole number");
}

TEST_CASE("escapes that are no characters are refused") {
  const auto text = [](std::string_view escapes) {
    return R"({"type":"notice","text":")" + std::string{escapes} + "\"}";
  };
  for (const auto* escapes : {R"(\ud800)", R"(\udc00)", R"(\ud800\ud800)", R"(\ud800x)", R"(\ud83c\u0041)",
                              R"(\udf89\ud83c)", R"(\uD800\n)", R"(\u12)", R"(\u12g4)", R"(\x41)", R"(\')", R"(\)"}) {
    CAPTURE(escapes);
    CHECK(refusal(text(escapes)).starts_with(not_json));
  }
  CHECK(event_read(text(R"(\ud83c\udf89 \u00fc \/ \u0022)")) ==
        "{\"type\":\"notice\",\"text\":\"\U0001F389 \u00FC / \\\"\"}");
}

TEST_CASE("what is not UTF-8 is refused") {
  for (const auto bytes :
       {"\x80"sv, "\xFF"sv, "\xC3"sv, "\xC0\xAF"sv, "\xE2\x82"sv, "\xED\xA0\x80"sv, "\xF4\x90\x80\x80"sv}) {
    CAPTURE(tcptools::visible(bytes));
    CHECK(refusal(R"({"type":"notice","text":")" + std::string{bytes} + "\"}").starts_with(not_json));
    CHECK(refusal(R"({"type":"ping",")" + std::string{bytes} + "\":1}").starts_with(not_json));
    CHECK(refusal(R"({"type":"ping"})" + std::string{bytes}).starts_with(not_json));
  }
}

TEST_CASE("a control character is refused wherever it is, but for tabs and line ends between tokens") {
  for (int octet = 0; octet < 0x20; ++octet) {
    CAPTURE(octet);
    const std::string control(1, static_cast<char>(octet));
    const bool space = control == "\t" || control == "\n" || control == "\r";
    for (const std::string& line :
         {control + R"({"type":"ping"})", R"({"type":"ping"})" + control,
          R"({"type":)" + control + R"("ping","x":"\"","y":"\\"})", R"({"x":"\\","type":"ping")" + control + "}"}) {
      CHECK(request_read(line) == (space ? R"({"type":"ping"})" : not_json + std::to_string(line.find(control) + 1)));
    }
    CHECK(refusal(R"({"type":"notice","text":"a\")" + control + "\"}") == not_json + "29");
    CHECK(refusal(R"({"type":"ping","a)" + control + "\":1}") == not_json + "18");
  }
  CHECK(refusal("{\"type\":\"ping\"}\0x"sv) == not_json + "16");
}
