// Messages that wait for a store: nothing is told before it is committed, and what failed has never been.
#include <algorithm>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "support/chat_rig.hpp"
#include "support/memory_history.hpp"
#include "support/stride.hpp"
#include "tcptools/chat/limits.hpp"

using namespace tcptools;
using namespace tcptools::chat;
using namespace tcptools::testing;

namespace {

server_settings stored(server_settings settings = {}) {
  settings.is_stored = true;
  return settings;
}

struct stored_rig : chat_rig {
  explicit stored_rig(memory_history& kept, server_settings settings = {})
      : chat_rig{stored(std::move(settings))}, store{kept} {
    machine.restore(store.contents(), now);
  }

  // Everything that is to be committed, until there is nothing more or a batch has failed.
  void commit() {
    for (;;) {
      const history_batch batch = machine.take_batch(now);
      if (batch.empty()) return;
      const result<void> how = store.commit(batch);
      machine.on_committed(how, now);
      if (!how) return;
    }
  }

  memory_history& store;
};

json send_of(const std::string& text, const std::string& key = {}, const std::string& tag = {}) {
  json made{{"type", "send"}, {"text", text}};
  if (!key.empty()) made["key"] = key;
  if (!tag.empty()) made["tag"] = tag;
  return made;
}

scripted_member& join_lobby(chat_rig& rig, const char* nick) {
  return rig.greet({{"tcpchat", 1}, {"nick", nick}, {"room", "lobby"}, {"presence", false}});
}

}  // namespace

TEST_CASE("a message is told and acknowledged only when it is committed") {
  memory_history store;
  stored_rig rig{store};
  scripted_member& alice = join_lobby(rig, "alice");
  scripted_member& bob = join_lobby(rig, "bob");
  rig.say(alice, send_of("hello", {}, "t"));
  rig.say(alice, {{"type", "ping"}});
  CHECK(rig.machine.has_uncommitted());
  CHECK(rig.one(alice)["type"] == "pong");
  const history_batch batch = rig.machine.take_batch(rig.now);
  CHECK(rig.machine.has_uncommitted());
  CHECK(rig.heard(alice).empty());
  CHECK(rig.heard(bob).empty());
  REQUIRE(store.commit(batch));
  rig.machine.on_committed({}, rig.now);
  CHECK_FALSE(rig.machine.has_uncommitted());
  const std::vector<json> lines = rig.heard(alice);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0]["type"] == "ack");
  CHECK(lines[0]["id"] == 1);
  CHECK(lines[0]["tag"] == "t");
  CHECK(lines[1]["text"] == "hello");
  CHECK(rig.one(bob)["id"] == 1);
  CHECK(store.contents().rooms.at(0).messages.at(0).text == "hello");
  CHECK(lines[0]["epoch"] == store.contents().rooms.at(0).epoch);
}

TEST_CASE("there is one batch at a time, and what comes meanwhile goes into the next one") {
  memory_history store;
  stored_rig rig{store};
  scripted_member& alice = join_lobby(rig, "alice");
  CHECK(rig.machine.take_batch(rig.now).empty());
  rig.say(alice, send_of("1"));
  const history_batch first = rig.machine.take_batch(rig.now);
  rig.say(alice, send_of("2"));
  rig.say(alice, send_of("3"));
  CHECK(rig.machine.take_batch(rig.now).empty());
  REQUIRE(store.commit(first));
  rig.machine.on_committed({}, rig.now);
  const history_batch second = rig.machine.take_batch(rig.now);
  CHECK(second.messages.size() == 2);
  CHECK(second.messages[0].id == 2);
  CHECK(second.rooms.empty());
  REQUIRE(store.commit(second));
  rig.machine.on_committed({}, rig.now);
  CHECK(rig.heard(alice).size() == 6);
}

TEST_CASE("a commit that fails is a storage error to each sender, and no ids are used up") {
  memory_history store;
  stored_rig rig{store};
  scripted_member& alice = join_lobby(rig, "alice");
  scripted_member& bob = join_lobby(rig, "bob");
  scripted_member& plain = rig.connect();
  rig.say(plain, "from plain\n");
  rig.say(alice, send_of("1", {}, "a"));
  rig.say(bob, send_of("2", "k", "b"));
  store.fail(errc::storage_full);
  rig.commit();
  for (auto [who, tag] : {std::pair{&alice, "a"}, std::pair{&bob, "b"}}) {
    const json failure = rig.one(*who);
    CHECK(failure["type"] == "error");
    CHECK(failure["code"] == "storage");
    CHECK(failure["tag"] == tag);
  }
  CHECK(rig.text(plain).starts_with("* "));
  CHECK(store.contents().rooms.empty());
  rig.say(bob, send_of("2", "k", "c"));
  rig.commit();
  const json ack = rig.heard(bob).at(0);
  CHECK(ack["type"] == "ack");
  CHECK(ack["id"] == 1);
  CHECK_FALSE(ack.contains("repeat"));
}

