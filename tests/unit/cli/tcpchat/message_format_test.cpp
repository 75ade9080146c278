#include "cli/tcpchat/message_format.hpp"

#include <limits>
#include <nlohmann/json.hpp>

#include "cli/json_lines.hpp"
#include "support/catch.hpp"

using namespace tcptools;
using namespace tcptools::cli;

namespace {

chat::news::message said(std::string text) {
  return {{"lobby", 7, 1'700'000'000'007, "ann", std::move(text)}, "e1", true, false};
}

}  // namespace

TEST_CASE("times are UTC, to the millisecond, and sort as text") {
  CHECK(format_time(0) == "1970-01-01T00:00:00.000Z");
  CHECK(format_time(1'700'000'000'007) == "2023-11-14T22:13:20.007Z");
  CHECK(format_time(253'402'300'799'999) == "9999-12-31T23:59:59.999Z");
  for (const chat::wall_time no_time :
       {chat::wall_time{-1}, chat::wall_time{253'402'300'800'000}, std::numeric_limits<chat::wall_time>::max()}) {
    CHECK(format_time(no_time) == std::to_string(no_time));
  }
}

TEST_CASE("a message is three fields, of which only the last can have tabs") {
  CHECK(to_text_line(said("a\tb c")) == "2023-11-14T22:13:20.007Z\tann\ta\tb c");
  CHECK(to_text_line(chat::events::direct{0, "ann", "bob", "psst"}) == "1970-01-01T00:00:00.000Z\tann->bob\tpsst");
  CHECK(to_text_line(chat::events::member{"ann", "", 12}) == "ann\t\t12");
}

TEST_CASE("messages as JSON") {
  CHECK(to_line(to_json(said("h\xC3\xB6"))) ==
        R"({"type":"message","room":"lobby","epoch":"e1","id":7,"time":1700000000007,"from":"ann","text":"h\u00f6",)"
        R"("replayed":true})");
  chat::news::message old = said("x");
  old.epoch.clear();
  CHECK_FALSE(to_json(old).contains("epoch"));
  CHECK(to_line(to_json(chat::events::direct{1, "ann", "bob", "psst"})) ==
        R"({"type":"direct","time":1,"from":"ann","to":"bob","text":"psst"})");
  CHECK(to_line(to_json(chat::events::member{"ann", "lobby", 12})) ==
        R"({"type":"member","nick":"ann","room":"lobby","idle":12})");
}

TEST_CASE("what was lost is counted if that can be") {
  CHECK(to_text(chat::news::lost{"lobby", 3}) == "3 messages of lobby are lost: the server does not keep so many");
  CHECK(to_text(chat::news::lost{"lobby", 1}) == "1 message of lobby is lost: the server does not keep so many");
  CHECK(to_text(chat::news::lost{"lobby", {}}) ==
        "the log of lobby is another one; how many messages are lost is not known");
}
