#include "tcptools/transfer/receive_machine.hpp"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "support/catch.hpp"
#include "support/frames.hpp"
#include "support/show.hpp"

using tcptools::as_bytes;
using tcptools::byte_buffer;
using tcptools::byte_view;
using tcptools::errc;
using tcptools::error;
using tcptools::result;
using namespace tcptools::testing;
using namespace tcptools::transfer;

namespace {

constexpr receive_machine::settings usual{100, 5, 1U << 30U};

// What a sender says and a store answers; jobs() and answers() are what became of it since they were last asked.
class receiver_script {
 public:
  explicit receiver_script(receive_machine::settings chosen = usual) : machine{chosen} {}
  // A conversation that has begun.
  static receiver_script begun(receive_machine::settings chosen = usual) {
    receiver_script talk{chosen};
    talk.hear(frames::hello{1, 1, {}, 0, false, true});
    (void)talk.machine.take_answers();
    return talk;
  }

  receiver_script& hear(frame value) {
    const result<void> good = machine.on_frame(std::move(value), nullptr);
    CAPTURE(good ? error{errc::refused, "nothing wrong"} : good.error());
    REQUIRE(good);
    return *this;
  }
  [[nodiscard]] std::optional<errc> fails_on(frame value) {
    const result<void> good = machine.on_frame(std::move(value), nullptr);
    return good ? std::nullopt : std::optional{good.error().code()};
  }
  [[nodiscard]] bool breaks_rules(frame value) { return fails_on(std::move(value)) == errc::protocol_violation; }

  receiver_script& stored(std::uint32_t id, std::string path, bool unchanged = false) {
    return answer(job_results::stored{id, placed{std::move(path), unchanged}});
  }
  receiver_script& opened(std::uint32_t id, std::uint64_t checked = 0) {
    return answer(job_results::opened{id, job_results::opened::file{checked, false}});
  }
  receiver_script& written(std::uint32_t id, std::uint64_t index, std::size_t length, result<void> outcome = {}) {
    return answer(job_results::written{id, index, length, std::move(outcome)});
  }
  receiver_script& answer(const job_result& value) {
    machine.on_result(value);
    return *this;
  }

  [[nodiscard]] std::string jobs() { return show_all(machine.take_jobs()); }
  [[nodiscard]] std::string answers() {
    const byte_buffer bytes = machine.take_answers();
    return show_all(decode_all(bytes));
  }
  // "path: ok" or "path: reason", of entries that ended.
  [[nodiscard]] std::string outcomes() {
    std::string line;
    for (const receive_outcome& one : machine.take_outcomes()) {
      const std::string how =
          one.outcome ? "ok" : std::to_string(static_cast<unsigned>(to_wire(one.outcome.error().code())));
      line += (line.empty() ? "" : ", ") + one.item.path + ": " + how;
    }
    return line;
  }

  receive_machine machine;
};

frames::offer inlined(std::uint32_t id, std::string path, byte_view content) {
  return {id, file_entry(std::move(path), content.size()), frames::inlined{digest_of(content), content}};
}
frames::offer promised(std::uint32_t id, std::string path, byte_view content) {
  return {id, file_entry(std::move(path), content.size()), frames::promised{digest_of(content)}};
}
frames::offer by_time(std::uint32_t id, std::string path, std::uint64_t size) {
  return {id, file_entry(std::move(path), size), frames::promised{}};
}
frames::offer open_file(std::uint32_t id, std::string path, std::uint64_t size) {
  return {id, file_entry(std::move(path), size), {}};
}
frames::offer directory(std::uint32_t id, std::string path) { return {id, directory_entry(std::move(path)), {}}; }
frames::offer a_link(std::uint32_t id, std::string path) { return {id, link_entry(std::move(path), "target"), {}}; }

const byte_view little = as_bytes("hello");
const byte_buffer large = noise(smallest_block + 100, 1);
constexpr std::size_t job_size = sizeof(job);

// Entry 1, "a", has the size and time that it is offered by.
void is_found_by_time(receiver_script& talk, std::uint64_t size) {
  CHECK(talk.answer(job_results::found{1, std::optional{placed{"a", true}}}).answers() == "DELIVERED 1 unchanged");
  const auto outcomes = talk.machine.take_outcomes();
  REQUIRE(outcomes.size() == 1);
  CHECK(outcomes[0].size == size);
  CHECK_FALSE(outcomes[0].root);
}

}  // namespace

TEST_CASE("HELLO is answered with WELCOME") {
  receiver_script talk;
  CHECK_FALSE(talk.machine.session());
  CHECK(talk.machine.waits_for_sender());
  frames::hello hello;
  hello.session.fill(std::byte{9});
  talk.hear(hello);
  CHECK(talk.answers() == "WELCOME window 100 open 5");
  CHECK(talk.machine.session() == hello.session);
  CHECK(talk.breaks_rules(hello));
}

TEST_CASE("compression is chosen where it is offered, and a violation where it was not") {
  receiver_script talk;
  talk.hear(frames::hello{1, 1, {}, 0, true});
  CHECK(talk.answers() == "WELCOME window 100 open 5 zstd");
  const byte_view part = byte_view{large}.first(1000);
  talk.hear(open_file(1, "f", large.size())).opened(1);
  talk.hear(compressed_frame(1, 0, block_of(large, 0), part));
  CHECK(talk.jobs() == "open 1, write 1 0 from 1000");
  CHECK(talk.breaks_rules(compressed_frame(1, 1, block_of(large, 1), part)));

  receiver_script without = receiver_script::begun();
  without.hear(open_file(1, "f", large.size())).opened(1);
  CHECK(without.breaks_rules(compressed_frame(1, 0, block_of(large, 0), part)));
}

