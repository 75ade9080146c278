#include "chat_samples.hpp"

#include <limits>

namespace tcptools::testing {

using namespace chat;

namespace {

constexpr std::uint64_t greatest = std::numeric_limits<std::uint64_t>::max();

std::string shown(const complaint& what) {
  return std::string{to_text(what.what)} + ": " + what.text + (what.tag.empty() ? "" : " [" + what.tag + "]");
}

since after(std::uint64_t id, std::string epoch = {}) { return since{id, std::move(epoch), {}}; }
since last(std::chrono::seconds ago) { return since{{}, {}, ago}; }

}  // namespace

const std::vector<request_sample>& request_samples() {
  using namespace requests;
  using namespace std::chrono_literals;
  static const std::vector<request_sample> all{
      {{send{"hello", "", "", ""}, ""}, R"({"type":"send","text":"hello"})"},
      {{send{"hello", "lobby", "", "k-1"}, "7"},
       R"({"type":"send","room":"lobby","key":"k-1","text":"hello","tag":"7"})"},
      {{send{"a \"b\" \\ \n\x01\x7F gr\u00FC\u00DF \U0001F389/", "", "127.0.0.1:4711", ""}, "\t"},
       R"({"type":"send","to":"127.0.0.1:4711","text":"a \"b\" \\ \n\u0001)"
       "\x7F gr\u00FC\u00DF \U0001F389/"
       R"(","tag":"\t"})"},
      {{join{"lobby", {}}, ""}, R"({"type":"join","room":"lobby"})"},
      {{join{"#Lobby", after(0)}, "t"}, R"({"type":"join","room":"#Lobby","since":{"id":0},"tag":"t"})"},
      {{join{"lobby", after(greatest, "0123456789abcdef")}, ""},
       R"({"type":"join","room":"lobby","since":{"id":18446744073709551615,"epoch":"0123456789abcdef"}})"},
      {{join{"lobby", last(3600s)}, ""}, R"({"type":"join","room":"lobby","since":{"ago":3600}})"},
      {{leave{}, "t"}, R"({"type":"leave","tag":"t"})"},
      {{requests::nick{"Alice"}, ""}, R"({"type":"nick","nick":"Alice"})"},
      {{who{""}, ""}, R"({"type":"who"})"},
      {{who{"lobby"}, ""}, R"({"type":"who","room":"lobby"})"},
      {{history{"lobby", {}, {}}, ""}, R"({"type":"history","room":"lobby"})"},
      {{history{"lobby", after(5), 4294967295U}, "t"},
       R"({"type":"history","room":"lobby","since":{"id":5},"limit":4294967295,"tag":"t"})"},
      {{history{"lobby", last(0s), 0U}, ""}, R"({"type":"history","room":"lobby","since":{"ago":0},"limit":0})"},
      {{kick{"bob", ""}, "t"}, R"({"type":"kick","to":"bob","tag":"t"})"},
      {{kick{"127.0.0.1:4711", "too \"loud\""}, ""}, R"({"type":"kick","to":"127.0.0.1:4711","text":"too \"loud\""})"},
      {{ban{"192.0.2.1"}, "t"}, R"({"type":"ban","to":"192.0.2.1","tag":"t"})"},
      {{ping{}, "t"}, R"({"type":"ping","tag":"t"})"},
      {{pong{}, ""}, R"({"type":"pong"})"},
      {{quit{}, ""}, R"({"type":"quit"})"},
  };
  return all;
}

