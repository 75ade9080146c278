// Whatever sessions say, however it is cut, read or not read: what each is told stays whole, in order and complete.
#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "support/chat_rig.hpp"
#include "support/memory_history.hpp"
#include "support/stride.hpp"

using namespace tcptools;
using namespace tcptools::chat;
using namespace tcptools::testing;

namespace {

struct talker {
  scripted_member* who = nullptr;  // null: closed
  std::string peer;
  bool is_plain = false;
  bool is_spy = false;                 // reads at once, says nothing
  std::uint64_t first = 0;             // plain: the id of the first message it can have heard
  std::optional<std::uint64_t> since;  // of its greeting
  std::string outbox;
  std::string inbox;
  std::vector<std::string> tags;
};

// What has been seen of a message, wherever.
struct sighting {
  std::string from;
  std::string text;
};

class crowd {
 public:
  crowd(unsigned seed, bool says_something, server_settings settings)
      : says_something_{says_something}, is_stored_{settings.is_stored}, random_{seed}, rig_{std::move(settings)} {
    if (!says_something) return;
    for (const char* const name : {"lobby", "r0", "r1"}) greet(name, 0, true);
  }

  void step();
  void drain();
  void check();
  void leave();

 private:
  unsigned up_to(unsigned most) { return static_cast<unsigned>(random_() % (most + 1)); }
  bool one_in(unsigned many) { return up_to(many - 1) == 0; }
  talker* any_open();

  void greet(const std::string& into, std::optional<std::uint64_t> from, bool is_spy);
  void replace(talker& old);
  void connect_plain();
  void queue(talker& one);
  std::string structured_line(talker& one);
  std::string plain_line();
  void feed(talker& one, std::size_t most);
  void read(talker& one, std::size_t most);
  void close(talker& one);
  void commit(bool may_fail);
  void start_commit();
  void check_structured(const talker& one);
  void check_plain(const talker& one);
  void see(const json& message, const std::string& epoch);
  std::vector<std::string> lines_of(const talker& one) const;
  const room& find_room(std::string_view name) const;