TEST_CASE("promised content is not compressed") {
  receiver_script talk;
  talk.hear(frames::hello{1, 1, {}, 0, true}).hear(promised(1, "p", little));
  talk.answer(job_results::found{1, std::optional<placed>{}});
  CHECK(talk.breaks_rules(compressed_frame(1, 0, little, little.first(3))));
  CHECK(talk.breaks_rules(compressed_frame(1, 0, little, little)));
}

TEST_CASE("a compressed block counts with its own length in what waits and in a stream's size") {
  receiver_script talk{{100, 5, 1U << 30U, 2 * smallest_block}};
  talk.hear(frames::hello{1, 1, {}, 0, true});
  talk.hear(frames::offer{1, stream_entry("s"), {}}).opened(1);
  (void)talk.jobs();
  const byte_view part = little;
  talk.hear(compressed_frame(1, 0, block_of(large, 0), part));
  CHECK(talk.machine.waiting_bytes() == smallest_block + job_size);
  talk.hear(compressed_frame(1, 1, block_of(large, 0), part));
  (void)talk.jobs();
  (void)talk.answers();
  talk.hear(compressed_frame(1, 2, block_of(large, 0), part));
  CHECK(talk.answers() == "REFUSE 1 code 7");
  CHECK(talk.jobs() == "abandon 1 and discard");
}

TEST_CASE("of compressed blocks a batch has as many as of others") {
  receiver_script talk;
  talk.hear(frames::hello{1, 1, {}, 0, true});
  talk.hear(open_file(1, "f", 64 * smallest_block)).opened(1);
  (void)talk.jobs();
  for (std::uint64_t i = 0; i < 64; ++i) talk.hear(compressed_frame(1, i, little, little));
  CHECK(talk.machine.take_jobs().size() == 16);
}

TEST_CASE("versions") {
  receiver_script talk;
  CHECK(talk.fails_on(frames::hello{2, 3, {}}) == errc::version_unsupported);
  CHECK_FALSE(talk.machine.session());
  CHECK_FALSE(talk.fails_on(frames::hello{1, 9, {}}));
}

TEST_CASE("nothing comes before HELLO") {
  const frame first = GENERATE(frame{frames::bye{}}, frame{frames::unknown{}}, frame{a_link(1, "a")},
                               frame{frames::block{1, 0, {}, {}}}, frame{frames::cancel{1, wire_code::cancelled, {}}},
                               frame{frames::welcome{}});
  receiver_script talk;
  CHECK(talk.breaks_rules(first));
}

TEST_CASE("what only a receiver says") {
  const frame wrong =
      GENERATE(frame{frames::welcome{}}, frame{frames::accept{}}, frame{frames::have{}}, frame{frames::need{}},
               frame{frames::delivered{}}, frame{frames::refuse{}}, frame{frames::progress{}});
  auto talk = receiver_script::begun();
  CHECK(talk.breaks_rules(wrong));
}

TEST_CASE("what this version does not know is skipped") {
  auto talk = receiver_script::begun();
  talk.hear(frames::unknown{});
  CHECK(talk.answers().empty());
}

TEST_CASE("ERROR ends the conversation with its reason, HELLO or not") {
  receiver_script talk;
  CHECK(talk.fails_on(frames::error{wire_code::cancelled, "enough"}) == errc::cancelled);
  CHECK(receiver_script::begun().fails_on(frames::error{wire_code::shutting_down, ""}) == errc::connection_lost);
}

TEST_CASE("a small file is stored with its offer") {
  auto talk = receiver_script::begun();
  talk.hear(inlined(1, "a", little));
  CHECK(talk.answers().empty());
  CHECK(talk.jobs() == "put 1");
  CHECK_FALSE(talk.machine.waits_for_sender());
  SECTION("and delivered") {
    CHECK(talk.stored(1, "a").answers() == "DELIVERED 1");
    const std::vector<receive_outcome> outcomes = talk.machine.take_outcomes();
    REQUIRE(outcomes.size() == 1);
    CHECK(outcomes[0].item == file_entry("a", 5));
    CHECK(outcomes[0].size == 5);
    CHECK(outcomes[0].root == digest_of(little));
    CHECK(outcomes[0].outcome);
  }
  SECTION("or was there") { CHECK(talk.stored(1, "a", true).answers() == "DELIVERED 1 unchanged"); }
  SECTION("or got another name") { CHECK(talk.stored(1, "a (1)").answers() == "DELIVERED 1 as 'a (1)'"); }
  SECTION("or not stored") {
    talk.answer(job_results::stored{1, error{errc::verify_failed}});
    CHECK(talk.answers() == "REFUSE 1 code 8");
    CHECK(talk.outcomes() == "a: 8");
  }
  CHECK(talk.machine.waits_for_sender());
}