const std::vector<request_sample>& greeting_samples() {
  using namespace std::chrono_literals;
  using requests::hello;
  static const std::vector<request_sample> all{
      {{hello{1, "", "", {}, true, ""}, ""}, R"({"tcpchat":1})"},
      {{hello{4294967295U, "Alice", "", {}, true, ""}, ""}, R"({"tcpchat":4294967295,"nick":"Alice"})"},
      {{hello{2, "alice", "lobby", after(9, "fedcba9876543210"), false, "s3cret"}, ""},
       R"({"tcpchat":2,"nick":"alice","room":"lobby","since":{"id":9,"epoch":"fedcba9876543210"},)"
       R"("presence":false,"ticket":"s3cret"})"},
      {{hello{1, "", "#lobby", last(60s), true, ""}, ""}, R"({"tcpchat":1,"room":"#lobby","since":{"ago":60}})"},
  };
  return all;
}

const std::vector<event_sample>& event_samples() {
  using namespace events;
  static const std::vector<event_sample> all{
      {{welcome{1, "alice", "t1"}, ""}, R"({"type":"welcome","tcpchat":1,"nick":"alice","ticket":"t1"})"},
      {{joined{"lobby", "0123456789abcdef", 8, 2, true, 3}, "t"},
       R"({"type":"joined","room":"lobby","epoch":"0123456789abcdef","next":8,"lost":2,"resumed":true,"members":3,)"
       R"("tag":"t"})"},
      {{joined{"lobby", "0123456789abcdef", greatest, 0, false, 1}, ""},
       R"({"type":"joined","room":"lobby","epoch":"0123456789abcdef","next":18446744073709551615,"lost":0,)"
       R"("resumed":false,"members":1})"},
      {{left{"lobby"}, "t"}, R"({"type":"left","room":"lobby","tag":"t"})"},
      {{events::nick{"Bob"}, ""}, R"({"type":"nick","nick":"Bob"})"},
      {{message{"lobby", 7, 1'700'000'000'123, "alice", "a \"b\" \\ \t gr\u00FC\u00DF \U0001F389"}, ""},
       R"({"type":"message","room":"lobby","id":7,"time":1700000000123,"from":"alice","text":"a \"b\" \\ \t )"
       "gr\u00FC\u00DF \U0001F389"
       R"("})"},
      {{direct{0, "127.0.0.1:4711", "bob", "psst"}, ""},
       R"({"type":"direct","time":0,"from":"127.0.0.1:4711","to":"bob","text":"psst"})"},
      {{ack{7, "0123456789abcdef", false}, "t"}, R"({"type":"ack","id":7,"epoch":"0123456789abcdef","tag":"t"})"},
      {{ack{7, "0123456789abcdef", true}, ""}, R"({"type":"ack","id":7,"epoch":"0123456789abcdef","repeat":true})"},
      {{ack{{}, "", false}, "t"}, R"({"type":"ack","tag":"t"})"},
      {{events::presence{"lobby", 12, {"alice", "bob"}, {"carol"}, 5}, ""},
       R"({"type":"presence","room":"lobby","members":12,"joined":{"alice":1,"bob":1},"left":{"carol":1},"more":5})"},
      {{events::presence{"lobby", 0, {}, {"[::1]:4711"}, 0}, ""},
       R"({"type":"presence","room":"lobby","members":0,"left":{"[::1]:4711":1}})"},
      {{events::member{"alice", "lobby", 30}, "t"},
       R"({"type":"member","nick":"alice","room":"lobby","idle":30,"tag":"t"})"},
      {{events::member{"bob", "", 0}, ""}, R"({"type":"member","nick":"bob","idle":0})"},
      {{end{3, "", "", 0, 0}, "t"}, R"({"type":"end","count":3,"tag":"t"})"},
      {{end{3, "lobby", "0123456789abcdef", 8, 1}, ""},
       R"({"type":"end","count":3,"room":"lobby","epoch":"0123456789abcdef","next":8,"lost":1})"},
      {{notice{"good morning"}, ""}, R"({"type":"notice","text":"good morning"})"},
      {{ping{}, ""}, R"({"type":"ping"})"},
      {{pong{}, "t"}, R"({"type":"pong","tag":"t"})"},
      {{events::error{code::nick_in_use, "somebody is called that"}, "t"},
       R"({"type":"error","code":"nick_in_use","text":"somebody is called that","tag":"t"})"},
      {{bye{code::too_slow, "too far behind"}, ""}, R"({"type":"bye","code":"too_slow","text":"too far behind"})"},
  };
  return all;
}

std::string request_read(std::string_view line) {
  const auto read = parse_request(line);
  if (const auto* what = std::get_if<complaint>(&read)) return shown(*what);
  const auto& [what, tag] = std::get<tagged_request>(read);
  return line_of(what, tag);
}

std::string greeting_read(std::string_view line) {
  const auto read = parse_hello(line);
  if (!read) return "nothing";
  if (const auto* what = std::get_if<complaint>(&*read)) return shown(*what);
  return line_of(request{std::get<requests::hello>(*read)});
}

std::string event_read(std::string_view line) {
  const auto read = parse_event(line);
  if (const auto* what = std::get_if<complaint>(&read)) return shown(*what);
  const auto& found = std::get<std::optional<tagged_event>>(read);
  return found ? line_of(found->what, found->tag) : "nothing";
}

}  // namespace tcptools::testing