  bool says_something_;
  bool is_stored_;
  std::minstd_rand random_;
  memory_history store_;
  std::optional<history_batch> at_store_;
  chat_rig rig_;
  std::vector<talker> all_;
  int last_ = 0;  // number of a text, a nickname
  std::map<std::pair<std::string, std::uint64_t>, sighting> seen_;
  std::map<std::string, int> answers_;  // by tag
};

talker* crowd::any_open() {
  std::vector<talker*> open;
  for (talker& one : all_) {
    if (one.who != nullptr && !one.is_spy) open.push_back(&one);
  }
  return open.empty() ? nullptr : open[up_to(static_cast<unsigned>(open.size()) - 1)];
}

void crowd::greet(const std::string& into, std::optional<std::uint64_t> from, bool is_spy) {
  talker made;
  made.who = &rig_.connect();
  made.peer = made.who->peer;
  made.is_spy = is_spy;
  made.since = from;
  json greeting{{"tcpchat", 1}, {"room", into}};
  if (from) greeting["since"] = {{"id", *from}};
  if (is_spy || one_in(3)) greeting["presence"] = false;
  if (!is_spy && !one_in(3)) greeting["nick"] = "n" + std::to_string(++last_);
  made.outbox = greeting.dump() + "\n";
  all_.push_back(std::move(made));
  const std::size_t size = all_.back().outbox.size();
  feed(all_.back(), up_to(static_cast<unsigned>(size)));
  feed(all_.back(), size);
}

// A client comes back before its old connection is gone.
void crowd::replace(talker& old) {
  constexpr std::string_view before = "\"ticket\":\"";
  const std::size_t at = old.inbox.find(before);
  const bool is_welcome = at != std::string::npos && old.inbox.size() >= at + before.size() + 32;
  if (!is_welcome || old.who->is_guest() || old.who->is_closing()) return;
  const json greeting{
      {"tcpchat", 1}, {"nick", old.who->nick}, {"room", "r0"}, {"ticket", old.inbox.substr(at + before.size(), 32)}};
  scripted_member* const replaced = old.who;
  talker made;
  made.who = &rig_.connect();
  made.peer = made.who->peer;
  made.outbox = greeting.dump() + "\n";
  all_.push_back(std::move(made));
  feed(all_.back(), 1000);
  CHECK(replaced->is_closing());
}

void crowd::connect_plain() {
  talker made;
  made.first = find_room("lobby").log.next();
  made.who = &rig_.connect();
  made.peer = made.who->peer;
  made.is_plain = true;
  made.outbox = "hello\n";
  all_.push_back(std::move(made));
  feed(all_.back(), 1);
}

std::string crowd::structured_line(talker& one) {
  constexpr std::array rooms{"lobby", "r0", "r1", "r2", "arch"};
  const std::string number = std::to_string(++last_);
  switch (up_to(says_something_ ? 14 : 6)) {
    case 0: {
      json line{{"type", "join"}, {"room", rooms[up_to(3)]}, {"tag", "none"}};
      if (one_in(2)) {
        const unsigned seen = up_to(20);
        line["since"] = {{"id", seen}};
        line["tag"] = std::to_string(seen);
      }
      return line.dump();
    }
    case 1:
      return R"({"type":"leave"})";
    case 2:
      return R"({"type":"who","room":"lobby"})";
    case 3:
      return R"({"type":"nick","nick":"m)" + number + "\"}";
    case 4:
      return R"({"type":"ping"})";
    case 5: {
      constexpr std::array garbage{"",
                                   "{}",
                                   "nonsense",
                                   "{\"type\":\"send\"}",
                                   "{\"type\":\"join\",\"room\":\"?\"}",
                                   "\xFF\xFE{",
                                   "{\"tcpchat\":1}"};
      return garbage[up_to(garbage.size() - 1)];
    }
    case 6:
      return R"({"type":"history","room":"arch"})";
    case 7: {
      one.tags.push_back("t" + number);
      const std::string& to = all_[up_to(static_cast<unsigned>(all_.size()) - 1)].peer;
      return json{{"type", "send"}, {"text", "psst"}, {"to", to}, {"tag", "t" + number}}.dump();
    }
    default: {
      one.tags.push_back("t" + number);
      json line{{"type", "send"}, {"text", "t" + number}, {"tag", "t" + number}};
      if (one_in(2)) line["room"] = rooms[up_to(4)];
      if (one_in(4)) line["key"] = "k" + std::to_string(up_to(10));
      return line.dump();
    }
  }
}

std::string crowd::plain_line() {
  const std::string number = std::to_string(++last_);
  switch (up_to(6)) {
    case 0:
      return "p" + number;  // its end is silence, or the next text
    case 1:
      return "/who\n";
    case 2:
      return "/msg " + all_[up_to(static_cast<unsigned>(all_.size()) - 1)].peer + " psst\n";
    case 3:
      return "\xFF\xFB\x01gr\xC3\xBC\xC3\n";
    case 4:
      return "\r\n//" + number + "\r\n/nonsense\n";
    default:
      return "p" + number + "\n";
  }
}

void crowd::queue(talker& one) {
  if (one.outbox.size() > 2000) return;
  one.outbox += one.is_plain ? plain_line() : structured_line(one) + (one_in(2) ? "\n" : "\r\n");
}

void crowd::feed(talker& one, std::size_t most) {
  if (!rig_.machine.wants_input(*one.who)) return;
  const std::string bytes = one.outbox.substr(0, most);
  if (bytes.empty()) return;
  one.outbox.erase(0, bytes.size());
  rig_.machine.on_bytes(*one.who, bytes, rig_.now);
}

void crowd::read(talker& one, std::size_t most) {
  std::array<byte_view, 3> pieces;
  while (most > 0) {
    const std::size_t count = one.who->out.pieces(pieces);
    if (count == 0) break;
    std::size_t taken = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const std::string_view part = as_text(pieces[i]).substr(0, most - taken);
      one.inbox += part;
      taken += part.size();
    }
    one.who->out.consumed(taken);
    most -= taken;
  }
  rig_.machine.on_sent(*one.who, rig_.now);
}

void crowd::close(talker& one) {
  rig_.machine.close(*one.who, "closed", rig_.now);
  std::erase_if(rig_.members, [&one](const auto& held) { return held.get() == one.who; });
  one.who = nullptr;
}