TEST_CASE("what a store answers is told by its code") {
  const auto [code, number] = GENERATE(table<errc, int>({{errc::busy, 4},
                                                         {errc::name_rejected, 5},
                                                         {errc::conflict, 6},
                                                         {errc::too_large, 7},
                                                         {errc::verify_failed, 8},
                                                         {errc::storage_full, 9},
                                                         {errc::storage_read_only, 10},
                                                         {errc::storage_failed, 11}}));
  const std::string refused = "REFUSE 1 code " + std::to_string(number);
  auto talk = receiver_script::begun();
  SECTION("to put") {
    talk.hear(inlined(1, "a", little));
    CHECK(talk.answer(job_results::stored{1, error{code}}).answers() == refused);
  }
  SECTION("to find") {
    talk.hear(promised(1, "a", little));
    CHECK(talk.answer(job_results::found{1, error{code}}).answers() == refused);
  }
  SECTION("to make") {
    talk.hear(a_link(1, "a"));
    CHECK(talk.answer(job_results::stored{1, error{code}}).answers() == refused);
  }
  SECTION("to open") {
    talk.hear(open_file(1, "a", 100));
    CHECK(talk.jobs() == "open 1");
    CHECK(talk.answer(job_results::opened{1, error{code}}).answers() == refused);
    CHECK(talk.jobs().empty());
  }
  SECTION("to keep") {
    talk.hear(open_file(1, "a", 100)).opened(1, 1);
    talk.answer(job_results::claimed{1, 0, std::vector<std::optional<digest>>{digest{}}}).hear(frames::keep{1, {0, 1}});
    (void)talk.answers();
    CHECK(talk.answer(job_results::kept{1, 0, error{code}}).answers() == refused);
    CHECK(talk.jobs() == "abandon 1");
  }
  SECTION("to write") {
    if (code == errc::verify_failed) return;  // asked for again
    talk.hear(open_file(1, "a", 5)).opened(1).hear(block_frame(1, 0, little));
    (void)talk.answers();
    CHECK(talk.written(1, 0, 5, error{code}).answers() == refused);
    CHECK(talk.jobs() == "abandon 1");
  }
  SECTION("to make a hole") {
    talk.hear(open_file(1, "a", 5)).opened(1).hear(frames::hole{1, {0, 1}});
    (void)talk.answers();
    CHECK(talk.answer(job_results::written_hole{1, {0, 1}, error{code}}).answers() == refused);
    CHECK(talk.jobs() == "abandon 1");
  }
  SECTION("to commit") {
    const byte_buffer content{little.begin(), little.end()};
    talk.hear(open_file(1, "a", 5)).opened(1).hear(block_frame(1, 0, little)).hear(finish_frame(1, content));
    (void)talk.jobs();
    talk.written(1, 0, 5);
    CHECK(talk.jobs() == "commit 1 5");
    (void)talk.answers();
    CHECK(talk.answer(job_results::stored{1, error{code}}).answers() == refused);
    CHECK(talk.jobs().empty());
  }
  CHECK(talk.outcomes() == "a: " + std::to_string(number));
}

TEST_CASE("offers by time are for those who asked for them") {
  receiver_script talk;
  talk.hear(frames::hello{1, 1, {}, 0, false, true});
  CHECK(talk.answers() == "WELCOME window 100 open 5 quick");
  talk.hear(by_time(1, "a", 5)).hear(by_time(2, "b", large.size()));
  receiver_script older;
  older.hear(frames::hello{});
  CHECK(older.answers() == "WELCOME window 100 open 5");
  CHECK(older.breaks_rules(by_time(1, "a", 5)));
  CHECK(older.breaks_rules(by_time(1, "b", large.size())));
}

TEST_CASE("a small file that is offered by time is looked at and asked for") {
  auto talk = receiver_script::begun();
  talk.hear(by_time(1, "a", little.size()));
  CHECK(talk.jobs() == "find 1 by time");
  CHECK_FALSE(talk.machine.waits_for_sender());
  SECTION("it is there") { is_found_by_time(talk, little.size()); }
  SECTION("it is not, and is judged by the digest that comes with it, each time") {
    CHECK(talk.answer(job_results::found{1, std::optional<placed>{}}).answers() == "NEED 1 0+1");
    CHECK(talk.machine.waits_for_sender());
    for (const byte_view content : {as_bytes("first"), little}) {
      talk.hear(block_frame(1, 0, content));
      const std::vector<job> jobs = talk.machine.take_jobs();
      REQUIRE(jobs.size() == 1);
      CHECK(std::get<jobs::put>(jobs[0]).content_digest == digest_of(content));
      if (content.data() != little.data())
        CHECK(talk.answer(job_results::stored{1, error{errc::verify_failed}}).answers() == "NEED 1 0+1");
    }
    CHECK(talk.stored(1, "a").answers() == "DELIVERED 1");
    CHECK(talk.machine.take_outcomes().at(0).root == digest_of(little));
  }
  SECTION("before it was asked for, nothing of it may come") {
    CHECK(talk.breaks_rules(block_frame(1, 0, little)));
    CHECK(talk.breaks_rules(frames::cancel{1, wire_code::source_changed, {}}));
  }
  SECTION("nothing else than its block may come") {
    talk.answer(job_results::found{1, std::optional<placed>{}});
    CHECK(talk.breaks_rules(block_frame(1, 1, little)));
    CHECK(talk.breaks_rules(block_frame(1, 0, little.first(4))));
    CHECK(talk.breaks_rules(compressed_frame(1, 0, little, little.first(3))));
    CHECK(talk.breaks_rules(frames::hole{1, {0, 1}}));
    CHECK(talk.breaks_rules(frames::finish{1, 5, {}}));
  }
}

TEST_CASE("a large file that is offered by time is looked at, then opened") {
  auto talk = receiver_script::begun();
  talk.hear(by_time(1, "a", large.size()));
  CHECK(talk.jobs() == "find 1 by time");
  CHECK_FALSE(talk.machine.waits_for_sender());
  SECTION("it is there") { is_found_by_time(talk, large.size()); }
  SECTION("it is not") {
    CHECK(talk.answer(job_results::found{1, std::optional<placed>{}}).answers().empty());
    CHECK(talk.jobs() == "open 1");
    CHECK(talk.opened(1).answers() == "ACCEPT 1 checked 0");
  }
  SECTION("something else is in its place") {
    CHECK(talk.answer(job_results::found{1, error{errc::conflict}}).answers() == "REFUSE 1 code 6");
    CHECK(talk.outcomes() == "a: 6");
  }
  SECTION("it is given up") {
    talk.hear(frames::cancel{1, wire_code::source_changed, {}});
    CHECK(talk.outcomes() == "a: 14");
    talk.answer(job_results::found{1, std::optional{placed{"a", true}}});
    CHECK(talk.answers().empty());
    CHECK(talk.jobs() == "abandon 1");
  }
  SECTION("before it is accepted, nothing of it may come") {
    CHECK(talk.breaks_rules(block_frame(1, 0, block_of(large, 0))));
    CHECK(talk.breaks_rules(frames::finish{1, large.size(), {}}));
  }
  SECTION("it is open from the offer on") {
    for (std::uint32_t id = 2; id <= 5; ++id) talk.hear(by_time(id, "b", large.size()));
    CHECK(talk.breaks_rules(by_time(6, "c", large.size())));
    talk.hear(by_time(6, "c", little.size()));
    talk.answer(job_results::found{3, std::optional{placed{"b", true}}}).hear(open_file(7, "d", large.size()));
    CHECK(talk.jobs() == "find 2 by time, find 4 by time, find 5 by time, find 6 by time, open 7");
  }
}

