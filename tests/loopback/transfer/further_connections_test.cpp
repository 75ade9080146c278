// What a sender makes of the permission to use more than one connection.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/frames.hpp"
#include "support/scripted_receiver.hpp"
#include "support/transfer_rig.hpp"
#include "tcptools/transfer/limits.hpp"

using namespace tcptools;
using namespace tcptools::testing;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t size_sent = 24U << 20U;
constexpr std::uint64_t blocks_sent = size_sent >> transfer::limits::smallest_block_log2;

transfer::join_secret some_secret() {
  transfer::join_secret secret{};
  secret.fill(std::byte{7});
  return secret;
}

transfer::frames::welcome welcome_for(std::uint8_t connections) {
  transfer::frames::welcome welcome{1, 10, 5, 1U << 30U, std::nullopt};
  if (connections > 0) welcome.more = transfer::frames::grant{connections, some_secret()};
  return welcome;
}

// A sender with one file that no buffer on the way can hold, beside a receiver's script.
class joining_rig {
 public:
  joining_rig() {
    transfer::entry item;
    item.kind = transfer::entry_kind::file;
    item.path = "large";
    item.mode = 0640;
    item.block_log2 = transfer::limits::smallest_block_log2;
    source.add(item, noise(size_sent, 1));
    settings.connections = 2;
  }

  void run(net::awaitable<void> script) {
    tasks.spawn("sender", send());
    tasks.spawn("script", std::move(script));
    io.run_for(30s);
    REQUIRE(tasks.size() == 0);
  }

  // Up to the file's ACCEPT.
  net::awaitable<std::unique_ptr<scripted_connection>> accept_first(std::uint8_t connections) {
    std::unique_ptr<scripted_connection> one = co_await receiver.accept();
    const auto hello = co_await one->hear<transfer::frames::hello>();
    REQUIRE(hello);
    asked_for = hello->connections;
    session = hello->session;
    transfer::frame welcome = welcome_for(connections);
    co_await one->say(std::move(welcome));
    const auto offer = co_await one->hear<transfer::frames::offer>();
    REQUIRE(offer);
    co_await one->say(transfer::frames::accept{offer->id, 0});
    co_return one;
  }
  net::awaitable<std::unique_ptr<scripted_connection>> accept_joined() {
    std::unique_ptr<scripted_connection> one = co_await receiver.accept();
    const auto join = co_await one->hear<transfer::frames::join>();
    REQUIRE(join);
    CHECK(join->session == session);
    CHECK(join->secret == some_secret());
    co_return one;
  }
  net::awaitable<void> deliver(scripted_connection& on) {
    transfer::frame delivered = transfer::frames::delivered{1, false, ""};
    co_await on.say(std::move(delivered));
    co_await on.say(transfer::frames::bye{});
    co_await on.take_while([] { return true; });
  }
  // Everything that `others` did not get is asked for again on the first connection.
  net::awaitable<void> take_missing(scripted_connection& first, const std::set<std::uint64_t>& others) {
    std::set<std::uint64_t> missing;
    for (std::uint64_t index = 0; index < blocks_sent; ++index) {
      if (!first.blocks.contains(index) && !others.contains(index)) missing.insert(index);
    }
    for (const std::uint64_t index : missing) co_await first.say(transfer::frames::need{1, {index, 1}});
    const auto is_missing = [&](std::uint64_t index) { return !first.blocks.contains(index); };
    co_await first.take_while([&] { return std::ranges::any_of(missing, is_missing); });
    CHECK(std::ranges::none_of(missing, is_missing));
  }

  asio::io_context io{1};
  net::worker_pool pool{1};
  scripted_receiver receiver{io.get_executor()};
  memory_source source;
  transfer::send_settings settings;
  recording_send_observer told;
  result<void> end;
  unsigned asked_for = 0;
  transfer::session_id session{};
  net::task_group tasks{io.get_executor(),
                        [](std::string_view task, std::string_view what) { FAIL_CHECK(task << ": " << what); }};

 private:
  net::awaitable<void> send() {
    settings.host = "127.0.0.1";
    settings.port = receiver.port();
    transfer::send_queue queue{source};
    transfer::send_context sending{settings, queue, pool, told};
    transfer::sender sender{io.get_executor(), sending};
    end = co_await sender.run();
    receiver.close();
  }
};

void require_sent(const joining_rig& rig) {
  INFO((rig.end ? "" : rig.end.error().text()));
  CHECK(rig.end);
  REQUIRE(rig.told.outcomes.size() == 1);
  CHECK(rig.told.outcomes[0].outcome);
}

}  // namespace

TEST_CASE("blocks of one file go on both connections, each once, and FENCE behind them", "[loopback]") {
  joining_rig rig;
  auto script = [&]() -> net::awaitable<void> {
    const auto first = co_await rig.accept_first(1);
    CHECK(rig.asked_for == 1);
    const auto joined = co_await rig.accept_joined();
    co_await joined->take_while([&] { return joined->blocks.empty(); });
    rig.tasks.spawn("joined", joined->take_while([&] { return joined->fences.empty(); }));
    co_await first->take_while([&] { return !first->is_finished; });
    while (joined->fences.empty()) co_await rig.tasks.changed();
    CHECK(joined->fences == std::vector<std::uint32_t>{1});
    CHECK(first->blocks.size() + joined->blocks.size() == blocks_sent);
    CHECK(first->repeated.empty());
    CHECK(joined->repeated.empty());
    co_await rig.deliver(*first);
    const bool over = co_await joined->hear_end();
    CHECK(over);
  };
  rig.run(script());
  require_sent(rig);
  CHECK(rig.told.connections == 1);
  CHECK(rig.told.wire > size_sent);
}

