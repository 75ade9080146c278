#include <algorithm>
#include <string>

#include "support/catch.hpp"
#include "support/frames.hpp"
#include "support/transfer_rig.hpp"
#include "tcptools/transfer/limits.hpp"

using namespace tcptools;
using namespace tcptools::testing;
using namespace std::chrono_literals;

namespace {

transfer::entry file(const std::string& path, std::size_t size) {
  transfer::entry item;
  item.kind = transfer::entry_kind::file;
  item.path = path;
  item.mode = 0640;
  item.modified = {1'700'000'000, 123'456'789};
  item.block_log2 = transfer::choose_block_log2(size);
  return item;
}

void require_delivered(const recording_send_observer& told, const transfer_rig& rig, const memory_source& from) {
  REQUIRE(told.outcomes.size() == from.size());
  for (const transfer::send_outcome& one : told.outcomes) {
    INFO(one.what.item.path << ": " << (one.outcome ? "" : one.outcome.error().text()));
    REQUIRE(one.outcome);
  }
  const auto stored = rig.store.entries();
  for (std::size_t i = 0; i < from.size(); ++i) {
    const auto found = stored.find(from.item(i).path);
    REQUIRE(found != stored.end());
    CHECK(found->second.content == from.content(i));
  }
}

}  // namespace

TEST_CASE("files of every size around a block arrive", "[loopback]") {
  transfer_rig rig;
  memory_source from;
  unsigned seed = 0;
  for (const std::size_t size : {0U, 1U, 65'535U, 65'536U, 65'537U, 131'072U, 1'000'000U}) {
    from.add(file("dir/file" + std::to_string(size), size), noise(size, ++seed));
  }
  recording_send_observer told;
  auto body = [&]() -> net::awaitable<void> {
    const result<void> end = co_await rig.send(from, told);
    INFO((end ? "" : end.error().text()));
    CHECK(end);
  };
  rig.run(body());
  require_delivered(told, rig, from);
  REQUIRE(rig.observer.ends.size() == 1);
  CHECK(rig.observer.ends[0]);
}

TEST_CASE("thousands of small files need few round trips and no second connection", "[loopback]") {
  transfer_rig rig;
  memory_source from;
  for (unsigned i = 0; i < 3000; ++i) from.add(file("tree/" + std::to_string(i), 300), noise(300, i));
  recording_send_observer told;
  auto body = [&]() -> net::awaitable<void> {
    const result<void> end = co_await rig.send(from, told);
    CHECK(end);
  };
  rig.run(body());
  require_delivered(told, rig, from);
  CHECK(told.connections == 1);
}

TEST_CASE("what is there already is recognized", "[loopback]") {
  transfer_rig rig;
  memory_source first;
  memory_source again;
  for (memory_source* const one : {&first, &again}) {
    one->add(file("small", 5000), noise(5000, 1));
    one->add(file("large", 3'000'000), noise(3'000'000, 2));
  }
  recording_send_observer told;
  recording_send_observer told_again;
  auto body = [&]() -> net::awaitable<void> {
    const result<void> end = co_await rig.send(first, told);
    CHECK(end);
    const result<void> end_again = co_await rig.send(again, told_again);
    CHECK(end_again);
  };
  rig.run(body());
  require_delivered(told_again, rig, again);
  for (const transfer::send_outcome& one : told_again.outcomes) CHECK(one.outcome->unchanged);
  CHECK(told_again.wire < 100'000);
}

TEST_CASE("nobody listening fails at once", "[loopback]") {
  transfer_rig rig;
  memory_source from;
  from.add(file("x", 10), noise(10, 1));
  recording_send_observer told;
  auto body = [&]() -> net::awaitable<void> {
    rig.listener->close();
    const result<void> end = co_await rig.send(from, told);
    REQUIRE(!end);
    CHECK(end.error().code() == errc::connect_failed);
  };
  rig.run(body());
  CHECK(told.outcomes.empty());
}

TEST_CASE("many senders at once share one server", "[loopback]") {
  transfer_rig rig;
  std::vector<std::unique_ptr<memory_source>> sources;
  std::vector<recording_send_observer> told(20);
  for (unsigned i = 0; i < told.size(); ++i) {
    sources.push_back(std::make_unique<memory_source>());
    sources.back()->add(file("of" + std::to_string(i), 400'000), noise(400'000, i));
  }
  net::task_group senders{rig.io.get_executor(), [](std::string_view, std::string_view what) { FAIL_CHECK(what); }};
  auto one = [&](unsigned i) -> net::awaitable<void> {
    const result<void> end = co_await rig.send(*sources[i], told[i]);
    CHECK(end);
  };
  auto body = [&]() -> net::awaitable<void> {
    for (unsigned i = 0; i < told.size(); ++i) senders.spawn("sender", one(i));
    co_await senders.join();
  };
  rig.run(body());
  for (unsigned i = 0; i < told.size(); ++i) require_delivered(told[i], rig, *sources[i]);
}