TEST_CASE("ids, epochs and keys survive a restart") {
  memory_history store;
  std::string epoch;
  {
    stored_rig rig{store};
    scripted_member& alice = join_lobby(rig, "alice");
    rig.say(alice, send_of("1", "k1"));
    rig.say(alice, send_of("2", "k2"));
    rig.commit();
    epoch = alice.where->log.epoch();
  }
  stored_rig rig{store};
  scripted_member& alice = rig.connect();
  rig.say(alice, {{"tcpchat", 1}, {"room", "lobby"}, {"since", {{"id", 1}, {"epoch", epoch}}}});
  std::vector<json> lines = rig.heard(alice);
  REQUIRE(lines.size() == 3);
  CHECK(lines[1]["epoch"] == epoch);
  CHECK(lines[1]["resumed"] == true);
  CHECK(lines[1]["next"] == 3);
  CHECK(lines[2]["id"] == 2);
  CHECK(lines[2]["from"] == "alice");
  rig.say(alice, send_of("2", "k2"));
  const json ack = rig.one(alice);
  CHECK(ack["id"] == 2);
  CHECK(ack["epoch"] == epoch);
  CHECK(ack["repeat"] == true);
  rig.say(alice, send_of("3"));
  rig.commit();
  CHECK(rig.heard(alice).at(0)["id"] == 3);
}

TEST_CASE("a key that was too old at the restart is forgotten") {
  memory_history store;
  {
    stored_rig rig{store};
    scripted_member& alice = join_lobby(rig, "alice");
    rig.say(alice, send_of("1", "k1"));
    rig.commit();
  }
  chat_rig rig{stored()};
  rig.now.wall += 25LL * 3600 * 1000;
  rig.machine.restore(store.contents(), rig.now);
  scripted_member& alice = join_lobby(rig, "alice");
  rig.say(alice, send_of("1", "k1"));
  CHECK(rig.machine.take_batch(rig.now).messages.size() == 1);
}

TEST_CASE("a repetition while the first one waits is answered with it, and stored once") {
  memory_history store;
  stored_rig rig{store};
  scripted_member& alice = join_lobby(rig, "alice");
  scripted_member& bob = join_lobby(rig, "bob");
  rig.say(alice, send_of("once", "k", "1"));
  rig.say(bob, send_of("once", "k", "2"));
  rig.commit();
  CHECK(rig.heard(alice).at(0)["id"] == 1);
  const std::vector<json> lines = rig.heard(bob);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0]["id"] == 1);
  CHECK(lines[0]["repeat"] == true);
  CHECK(lines[0]["tag"] == "2");
  CHECK(store.contents().rooms.at(0).messages.size() == 1);
}

TEST_CASE("a repetition that comes while the first one is at the store does not wait for another message") {
  memory_history store;
  stored_rig rig{store};
  scripted_member& alice = join_lobby(rig, "alice");
  rig.say(alice, send_of("once", "k", "1"));
  const history_batch batch = rig.machine.take_batch(rig.now);
  rig.say(alice, send_of("once", "k", "2"));
  REQUIRE(store.commit(batch));
  rig.machine.on_committed({}, rig.now);
  rig.commit();
  CHECK_FALSE(rig.machine.has_uncommitted());
  const std::vector<json> lines = rig.heard(alice);
  REQUIRE(lines.size() == 3);
  CHECK(lines[1]["tag"] == "2");
  CHECK(lines[1]["id"] == 1);
  CHECK(lines[1]["repeat"] == true);
  rig.say(alice, send_of("another"));
  rig.commit();
  CHECK(rig.heard(alice).size() == 2);
}

TEST_CASE("a repetition of what then fails to be stored fails, too") {
  memory_history store;
  stored_rig rig{store};
  scripted_member& alice = join_lobby(rig, "alice");
  rig.say(alice, send_of("once", "k", "1"));
  (void)rig.machine.take_batch(rig.now);
  rig.say(alice, send_of("once", "k", "2"));
  rig.machine.on_committed(error{errc::storage_full}, rig.now);
  rig.commit();
  const std::vector<json> lines = rig.heard(alice);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0]["code"] == "storage");
  CHECK(lines[1]["code"] == "storage");
  CHECK(lines[1]["tag"] == "2");
  rig.say(alice, send_of("once", "k", "3"));
  rig.commit();
  CHECK_FALSE(rig.heard(alice).at(0).contains("repeat"));
}