TEST_CASE("a promised file is looked for and asked for") {
  auto talk = receiver_script::begun();
  talk.hear(promised(1, "a", little));
  CHECK(talk.jobs() == "find 1");
  CHECK_FALSE(talk.machine.waits_for_sender());
  SECTION("it is there") {
    CHECK(talk.answer(job_results::found{1, std::optional{placed{"a", true}}}).answers() == "DELIVERED 1 unchanged");
  }
  SECTION("it is not") {
    CHECK(talk.answer(job_results::found{1, std::optional<placed>{}}).answers() == "NEED 1 0+1");
    CHECK(talk.machine.waits_for_sender());
    talk.hear(block_frame(1, 0, little));
    CHECK_FALSE(talk.machine.waits_for_sender());
    CHECK(talk.breaks_rules(block_frame(1, 0, little)));
    CHECK(talk.jobs() == "put 1");
    CHECK(talk.stored(1, "a").answers() == "DELIVERED 1");
  }
  SECTION("what comes is judged by the promise, not by its own word") {
    talk.answer(job_results::found{1, std::optional<placed>{}}).hear(block_frame(1, 0, as_bytes("other")));
    const std::vector<job> jobs = talk.machine.take_jobs();
    REQUIRE(jobs.size() == 1);
    CHECK(std::get<jobs::put>(jobs[0]).content_digest == digest_of(little));
  }
  SECTION("it is given up") {
    talk.answer(job_results::found{1, std::optional<placed>{}});
    (void)talk.answers();
    talk.hear(frames::cancel{1, wire_code::source_changed, "it changed"});
    CHECK(talk.answers().empty());
    CHECK(talk.outcomes() == "a: 14");
    talk.hear(block_frame(1, 0, little));
    CHECK(talk.jobs().empty());
  }
  SECTION("before it was asked for, nothing of it may come") {
    CHECK(talk.breaks_rules(block_frame(1, 0, little)));
    CHECK(talk.breaks_rules(frames::cancel{1, wire_code::source_changed, {}}));
  }
  SECTION("nothing else than its block may come") {
    talk.answer(job_results::found{1, std::optional<placed>{}});
    CHECK(talk.breaks_rules(block_frame(1, 1, little)));
    CHECK(talk.breaks_rules(block_frame(1, 0, little.first(4))));
    CHECK(talk.breaks_rules(frames::hole{1, {0, 1}}));
    CHECK(talk.breaks_rules(frames::keep{1, {0, 1}}));
    CHECK(talk.breaks_rules(frames::finish{1, 5, {}}));
  }
}

TEST_CASE("a directory waits for everything older") {
  auto talk = receiver_script::begun();
  SECTION("made at once where there is nothing") {
    talk.hear(directory(1, "d"));
    CHECK(talk.jobs() == "make 1");
    CHECK(talk.stored(1, "d").answers() == "DELIVERED 1");
  }
  SECTION("and not for what is newer") {
    talk.hear(inlined(1, "d/a", little)).hear(open_file(2, "d/b", 5)).hear(directory(3, "d")).hear(a_link(4, "e"));
    CHECK(talk.jobs() == "put 1, open 2, make 4");
    CHECK(talk.stored(1, "d/a").stored(4, "e").answers() == "DELIVERED 1, DELIVERED 4");
    CHECK(talk.jobs().empty());
    SECTION("until it is delivered") {
      talk.opened(2).hear(block_frame(2, 0, little)).hear(finish_frame(2, {little.begin(), little.end()}));
      CHECK(talk.jobs() == "write 2 0");
      talk.written(2, 0, 5);
      CHECK(talk.jobs() == "commit 2 5");
      talk.stored(2, "d/b");
      CHECK(talk.jobs() == "make 3");
    }
    SECTION("until it is refused") {
      talk.answer(job_results::opened{2, error{errc::conflict}});
      CHECK(talk.jobs() == "make 3");
    }
    SECTION("until it is given up") {
      talk.hear(frames::cancel{2, wire_code::source_changed, {}});
      CHECK(talk.jobs() == "abandon 2, make 3");
    }
    (void)talk.answers();
    CHECK(talk.stored(3, "d").answers() == "DELIVERED 3");
  }
  SECTION("several follow one another in one go") {
    talk.hear(inlined(1, "d/e/a", little)).hear(directory(2, "d/e")).hear(directory(3, "d")).hear(a_link(4, "x"));
    talk.hear(directory(5, "y"));
    CHECK(talk.jobs() == "put 1, make 4");
    talk.stored(1, "d/e/a");
    CHECK(talk.jobs() == "make 2, make 3");
    talk.stored(2, "d/e").stored(3, "d");
    CHECK(talk.jobs().empty());
    talk.stored(4, "x");
    CHECK(talk.jobs() == "make 5");
  }
  SECTION("it cannot be given up, nor has it blocks") {
    talk.hear(open_file(1, "d/a", 5)).hear(directory(2, "d"));
    CHECK(talk.breaks_rules(frames::cancel{2, wire_code::cancelled, {}}));
    CHECK(talk.breaks_rules(block_frame(2, 0, little)));
    CHECK(talk.breaks_rules(frames::hole{2, {0, 1}}));
  }
}