TEST_CASE("no more connections than the receiver allows, and none without its word", "[loopback]") {
  joining_rig rig;
  rig.settings.connections = 16;
  auto script = [&]() -> net::awaitable<void> {
    const auto first = co_await rig.accept_first(0);
    CHECK(rig.asked_for == 15);
    co_await first->take_while([&] { return !first->is_finished; });
    CHECK(first->blocks.size() == blocks_sent);
    co_await rig.deliver(*first);
  };
  rig.run(script());
  require_sent(rig);
}

TEST_CASE("who is told to make one connection does not ask for more", "[loopback]") {
  joining_rig rig;
  rig.settings.connections = 1;
  auto script = [&]() -> net::awaitable<void> {
    const auto first = co_await rig.accept_first(0);
    CHECK(rig.asked_for == 0);
    co_await first->take_while([&] { return !first->is_finished; });
    co_await rig.deliver(*first);
  };
  rig.run(script());
  require_sent(rig);
}

TEST_CASE("a receiver that refuses to join connections gets everything on the first", "[loopback]") {
  joining_rig rig;
  bool tried_again = false;
  auto see_others = [&]() -> net::awaitable<void> {
    const auto another = co_await rig.receiver.accept();
    tried_again = another != nullptr;
  };
  auto script = [&]() -> net::awaitable<void> {
    const auto first = co_await rig.accept_first(1);
    for (unsigned i = 0; i < transfer::limits::lost_joins; ++i) {
      const auto joined = co_await rig.accept_joined();
      transfer::frame no = transfer::frames::error{transfer::wire_code::refused, "no"};
      co_await joined->say(std::move(no));
      co_await joined->take_while([] { return true; });
    }
    rig.tasks.spawn("others", see_others());
    co_await first->take_while([&] { return !first->is_finished; });
    co_await rig.take_missing(*first, {});
    co_await rig.deliver(*first);
  };
  rig.run(script());
  require_sent(rig);
  CHECK_FALSE(tried_again);
}

TEST_CASE("what a joined connection loses is sent again on the first", "[loopback]") {
  joining_rig rig;
  auto script = [&]() -> net::awaitable<void> {
    const auto first = co_await rig.accept_first(1);
    const auto joined = co_await rig.accept_joined();
    co_await joined->take_while([&] { return joined->blocks.size() < 10; });
    joined->reset();
    rig.receiver.close();
    co_await first->take_while([&] { return !first->is_finished; });
    CHECK(first->blocks.size() + joined->blocks.size() < blocks_sent);
    co_await rig.take_missing(*first, joined->blocks);
    co_await rig.deliver(*first);
  };
  rig.run(script());
  require_sent(rig);
}

TEST_CASE("a joined connection that holds up the rest is cut off", "[loopback]") {
  joining_rig rig;
  auto script = [&]() -> net::awaitable<void> {
    const auto first = co_await rig.accept_first(1);
    const auto joined = co_await rig.accept_joined();
    co_await joined->take_while([&] { return joined->blocks.empty(); });
    rig.receiver.close();
    co_await first->take_while([&] { return !first->is_finished; });
    CHECK(first->blocks.size() + joined->blocks.size() < blocks_sent);
    const auto cut = co_await joined->hear_reset();
    CHECK(cut);
    co_await rig.take_missing(*first, joined->blocks);
    co_await rig.deliver(*first);
  };
  rig.run(script());
  require_sent(rig);
}

TEST_CASE("when the first connection is lost the others end, and the next one resumes", "[loopback]") {
  joining_rig rig;
  auto script = [&]() -> net::awaitable<void> {
    auto first = co_await rig.accept_first(1);
    const auto joined = co_await rig.accept_joined();
    co_await joined->take_while([&] { return joined->blocks.empty(); });
    first->reset();
    co_await joined->take_while([] { return true; });
    const auto again = co_await rig.accept_first(0);
    co_await again->take_while([&] { return !again->is_finished; });
    CHECK(again->blocks.size() == blocks_sent);
    co_await rig.deliver(*again);
  };
  rig.run(script());
  require_sent(rig);
  CHECK(rig.told.connections == 2);
}

TEST_CASE("four connections deliver many files to a receiver", "[loopback]") {
  transfer_rig rig;
  memory_source from;
  for (unsigned i = 0; i < 40; ++i) {
    transfer::entry item;
    item.kind = transfer::entry_kind::file;
    item.path = "of/" + std::to_string(i);
    item.mode = 0640;
    const std::size_t size = i % 4 == 0 ? 3'000'000 + i : 70'000 * i / 4;
    item.block_log2 = transfer::choose_block_log2(size);
    from.add(item, noise(size, i));
  }
  recording_send_observer told;
  auto body = [&]() -> net::awaitable<void> {
    transfer::send_settings settings;
    settings.port = rig.listener->port();
    settings.connections = 4;
    const result<void> end = co_await rig.send(from, told, settings);
    INFO((end ? "" : end.error().text()));
    CHECK(end);
  };
  rig.run(body());
  REQUIRE(told.outcomes.size() == from.size());
  const auto stored = rig.store.entries();
  for (std::size_t i = 0; i < from.size(); ++i) {
    INFO((told.outcomes[i].outcome ? "" : told.outcomes[i].outcome.error().text()));
    CHECK(told.outcomes[i].outcome);
    CHECK(stored.at(from.item(i).path).content == from.content(i));
  }
  CHECK(told.connections == 1);
}