TEST_CASE("a message outlives its sender, who is told nothing") {
  memory_history store;
  stored_rig rig{store};
  scripted_member& bob = join_lobby(rig, "bob");
  scripted_member& alice = join_lobby(rig, "alice");
  rig.say(alice, send_of("last words", "k"));
  rig.say(alice, send_of("last words", "k"));
  rig.machine.close(alice, "gone", rig.now);
  rig.members.pop_back();
  rig.commit();
  CHECK(rig.one(bob)["from"] == "alice");
}

TEST_CASE("what somebody said is not the operator's, although they were kicked meanwhile") {
  memory_history store;
  stored_rig rig{store};
  scripted_member& alice = join_lobby(rig, "alice");
  rig.say(alice, send_of("rude words"));
  rig.machine.kick(alice, "", rig.now);
  rig.commit();
  CHECK(rig.log.lines.back() == "alice lobby rude words");
}

TEST_CASE("a structured session that has closed its direction ends when its messages are acknowledged") {
  memory_history store;
  stored_rig rig{store};
  scripted_member& bob = join_lobby(rig, "bob");
  scripted_member& alice = join_lobby(rig, "alice");
  rig.say(bob, send_of("0", "k"));
  rig.say(alice, send_of("0", "k"));
  rig.say(alice, send_of("1"));
  rig.machine.on_end(alice, rig.now);
  const history_batch batch = rig.machine.take_batch(rig.now);
  CHECK_FALSE(alice.is_closing());
  REQUIRE(store.commit(batch));
  rig.machine.on_committed({}, rig.now);
  CHECK(alice.is_closing());
  const std::vector<json> lines = rig.heard(alice);
  REQUIRE(lines.size() == 5);
  CHECK(lines[0]["repeat"] == true);
  CHECK(lines[1]["id"] == 2);
  CHECK(lines[4]["type"] == "bye");

  scripted_member& carol = join_lobby(rig, "carol");
  rig.say(bob, send_of("2", "k2"));
  rig.say(carol, send_of("2", "k2"));
  rig.machine.on_end(carol, rig.now);
  CHECK_FALSE(carol.is_closing());
  rig.commit();
  CHECK(carol.is_closing());
}

TEST_CASE("a plain sender does not get its own line back after the commit, others of that time it gets") {
  memory_history store;
  stored_rig rig{store};
  scripted_member& alice = join_lobby(rig, "alice");
  scripted_member& plain = rig.connect();
  rig.say(plain, "mine\n");
  rig.say(alice, send_of("hers"));
  rig.say(plain, "mine again\n");
  rig.commit();
  CHECK(rig.text(plain) == "[alice] hers\n");
}

TEST_CASE("what the history has no room for is forgotten by the store, too") {
  memory_history store;
  server_settings settings;
  settings.history.messages = 5;
  stored_rig rig{store, settings};
  scripted_member& alice = join_lobby(rig, "alice");
  for (int i = 1; i <= 20; ++i) {
    rig.say(alice, send_of(std::to_string(i)));
    if (i % 3 == 0) rig.commit();
  }
  rig.commit();
  rig.say(alice, send_of("21"));
  rig.commit();
  const history_contents contents = store.contents();
  REQUIRE(contents.rooms.size() == 1);
  CHECK(contents.rooms[0].next == 22);
  CHECK(contents.rooms[0].messages.size() == 6);
  CHECK(contents.rooms[0].messages.front().id == 16);
}