TEST_CASE("an open file goes from OFFER to DELIVERED") {
  auto talk = receiver_script::begun();
  talk.hear(open_file(1, "a", large.size()));
  CHECK(talk.jobs() == "open 1");
  CHECK_FALSE(talk.machine.waits_for_sender());
  talk.opened(1, 1);
  CHECK(talk.answers() == "ACCEPT 1 checked 1");
  CHECK(talk.jobs() == "claim 1 0+1");
  talk.hear(block_frame(1, 1, block_of(large, 1)));
  CHECK(talk.jobs() == "write 1 1");
  talk.answer(job_results::claimed{1, 0, std::vector<std::optional<digest>>{digest_of(block_of(large, 0))}});
  CHECK(talk.answers() == "HAVE 1 0+1");
  talk.written(1, 1, 100);
  CHECK(talk.machine.waits_for_sender());
  talk.hear(frames::keep{1, {0, 1}}).hear(finish_frame(1, large));
  CHECK(talk.jobs() == "keep 1 0+1");
  CHECK_FALSE(talk.machine.waits_for_sender());
  talk.answer(job_results::kept{1, 0, std::vector<bool>{true}});
  CHECK(talk.jobs() == "commit 1 65636");
  CHECK(talk.stored(1, "a").answers() == "DELIVERED 1");
  const std::vector<receive_outcome> outcomes = talk.machine.take_outcomes();
  REQUIRE(outcomes.size() == 1);
  CHECK(outcomes[0].size == large.size());
  CHECK(outcomes[0].root == finish_frame(1, large).root);
}

TEST_CASE("a stream's outcome has the size it turned out to have") {
  auto talk = receiver_script::begun();
  talk.hear(frames::offer{1, stream_entry("s"), {}}).opened(1);
  talk.hear(block_frame(1, 0, little)).hear(finish_frame(1, {little.begin(), little.end()}));
  talk.written(1, 0, 5);
  CHECK(talk.jobs() == "open 1, write 1 0, commit 1 5");
  CHECK(talk.stored(1, "s").answers() == "ACCEPT 1 checked 0, DELIVERED 1");
  CHECK(talk.machine.take_outcomes().at(0).size == 5);
}

TEST_CASE("a stream that grows too large is refused") {
  auto talk = receiver_script::begun({100, 5, 4});
  talk.hear(frames::offer{1, stream_entry("s"), {}}).opened(1).hear(block_frame(1, 0, little));
  CHECK(talk.answers() == "ACCEPT 1 checked 0, REFUSE 1 code 7");
  CHECK(talk.jobs() == "abandon 1 and discard");
}

TEST_CASE("an entry can be given up until everything was sent") {
  auto talk = receiver_script::begun();
  const frames::cancel cancel{1, wire_code::source_changed, "it changed"};
  talk.hear(open_file(1, "a", large.size()));
  SECTION("before it is opened") {
    CHECK(talk.hear(cancel).jobs() == "abandon 1");
    talk.opened(1);
  }
  SECTION("while it is opened") {
    CHECK(talk.jobs() == "open 1");
    CHECK(talk.hear(cancel).jobs() == "abandon 1");
    talk.opened(1, 2);
    CHECK(talk.jobs().empty());
  }
  SECTION("while it is compared") {
    (void)talk.jobs();
    talk.opened(1, 2);
    CHECK(talk.hear(cancel).jobs() == "abandon 1");
    talk.answer(job_results::claimed{1, 0, std::vector<std::optional<digest>>(2)});
    CHECK(talk.jobs().empty());
  }
  SECTION("while blocks are written") {
    (void)talk.jobs();
    talk.opened(1).hear(block_frame(1, 0, block_of(large, 0)));
    CHECK(talk.jobs() == "write 1 0");
    talk.hear(block_frame(1, 1, block_of(large, 1))).hear(cancel);
    CHECK(talk.machine.waiting_bytes() == job_size);
    CHECK(talk.jobs() == "abandon 1");
    talk.written(1, 0, smallest_block);
    CHECK(talk.jobs().empty());
  }
  SECTION("while something is asked for again") {
    (void)talk.jobs();
    talk.opened(1).hear(block_frame(1, 0, block_of(large, 0))).hear(block_frame(1, 1, block_of(large, 1)));
    talk.hear(finish_frame(1, large)).written(1, 1, 100).written(1, 0, smallest_block, error{errc::verify_failed});
    (void)talk.jobs();
    CHECK(talk.hear(cancel).jobs() == "abandon 1");
  }
  SECTION("and not later") {
    (void)talk.jobs();
    talk.opened(1).hear(block_frame(1, 0, block_of(large, 0))).hear(block_frame(1, 1, block_of(large, 1)));
    talk.hear(finish_frame(1, large)).written(1, 1, 100).written(1, 0, smallest_block);
    CHECK(talk.breaks_rules(cancel));
    return;
  }
  (void)talk.answers();
  CHECK(talk.outcomes() == "a: 14");
  // What was under way is skipped, and no room is taken any more.
  talk.hear(block_frame(1, 1, block_of(large, 1))).hear(frames::keep{1, {0, 1}}).hear(frames::hole{1, {0, 1}});
  talk.hear(finish_frame(1, large)).hear(cancel);
  CHECK(talk.jobs().empty());
  CHECK(talk.answers().empty());
  CHECK(talk.machine.waiting_bytes() == 0);
  talk.hear(frames::bye{});
  CHECK(talk.answers() == "BYE");
}

