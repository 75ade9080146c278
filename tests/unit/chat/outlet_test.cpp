#include "tcptools/chat/outlet.hpp"

#include <array>
#include <random>
#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace tcptools;
using namespace tcptools::chat;

namespace {

// Sends at most `most` bytes.
std::string send_some(outlet& from, std::size_t most) {
  std::array<byte_view, 8> pieces;
  const std::size_t count = from.pieces(pieces);
  std::string sent;
  for (std::size_t i = 0; i < count && sent.size() < most; ++i) {
    sent += as_text(pieces[i]).substr(0, most - sent.size());
  }
  from.consumed(sent.size());
  return sent;
}

std::string send_all(outlet& from) {
  std::string all;
  for (std::string part = send_some(from, 7); !part.empty(); part = send_some(from, 7)) all += part;
  return all;
}

struct outlet_rig {
  memory_use use;
  line_log log{use};
  outlet out{use};
};

}  // namespace

TEST_CASE("answers go before what the log grows by") {
  outlet_rig rig;
  rig.out.follow(rig.log, rig.log.cursor_at(0));
  rig.log.append("log 1\n");
  rig.out.say("answer\n");
  rig.log.append("log 2\n");
  CHECK(send_all(rig.out) == "answer\nlog 1\nlog 2\n");
  CHECK(rig.out.empty());
}

TEST_CASE("an answer never cuts a line of the log, wherever that stopped") {
  const std::string lines = "log 1\nlog 2\n";
  for (std::size_t cut = 0; cut <= lines.size(); ++cut) {
    outlet_rig rig;
    rig.out.follow(rig.log, rig.log.cursor_at(0));
    rig.log.append("log 1\n");
    rig.log.append("log 2\n");
    std::string sent = send_some(rig.out, cut);
    rig.out.say("answer\n");
    sent += send_all(rig.out);
    const std::size_t at = (cut + 5) / 6 * 6;
    CHECK(sent == std::string{lines}.insert(at, "answer\n"));
  }
}

TEST_CASE("leaving a log, what it has by then is still told, after a line that has begun and before later answers") {
  for (const std::size_t cut : {0U, 1U, 5U, 6U, 7U, 12U}) {
    outlet_rig rig;
    rig.out.follow(rig.log, rig.log.cursor_at(0));
    rig.log.append("log 1\n");
    rig.log.append("log 2\n");
    std::string sent = send_some(rig.out, cut);
    rig.out.unfollow();
    rig.out.say("left\n");
    rig.log.append("log 3\n");
    sent += send_all(rig.out);
    CHECK(sent == "log 1\nlog 2\nleft\n");
  }
}

TEST_CASE("one's own lines are stepped over, also when they are left unread at first") {
  outlet_rig rig;
  rig.out.follow(rig.log, rig.log.cursor_at(0));
  const auto own = [&rig](const std::string& line) {
    const line_log::position begin = rig.log.head();
    rig.log.append(line);
    rig.out.skip_newest(begin);
  };
  own("own 1\n");
  CHECK(rig.out.empty());
  rig.log.append("log 1\n");
  own("own 2\n");
  own("own 3\n");
  rig.log.append("log 2\n");
  own("own 4\n");
  CHECK(rig.out.lines_to_skip() == 3);
  CHECK(send_some(rig.out, 3) == "log");
  rig.out.unfollow();
  CHECK(send_all(rig.out) == " 1\nlog 2\n");
  CHECK(rig.out.lines_to_skip() == 0);
}

TEST_CASE("a run of a log is an answer of its own") {
  outlet_rig rig;
  rig.log.append("old 1\n");
  rig.log.append("old 2\n");
  rig.out.follow(rig.log, rig.log.cursor_at(rig.log.head()));
  rig.out.say("begin\n");
  rig.out.say(rig.log.cursor_at(6), rig.log.head());
  rig.out.say("end\n");
  rig.log.append("new\n");
  CHECK(rig.out.answers() == 16);
  CHECK(send_all(rig.out) == "begin\nold 2\nend\nnew\n");
}

TEST_CASE("what is dropped ends with the line that has begun") {
  const std::string all = "answer 1\nanswer 2\nold 1\nold 2\nlog 1\nlog 2\n";
  for (std::size_t cut = 0; cut <= all.size(); ++cut) {
    outlet_rig rig;
    rig.log.append("old 1\n");
    rig.log.append("old 2\n");
    rig.out.follow(rig.log, rig.log.cursor_at(rig.log.head()));
    rig.out.say("answer 1\nanswer 2\n");
    rig.out.say(rig.log.cursor_at(0), rig.log.head());
    rig.log.append("log 1\n");
    rig.log.append("log 2\n");
    std::string sent = send_some(rig.out, cut);
    rig.out.drop();
    rig.out.say("bye\n");
    sent += send_all(rig.out);
    const bool is_at_line = cut == 0 || all[cut - 1] == '\n';
    const std::size_t end = is_at_line ? cut : all.find('\n', cut) + 1;
    CHECK(sent == all.substr(0, end) + "bye\n");
  }
}

TEST_CASE("whatever is said and however it is sent, lines arrive whole and each source in its order") {
  std::minstd_rand random{7};
  const auto up_to = [&random](unsigned most) { return random() % (most + 1); };
  for (int round = 0; round < 300; ++round) {
    outlet_rig rig;
    line_log other{rig.use};
    int logged = 0;
    int answered = 0;
    int expected_log = 0;
    std::string sent;
    rig.out.follow(rig.log, rig.log.cursor_at(0));
    for (int step = 0; step < 200; ++step) {
      switch (up_to(4)) {
        case 0:
          rig.out.say("a" + std::to_string(++answered) + "\n");
          break;
        case 1:
          rig.log.append("l" + std::to_string(++logged) + "\n");
          ++expected_log;
          break;
        case 2: {
          const line_log::position begin = rig.log.head();
          rig.log.append("own" + std::string(up_to(9), '!') + "\n");
          rig.out.skip_newest(begin);
          break;
        }
        case 3:
          if (up_to(9) == 0) {
            const line_log::position head = rig.log.head();
            rig.out.unfollow();
            rig.out.follow(rig.log, rig.log.cursor_at(head));
          }
          break;
        default:
          sent += send_some(rig.out, up_to(12));
      }
    }
    sent += send_all(rig.out);
    int seen_log = 0;
    int seen_answers = 0;
    for (std::size_t begin = 0; begin < sent.size();) {
      const std::size_t end = sent.find('\n', begin);
      REQUIRE(end != std::string::npos);
      const std::string line = sent.substr(begin, end - begin);
      if (line.front() == 'a') CHECK(line == "a" + std::to_string(++seen_answers));
      if (line.front() == 'l') CHECK(line == "l" + std::to_string(++seen_log));
      CHECK(line.front() != 'o');
      begin = end + 1;
    }
    CHECK(seen_log == expected_log);
    CHECK(seen_answers == answered);
    CHECK(rig.out.empty());
  }
}