TEST_CASE("what was forgotten for want of memory is forgotten by the store, too") {
  memory_history store;
  server_settings settings;
  settings.max_memory = 1'000'000;
  settings.flood.off = true;
  stored_rig rig{store, settings};
  scripted_member& alice = join_lobby(rig, "alice");
  const auto say = [&] {
    rig.say(alice, send_of(std::string(10'000, 'x')));
    const history_batch batch = rig.machine.take_batch(rig.now);
    rig.turn();  // memory is looked after while the batch is at the store
    REQUIRE(store.commit(batch));
    rig.machine.on_committed({}, rig.now);
    (void)rig.heard(alice);
  };
  for (int i = 0; i < 100; ++i) say();
  say();
  const room& lobby = *alice.where;
  CHECK(lobby.log.oldest() > 10);
  CHECK(store.contents().rooms.at(0).messages.front().id + 1 >= lobby.log.oldest());
}

TEST_CASE("a bound that is smaller after a restart is told to the store") {
  memory_history store;
  {
    stored_rig rig{store};
    scripted_member& alice = join_lobby(rig, "alice");
    for (int i = 0; i < 10; ++i) rig.say(alice, send_of("x"));
    rig.commit();
  }
  server_settings settings;
  settings.history.messages = 3;
  stored_rig rig{store, settings};
  scripted_member& alice = rig.connect();
  rig.say(alice, {{"tcpchat", 1}, {"room", "lobby"}, {"since", {{"id", 0}}}});
  CHECK(rig.heard(alice).size() == 2 + 3);
  rig.say(alice, send_of("y"));
  rig.commit();
  CHECK(store.contents().rooms.at(0).messages.size() == 4);
}

TEST_CASE("rooms that were forgotten are forgotten by the store, and not asked for over and over where that fails") {
  memory_history store;
  server_settings settings;
  settings.flood.off = true;
  stored_rig rig{store, settings};
  scripted_member& alice = rig.greet({{"tcpchat", 1}, {"nick", "alice"}});
  for (std::size_t i = 0; i < limits::rooms; ++i) {
    rig.say(alice, {{"type", "send"}, {"text", "x"}, {"room", "r" + std::to_string(i)}});
    rig.commit();
    rig.pass(1ms);
    (void)rig.heard(alice);
  }
  store.fail(errc::storage_full, 1000);
  rig.say(alice, {{"type", "join"}, {"room", "new"}});
  CHECK(rig.machine.has_uncommitted());
  rig.commit();
  CHECK(store.refused().size() == 1);
  CHECK_FALSE(rig.machine.has_uncommitted());
  CHECK(rig.machine.take_batch(rig.now).empty());
  store.fail(errc::storage_full, 0);
  rig.say(alice, send_of("hello"));
  rig.commit();
  const history_contents contents = store.contents();
  CHECK(contents.rooms.size() == limits::rooms);
  CHECK(std::ranges::none_of(contents.rooms, [](const stored_room& one) { return one.name == "r0"; }));
}

TEST_CASE("a room whose only message failed and that nobody is in is no room") {
  memory_history store;
  stored_rig rig{store};
  scripted_member& alice = rig.greet({{"tcpchat", 1}, {"nick", "alice"}});
  rig.say(alice, {{"type", "send"}, {"text", "x"}, {"room", "ops"}});
  rig.say(alice, {{"type", "send"}, {"text", "y"}, {"room", "ops"}});
  CHECK(rig.machine.rooms().size() == 1);
  store.fail(errc::storage_failed);
  rig.commit();
  CHECK(rig.machine.rooms().empty());
  CHECK(rig.heard(alice).size() == 2);
}

TEST_CASE("while too much waits for the disk nobody is read from, and after the commit all go on") {
  memory_history store;
  server_settings settings;
  settings.flood.off = true;
  stored_rig rig{store, settings};
  std::vector<scripted_member*> all;
  for (int i = 0; i < 5; ++i) all.push_back(&join_lobby(rig, ("n" + std::to_string(i)).c_str()));
  scripted_member& reader = join_lobby(rig, "reader");
  std::string many;
  for (int i = 0; i < 2000; ++i) many += send_of("x").dump() + "\n";
  for (scripted_member* const one : all) rig.say(*one, many);
  CHECK(rig.machine.wants_input(*all[0]));
  CHECK_FALSE(rig.machine.wants_input(*all[2]));
  CHECK_FALSE(rig.machine.wants_input(*all[4]));
  CHECK(rig.machine.wants_input(reader));
  const history_batch batch = rig.machine.take_batch(rig.now);
  CHECK(batch.messages.size() == limits::uncommitted_messages);
  const int wakes = all[4]->wakes;
  REQUIRE(store.commit(batch));
  rig.machine.on_committed({}, rig.now);
  rig.commit();
  for (scripted_member* const one : all) CHECK(rig.machine.wants_input(*one));
  CHECK(all[4]->wakes > wakes);
  CHECK(store.contents().rooms.at(0).messages.size() == 10'000);

  const std::string large = send_of(std::string(16'000, 'x')).dump() + "\n";
  for (int i = 0; i < 100; ++i) {
    for (scripted_member* const one : all) rig.say(*one, large);
  }
  std::size_t bytes = 0;
  for (const stored_message& one : rig.machine.take_batch(rig.now).messages) bytes += one.text.size();
  CHECK(bytes >= limits::uncommitted_bytes);
  CHECK(bytes < limits::uncommitted_bytes + limits::text);
}

TEST_CASE("repetitions that wait for the disk are bounded like messages") {
  memory_history store;
  server_settings settings;
  settings.flood.off = true;
  stored_rig rig{store, settings};
  scripted_member& alice = join_lobby(rig, "alice");
  std::string many;
  for (std::size_t i = 0; i <= limits::uncommitted_messages; ++i) many += send_of("x", "k").dump() + "\n";
  rig.say(alice, many);
  CHECK_FALSE(rig.machine.wants_input(alice));
  rig.commit();
  CHECK(rig.machine.wants_input(alice));
  CHECK(rig.heard(alice).size() == limits::uncommitted_messages + 2);
}

TEST_CASE("whatever happens, batches fit one another and what was acknowledged is kept") {
  std::minstd_rand random{11};
  const auto up_to = [&random](unsigned most) { return static_cast<unsigned>(random() % (most + 1)); };
  for (unsigned round = 0; round < 30; round += stride) {
    memory_history store;
    struct promise {
      std::string room;
      std::string epoch;
      std::uint64_t id;
      std::string text;
    };
    std::vector<promise> promises;
    int said = 0;
    for (int life = 0; life < 4; ++life) {
      server_settings settings;
      settings.flood.off = true;
      settings.history.messages = round % 2 == 0 ? 1000 : 5;
      stored_rig rig{store, settings};
      std::vector<scripted_member*> all;
      std::vector<std::pair<scripted_member*, std::string>> texts;
      std::optional<history_batch> at_store;
      const auto finish = [&] {
        if (!at_store) return;
        if (up_to(4) == 0) store.fail(errc::storage_full);
        const result<void> how = store.commit(*at_store);  // throws if it does not fit
        rig.machine.on_committed(how, rig.now);
        at_store.reset();
      };
      const auto listen = [&](scripted_member& who) {
        for (const json& line : rig.heard(who)) {
          if (line["type"] != "ack" || line.contains("repeat")) continue;
          const auto tag = line["tag"].get<std::string>();
          const std::size_t slash = tag.find('/');
          promises.push_back({tag.substr(0, slash), line["epoch"], line["id"], tag.substr(slash + 1)});
        }
      };
      for (int step = 0; step < 300; ++step) {
        switch (up_to(7)) {
          case 0:
            if (all.size() < 5) all.push_back(&rig.greet({{"tcpchat", 1}}));
            break;
          case 1:
            if (all.empty()) break;
            listen(*all.back());
            rig.machine.close(*all.back(), "", rig.now);
            all.pop_back();
            break;
          case 2:
            finish();
            break;
          case 3:
            if (at_store) break;
            at_store = rig.machine.take_batch(rig.now);
            if (at_store->empty()) at_store.reset();
            break;
          case 4:
            rig.pass(std::chrono::milliseconds{up_to(100)});
            break;
          default: {
            if (all.empty()) break;
            scripted_member& who = *all[up_to(static_cast<unsigned>(all.size()) - 1)];
            const std::string name = "r" + std::to_string(up_to(3));
            const std::string text = "text " + std::to_string(++said);
            json line{{"type", "send"}, {"text", text}, {"room", name}, {"tag", name + "/" + text}};
            if (up_to(1) == 0) line["key"] = "k" + std::to_string(up_to(50));
            rig.say(who, line);
            if (up_to(5) == 0) rig.say(who, {{"type", "join"}, {"room", name}});
            listen(who);
          }
        }
      }
      // The server may be killed with a batch at the store, or before its senders are told.
      if (up_to(1) == 0) finish();
      for (scripted_member* const one : all) listen(*one);
    }
    const history_contents contents = store.contents();
    CHECK(promises.size() > 20);
    for (const promise& one : promises) {
      const auto in = std::ranges::find(contents.rooms, one.room, &stored_room::name);
      REQUIRE(in != contents.rooms.end());
      CHECK(in->epoch == one.epoch);
      CHECK(one.id < in->next);
      const std::uint64_t oldest = in->next - in->messages.size();
      if (one.id >= oldest) CHECK(in->messages.at(one.id - oldest).text == one.text);
      if (round % 2 == 0) CHECK(oldest == 1);
    }
  }
}