TEST_CASE("a small file cannot be given up") {
  auto talk = receiver_script::begun();
  talk.hear(inlined(1, "a", little)).hear(a_link(2, "b"));
  CHECK(talk.breaks_rules(frames::cancel{1, wire_code::cancelled, {}}));
  CHECK(talk.breaks_rules(frames::cancel{2, wire_code::cancelled, {}}));
}

TEST_CASE("what comes for a refused entry is skipped") {
  auto talk = receiver_script::begun();
  talk.hear(open_file(1, "a", large.size())).answer(job_results::opened{1, error{errc::busy}});
  CHECK(talk.answers() == "REFUSE 1 code 4");
  (void)talk.jobs();
  talk.hear(block_frame(1, 7, little)).hear(frames::hole{1, {9, 1}}).hear(frames::keep{1, {9, 1}});
  talk.hear(frames::finish{1, 3, {}}).hear(frames::cancel{1, wire_code::cancelled, {}});
  CHECK(talk.jobs().empty());
  CHECK(talk.answers().empty());
  CHECK(talk.machine.waiting_bytes() == 0);
}

TEST_CASE("what comes for an entry that was never offered") {
  auto talk = receiver_script::begun();
  talk.hear(open_file(1, "a", large.size()));
  const std::uint32_t id = GENERATE(0U, 2U, ~0U);
  CHECK(talk.breaks_rules(block_frame(id, 0, little)));
  CHECK(talk.breaks_rules(frames::hole{id, {0, 1}}));
  CHECK(talk.breaks_rules(frames::keep{id, {0, 1}}));
  CHECK(talk.breaks_rules(frames::finish{id, 5, {}}));
  CHECK(talk.breaks_rules(frames::cancel{id, wire_code::cancelled, {}}));
}

TEST_CASE("ids count up from one") {
  auto talk = receiver_script::begun();
  CHECK(talk.breaks_rules(a_link(0, "a")));
  CHECK(talk.breaks_rules(a_link(2, "a")));
  talk.hear(a_link(1, "a"));
  CHECK(talk.breaks_rules(a_link(1, "a")));
  CHECK(talk.breaks_rules(a_link(3, "a")));
  CHECK(talk.breaks_rules(a_link(0, "a")));
  talk.hear(a_link(2, "b"));
}

TEST_CASE("the window bounds what a receiver takes") {
  auto talk = receiver_script::begun();
  for (std::uint32_t id = 1; id <= usual.window; ++id) talk.hear(a_link(id, "l"));
  SECTION("one more is too many") { CHECK(talk.breaks_rules(a_link(101, "l"))); }
  SECTION("an outcome makes room") {
    talk.stored(40, "l").hear(a_link(101, "l"));
    CHECK(talk.breaks_rules(a_link(102, "l")));
  }
}

TEST_CASE("a narrow window holds once the sender can know of it") {
  auto talk = receiver_script::begun({1, 1, 1000});
  for (std::uint32_t id = 1; id <= limits::open_files_before_welcome; ++id) talk.hear(open_file(id, "f", 10));
  CHECK(talk.breaks_rules(open_file(limits::open_files_before_welcome + 1, "f", 10)));
  for (std::uint32_t id = limits::open_files_before_welcome + 1; id <= limits::window_before_welcome; ++id) {
    talk.hear(a_link(id, "l"));
  }
  CHECK(talk.breaks_rules(a_link(limits::window_before_welcome + 1, "l")));
}

TEST_CASE("open files are bounded, small ones are not") {
  auto talk = receiver_script::begun();
  for (std::uint32_t id = 1; id <= usual.open_files; ++id) {
    talk.hear(id % 2 == 0 ? open_file(id, "f", 10) : frames::offer{id, stream_entry("s"), {}});
  }
  SECTION("one more is too many") {
    CHECK(talk.breaks_rules(open_file(6, "f", 10)));
    CHECK(talk.breaks_rules(frames::offer{6, stream_entry("s"), {}}));
  }
  SECTION("others are not files that are open") {
    talk.hear(inlined(6, "a", little)).hear(promised(7, "b", little)).hear(a_link(8, "c")).hear(directory(9, "d"));
  }
  SECTION("an outcome makes room") {
    talk.answer(job_results::opened{3, error{errc::busy}}).hear(open_file(6, "f", 10));
    CHECK(talk.breaks_rules(open_file(7, "f", 10)));
  }
}

TEST_CASE("what is refused with its offer takes no room") {
  auto talk = receiver_script::begun({1, 1, 1000});
  for (std::uint32_t id = 1; id <= 200; id += 2) {
    talk.hear(open_file(id, "../up", 10)).hear(open_file(id + 1, "large", 1001));
    REQUIRE(talk.answers() == "REFUSE " + std::to_string(id) + " code 5, REFUSE " + std::to_string(id + 1) + " code 7");
  }
  CHECK(talk.jobs().empty());
  CHECK(talk.machine.take_outcomes().size() == 200);
  talk.hear(open_file(201, "fits", 1000));
  CHECK(talk.jobs() == "open 201");
}

TEST_CASE("every kind of path is judged") {
  auto talk = receiver_script::begun();
  talk.hear(inlined(1, "/a", little))
      .hear(promised(2, "../a", little))
      .hear(a_link(3, ".tcpsend/l"))
      .hear(directory(4, ".."));
  CHECK(talk.answers() == "REFUSE 1 code 5, REFUSE 2 code 5, REFUSE 3 code 5, REFUSE 4 code 5");
  CHECK(talk.jobs().empty());
}