void crowd::start_commit() {
  if (at_store_) return;
  at_store_ = rig_.machine.take_batch(rig_.now);
  if (at_store_->empty()) at_store_.reset();
}

void crowd::commit(bool may_fail) {
  if (!at_store_) return;
  if (may_fail && one_in(4)) store_.fail(errc::storage_full);
  rig_.machine.on_committed(store_.commit(*at_store_), rig_.now);
  at_store_.reset();
}

void crowd::step() {
  talker* const one = any_open();
  switch (up_to(12)) {
    case 0:
      if (all_.size() < 40 && one_in(2)) {
        if (says_something_ && one_in(3)) {
          connect_plain();
        } else {
          greet("r" + std::to_string(up_to(2)), one_in(2) ? std::optional{std::uint64_t{up_to(10)}} : std::nullopt,
                false);
        }
      }
      break;
    case 1:
      if (one == nullptr || !one_in(4)) break;
      if (one_in(3)) {
        close(*one);
      } else if (one_in(2)) {
        rig_.machine.on_end(*one->who, rig_.now);
      } else if (!one->is_plain) {
        replace(*one);
      }
      break;
    case 2:
      rig_.pass(std::chrono::milliseconds{up_to(300)});
      break;
    case 3:
      if (one != nullptr && one_in(3)) one->who->is_blocked = !one->who->is_blocked;
      break;
    case 4:
      if (is_stored_) start_commit();
      break;
    case 5:
      commit(true);
      break;
    case 6:
      if (says_something_ && one_in(5))
        (void)rig_.machine.say_as_operator("lobby", "o" + std::to_string(++last_), rig_.now);
      break;
    case 7:
    case 8:
      if (one != nullptr && !one->who->is_blocked) read(*one, up_to(400));
      break;
    case 9:
    case 10:
      if (one != nullptr) feed(*one, up_to(150));
      break;
    default:
      if (one != nullptr) queue(*one);
  }
  rig_.turn();
  for (talker& spy : all_) {
    if (spy.is_spy) read(spy, SIZE_MAX);
  }
}

// Everybody reads and says everything.
void crowd::drain() {
  for (int i = 0; i < 60; ++i) {
    for (talker& one : all_) {
      if (one.who == nullptr) continue;
      one.who->is_blocked = false;
      feed(one, SIZE_MAX);
    }
    start_commit();
    commit(false);
    rig_.pass(500ms);
    rig_.turn();
    for (talker& one : all_) {
      if (one.who != nullptr) read(one, SIZE_MAX);
    }
  }
  CHECK_FALSE(rig_.machine.has_uncommitted());
}

const room& crowd::find_room(std::string_view name) const {
  for (const room* const one : rig_.machine.rooms()) {
    if (one->log.room() == name) return *one;
  }
  throw std::logic_error{"there is no room " + std::string{name}};
}

// Whole lines; one that was closed may have been cut off.
std::vector<std::string> crowd::lines_of(const talker& one) const {
  std::vector<std::string> lines;
  std::size_t begin = 0;
  for (std::size_t end = one.inbox.find('\n'); end != std::string::npos; end = one.inbox.find('\n', begin)) {
    lines.push_back(one.inbox.substr(begin, end - begin));
    begin = end + 1;
  }
  if (one.who != nullptr) CHECK(begin == one.inbox.size());
  return lines;
}

void crowd::see(const json& message, const std::string& epoch) {
  const sighting now{message["from"], message["text"]};
  const auto [before, is_first] = seen_.try_emplace({epoch, message["id"].get<std::uint64_t>()}, now);
  if (is_first) return;
  CHECK(before->second.from == now.from);
  CHECK(before->second.text == now.text);
}