TEST_CASE("BYE is answered after the last outcome") {
  auto talk = receiver_script::begun();
  SECTION("at once where there is none") {
    talk.hear(frames::bye{});
    CHECK(talk.answers() == "BYE");
    CHECK(talk.machine.finished());
    CHECK_FALSE(talk.machine.waits_for_sender());
  }
  SECTION("after others") {
    talk.hear(open_file(1, "a", 5)).hear(a_link(2, "b")).hear(frames::bye{});
    CHECK(talk.answers().empty());
    CHECK_FALSE(talk.machine.finished());
    CHECK(talk.stored(2, "b").answers() == "DELIVERED 2");
    talk.opened(1)
        .hear(block_frame(1, 0, little))
        .hear(finish_frame(1, {little.begin(), little.end()}))
        .written(1, 0, 5);
    CHECK(talk.answers() == "ACCEPT 1 checked 0");
    CHECK(talk.stored(1, "a").answers() == "DELIVERED 1, BYE");
    CHECK(talk.machine.finished());
    CHECK(talk.answers().empty());
  }
  SECTION("after a refusal") {
    talk.hear(open_file(1, "a", 5)).hear(frames::bye{}).answer(job_results::opened{1, error{errc::busy}});
    CHECK(talk.answers() == "REFUSE 1 code 4, BYE");
  }
  SECTION("and nothing is offered after it") {
    talk.hear(open_file(1, "a", 5)).hear(frames::bye{});
    CHECK(talk.breaks_rules(a_link(2, "b")));
    CHECK(talk.breaks_rules(frames::bye{}));
  }
}

TEST_CASE("jobs come in batches") {
  auto talk = receiver_script::begun({1000, 100, 1U << 30U});
  SECTION("of a bounded number") {
    for (std::uint32_t id = 1; id <= 300; ++id) talk.hear(a_link(id, "l"));
    CHECK(talk.machine.take_jobs().size() == 256);
    CHECK(talk.machine.take_jobs().size() == 44);
    CHECK_FALSE(talk.machine.has_jobs());
  }
  SECTION("of bounded content") {
    const byte_buffer content = noise(smallest_block, 1);
    for (std::uint32_t id = 1; id <= 20; ++id) talk.hear(inlined(id, "f", content));
    CHECK(talk.machine.take_jobs().size() == 16);
    CHECK(talk.machine.take_jobs().size() == 4);
  }
  SECTION("what can wait comes alone, when there is nothing else") {
    talk.hear(open_file(1, "a", 100)).hear(open_file(2, "b", 100));
    (void)talk.jobs();
    talk.opened(1, 1).opened(2, 1).hear(a_link(3, "l"));
    CHECK(talk.jobs() == "make 3");
    CHECK(talk.jobs() == "claim 1 0+1");
    talk.hear(a_link(4, "l"));
    CHECK(talk.jobs() == "make 4");
    CHECK(talk.machine.has_jobs());
    CHECK(talk.jobs() == "claim 2 0+1");
    CHECK_FALSE(talk.machine.has_jobs());
  }
}

TEST_CASE("what waits is counted") {
  auto talk = receiver_script::begun();
  CHECK(talk.machine.waiting_bytes() == 0);
  talk.hear(inlined(1, "a", little));
  CHECK(talk.machine.waiting_bytes() == job_size + 5);
  talk.hear(open_file(2, "b", large.size()));
  CHECK(talk.machine.waiting_bytes() == 2 * job_size + 5);
  (void)talk.jobs();
  CHECK(talk.machine.waiting_bytes() == 0);
  talk.opened(2).hear(block_frame(2, 0, block_of(large, 0)));
  CHECK(talk.machine.waiting_bytes() == job_size + smallest_block);
  talk.hear(frames::hole{2, {1, 1}});
  CHECK(talk.machine.waiting_bytes() == 2 * job_size + smallest_block);
  talk.hear(frames::cancel{2, wire_code::cancelled, {}});
  CHECK(talk.machine.waiting_bytes() == job_size);
  (void)talk.jobs();
  CHECK(talk.machine.waiting_bytes() == 0);
}

TEST_CASE("a frame of a few bytes that becomes a job counts as one") {
  constexpr std::uint64_t blocks = 10'000;
  auto talk = receiver_script::begun({100, 5, unknown_size});
  talk.hear(open_file(1, "a", blocks * smallest_block)).opened(1);
  (void)talk.jobs();
  for (std::uint64_t index = 0; index < blocks; index += 2) talk.hear(frames::hole{1, {index, 1}});
  CHECK(talk.machine.waiting_bytes() == blocks / 2 * job_size);
}

TEST_CASE("the last block of the largest file, again and again, stays one block") {
  constexpr std::uint64_t block_size = std::uint64_t{1} << limits::largest_block_log2;
  constexpr std::uint64_t last = limits::blocks_per_file - 1;
  auto talk = receiver_script::begun({100, 5, unknown_size});
  for (std::uint32_t id = 1; id <= 100; ++id) {
    const entry item = file_entry("huge", last * block_size + 5, limits::largest_block_log2);
    talk.hear(frames::offer{id, item, {}});
    REQUIRE(talk.jobs() == "open " + std::to_string(id));
    talk.opened(id);
    for (int i = 0; i < 4; ++i) {
      talk.hear(block_frame(id, last, little));
      REQUIRE(talk.machine.waiting_bytes() == job_size + 5);
      REQUIRE(talk.jobs() == "write " + std::to_string(id) + " 1048575");
      talk.written(id, last, 5, error{errc::verify_failed});
    }
    REQUIRE(talk.jobs() == "abandon " + std::to_string(id));
    REQUIRE(talk.machine.take_outcomes().size() == 1);
    REQUIRE(talk.machine.answer_bytes() < 300);
    (void)talk.answers();
  }
  CHECK(talk.machine.waiting_bytes() == 0);
  CHECK_FALSE(talk.machine.has_jobs());
}

TEST_CASE("a run over the whole of the largest file takes one job") {
  auto talk = receiver_script::begun({100, 5, unknown_size});
  talk.hear(open_file(1, "huge", limits::blocks_per_file * smallest_block)).opened(1);
  (void)talk.jobs();
  talk.hear(frames::hole{1, {0, limits::blocks_per_file}});
  CHECK(talk.machine.waiting_bytes() == job_size);
  CHECK(talk.jobs() == "hole 1 0+1048576");
  CHECK(talk.breaks_rules(frames::hole{1, {5, 1}}));
}

TEST_CASE("PROGRESS tells of work that the sender cannot see, where there is some") {
  auto talk = receiver_script::begun();
  talk.hear(open_file(1, "a", large.size()));
  (void)talk.jobs();
  talk.machine.on_tick();
  talk.opened(1, 2);
  talk.answer(
      job_results::claimed{1, 0, std::vector<std::optional<digest>>{digest_of(block_of(large, 0)), std::nullopt}});
  talk.hear(frames::keep{1, {0, 1}}).hear(block_frame(1, 1, block_of(large, 1)));
  (void)talk.answers();
  talk.written(1, 1, 100).machine.on_tick();
  CHECK(talk.answers().empty());  // it is the sender's turn
  talk.hear(finish_frame(1, large)).machine.on_tick();
  CHECK(talk.answers() == "PROGRESS 1 100");
  talk.machine.on_tick();
  CHECK(talk.answers().empty());
  talk.answer(job_results::kept{1, 0, std::vector<bool>{true}});
  CHECK(talk.answers().empty());
  talk.machine.on_tick();
  CHECK(talk.answers() == "PROGRESS 1 131272");  // both blocks, and the commit's credit
  talk.machine.on_tick();
  CHECK(talk.answers().empty());
  talk.stored(1, "a").machine.on_tick();
  CHECK(talk.answers() == "DELIVERED 1");
}

TEST_CASE("after ERROR nothing more is said") {
  auto talk = receiver_script::begun();
  talk.hear(a_link(1, "a")).hear(open_file(2, "b", 5)).hear(frames::bye{});
  talk.machine.fail(wire_code::timed_out, "no progress");
  CHECK(talk.answers() == "ERROR code 12");
  CHECK(talk.jobs() == "make 1, open 2");
  talk.stored(1, "a").opened(2);
  talk.machine.on_tick();
  talk.machine.fail(wire_code::violation, "again");
  CHECK(talk.answers().empty());
  CHECK(talk.outcomes() == "a: ok");
  talk.answer(job_results::opened{2, error{errc::busy}});
  CHECK_FALSE(talk.machine.finished());
}

TEST_CASE("the sum of what is offered may reach the allowance, and not pass it") {
  receive_machine::settings chosen = usual;
  chosen.max_bytes = little.size() * 2 + 10;
  auto talk = receiver_script::begun(chosen);
  talk.hear(inlined(1, "a", little));
  talk.hear(promised(2, "b", little));
  talk.hear(open_file(3, "c", 11));
  talk.hear(inlined(4, "d", as_bytes("0123456789")));
  talk.hear(inlined(5, "e", as_bytes("x")));
  talk.hear(inlined(6, "empty", {}));
  CHECK(talk.outcomes() == "c: 7, e: 7");
  CHECK(talk.jobs() == "put 1, find 2, put 4, put 6");
}

TEST_CASE("the targets of links are content, too") {
  receive_machine::settings chosen = usual;
  chosen.max_bytes = 20;
  auto talk = receiver_script::begun(chosen);
  talk.hear(frames::offer{1, link_entry("a", std::string(11, 'x')), {}});
  talk.hear(frames::offer{2, link_entry("b", std::string(10, 'x')), {}});
  talk.hear(frames::offer{3, link_entry("c", std::string(9, 'x')), {}});
  CHECK(talk.outcomes() == "b: 7");
  CHECK(talk.jobs() == "make 1, make 3");
}

TEST_CASE("an allowance bounds what WELCOME announces, and one file") {
  receive_machine::settings chosen = usual;
  chosen.max_bytes = 1000;
  receiver_script talk{chosen};
  talk.hear(frames::hello{});
  const byte_buffer welcome = talk.machine.take_answers();
  CHECK(std::get<frames::welcome>(*decode(welcome)->value).largest_file == 1000);
  talk.hear(open_file(1, "a", 1001));
  CHECK(talk.outcomes() == "a: 7");
  talk.hear(open_file(2, "b", 1000));
  CHECK(talk.outcomes().empty());
}

TEST_CASE("what failed or was given up still counts: something of it may be kept") {
  receive_machine::settings chosen = usual;
  chosen.max_bytes = large.size();
  auto talk = receiver_script::begun(chosen);
  talk.hear(open_file(1, "a", large.size())).opened(1);
  talk.hear(frames::cancel{1, wire_code::cancelled, {}});
  talk.hear(inlined(2, "b", little));
  CHECK(talk.outcomes() == "a: 16, b: 7");
}

TEST_CASE("a stream is cut off where it passes the allowance") {
  receive_machine::settings chosen = usual;
  chosen.max_bytes = smallest_block + 10;
  auto talk = receiver_script::begun(chosen);
  talk.hear(frames::offer{1, stream_entry("s"), {}}).opened(1);
  const byte_view content = large;
  const auto block = [](std::uint64_t index, byte_view data) { return frames::block{1, index, digest_of(data), data}; };
  talk.hear(block(0, content.first(smallest_block)));
  talk.hear(block(1, content.first(4)));
  talk.hear(block(1, content.first(10)));
  (void)talk.jobs();
  CHECK(talk.outcomes().empty());
  SECTION("by its last block, sent again") { talk.hear(block(1, content.first(11))); }
  SECTION("by what comes beside it") {
    talk.hear(inlined(2, "b", little));
    CHECK(talk.outcomes() == "b: 7");
    talk.hear(block(1, content.first(12)));
  }
  CHECK(talk.outcomes() == "s: 7");
  CHECK(talk.jobs() == "abandon 1 and discard");
}