void crowd::check_structured(const talker& one) {
  std::string in;
  std::string epoch;
  std::uint64_t expected = 0;
  bool was_greeted = false;
  bool was_told_goodbye = false;
  std::map<std::string, std::pair<std::string, std::uint64_t>> acknowledged;
  for (const std::string& text : lines_of(one)) {
    CHECK_FALSE(was_told_goodbye);
    const json line = json::parse(text);
    const std::string type = line["type"];
    const std::string tag = line.value("tag", "");
    if (type == "joined") {
      in = line["room"];
      epoch = line["epoch"];
      const std::uint64_t next = line["next"];
      std::optional<std::uint64_t> since = one.since;
      if (was_greeted) since = tag == "none" ? std::nullopt : std::optional{std::stoull(tag)};
      was_greeted = true;
      expected = since && *since < next ? *since + 1 : next;
      CHECK(line["lost"] == 0);
    } else if (type == "left") {
      CHECK(line["room"] == in);
      in.clear();
    } else if (type == "message" && line["room"] == in) {
      CHECK(line["id"] == expected);
      ++expected;
      see(line, epoch);
    } else if (type == "message") {
      CHECK(line["room"] == "arch");
    } else if (type == "ack" || (type == "error" && !tag.empty())) {
      ++answers_[tag];
      if (line.contains("id") && !line.contains("repeat")) acknowledged[tag] = {line["epoch"], line["id"]};
    }
    was_told_goodbye = type == "bye";
  }
  for (const auto& [tag, place] : acknowledged) {
    if (const auto found = seen_.find(place); found != seen_.end()) CHECK(found->second.text == tag);
  }
  const bool is_open = one.who != nullptr && !one.who->is_closing();
  if (one.who != nullptr && one.who->is_closing()) CHECK(was_told_goodbye);
  if (!is_open) return;
  CHECK(one.outbox.empty());
  for (const std::string& tag : one.tags) CHECK(answers_[tag] == 1);
  if (in.empty()) {
    CHECK(one.who->where == nullptr);
  } else {
    CHECK(find_room(in).log.next() == expected);
  }
}

// It has heard what others said in the lobby since it came, each once.
void crowd::check_plain(const talker& one) {
  const bool is_open = one.who != nullptr && !one.who->is_closing();
  std::vector<std::string> heard;
  for (const std::string& line : lines_of(one)) {
    const bool is_other = line.starts_with("* ") || line.find(" -> you] ") != std::string::npos;
    if (!is_other) heard.push_back(line);
  }
  std::vector<std::string> said;
  const room_log& lobby = find_room("lobby").log;
  for (std::uint64_t id = one.first; id < lobby.next(); ++id) {
    const sighting& message = seen_.at({lobby.epoch(), id});
    if (message.from != one.peer) said.push_back("[" + message.from + "] " + message.text);
  }
  if (is_open) {
    CHECK(heard == said);
  } else {
    CHECK(heard.size() <= said.size());
    said.resize(std::min(said.size(), heard.size()));
    CHECK(heard == said);
  }
}

void crowd::check() {
  for (const talker& one : all_) {
    if (!one.is_plain) check_structured(one);
  }
  for (const talker& one : all_) {
    if (one.is_plain) check_plain(one);
  }
  for (const auto& [tag, count] : answers_) CHECK(count == 1);
}

void crowd::leave() {
  for (talker& one : all_) {
    if (one.who != nullptr) close(one);
  }
  rig_.pass(3min);
  CHECK(rig_.members.empty());
  CHECK(rig_.machine.count().sessions == 0);
  CHECK(rig_.machine.next_due() == chat_machine::clock::time_point::max());
  if (says_something_) return;
  CHECK(rig_.machine.rooms().empty());
  CHECK(rig_.use.bytes == 0);
}

void run_crowd(unsigned seed, bool says_something, const server_settings& settings) {
  INFO("seed " << seed);
  crowd all{seed, says_something, settings};
  for (int step = 0; step < 600; ++step) all.step();
  all.drain();
  all.check();
  all.leave();
}

}  // namespace

TEST_CASE("whatever sessions do, each hears everything of its room once and in order") {
  for (unsigned seed = 1; seed <= 100; seed += stride) {
    server_settings settings;
    settings.flood.off = true;
    run_crowd(seed, true, settings);
  }
}

TEST_CASE("nor does flood control, a small backlog or a store that fails change that") {
  for (unsigned seed = 1; seed <= 100; seed += stride) {
    server_settings settings;
    settings.flood = {20, 5, 10'000, 2000, seed % 2 == 0};
    settings.max_backlog = 1000;
    settings.is_stored = seed % 4 < 2;
    run_crowd(seed, true, settings);
  }
}

TEST_CASE("of sessions that come and go without a message nothing is left") {
  for (unsigned seed = 1; seed <= 50; seed += stride) run_crowd(seed, false, {});
}
