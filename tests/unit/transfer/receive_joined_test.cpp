// A session of several connections: what comes where, and what is asked for when one of them is lost.
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "support/catch.hpp"
#include "support/frames.hpp"
#include "support/show.hpp"
#include "tcptools/transfer/receive_machine.hpp"

using tcptools::byte_buffer;
using tcptools::errc;
using tcptools::result;
using namespace tcptools::testing;
using namespace tcptools::transfer;

namespace {

join_secret secret_of(unsigned number) {
  join_secret secret{};
  secret.fill(static_cast<std::byte>(number));
  return secret;
}

// A session with one open file of four blocks, id 1, and the connections that joined it.
class joined_script {
 public:
  explicit joined_script(std::uint8_t wanted = 3) : machine{{100, 5, 1U << 30U, unlimited_bytes, {2, secret_of(7)}}} {
    frames::hello hello;
    hello.session.fill(std::byte{9});
    hello.connections = wanted;
    REQUIRE(machine.on_frame(hello, nullptr));
    const byte_buffer bytes = machine.take_answers();
    more = std::get<frames::welcome>(decode_all(bytes).front()).more;
  }
  joined_script& with_file() {
    REQUIRE(machine.on_frame(frames::offer{1, file_entry("f", content.size()), {}}, nullptr));
    machine.on_result(job_results::opened{1, job_results::opened::file{0, false}});
    (void)jobs();
    (void)answers();
    return *this;
  }

  // The number of a connection that joins now.
  std::optional<unsigned> join() {
    const result<unsigned> joined = try_to_join();
    return joined ? std::optional{*joined} : std::nullopt;
  }
  std::optional<errc> refusal(unsigned secret = 7, unsigned session = 9) {
    const result<unsigned> joined = try_to_join(secret, session);
    return joined ? std::nullopt : std::optional{joined.error().code()};
  }

  result<void> hear(frame value) { return machine.on_frame(std::move(value), nullptr); }
  result<void> hear(unsigned connection, frame value) {
    return machine.on_joined_frame(connection, std::move(value), nullptr);
  }
  frames::block block(std::uint64_t index) const { return block_frame(1, index, block_of(content, index)); }
  // Jobs that wait are done, and do well.
  std::string store() {
    std::string line;
    for (const job& one : machine.take_jobs()) {
      line += (line.empty() ? "" : ", ") + show(one);
      if (const auto* write = std::get_if<jobs::write>(&one)) {
        machine.on_result(job_results::written{write->id, write->index, write->content.bytes.size(), {}});
      } else if (std::holds_alternative<jobs::commit>(one)) {
        machine.on_result(job_results::stored{1, placed{"f", false}});
      }
    }
    return line;
  }
  std::string jobs() { return show_all(machine.take_jobs()); }
  std::string answers() {
    const byte_buffer bytes = machine.take_answers();
    return show_all(decode_all(bytes));
  }

  byte_buffer content = noise(3 * smallest_block + 5, 1);
  receive_machine machine;
  std::optional<frames::grant> more;

 private:
  result<unsigned> try_to_join(unsigned secret = 7, unsigned session = 9) {
    frames::join wish{{}, secret_of(secret)};
    wish.session.fill(static_cast<std::byte>(session));
    return machine.join(wish);
  }
};

bool breaks_rules(const result<void>& heard) { return !heard && heard.error().code() == errc::protocol_violation; }

}  // namespace

TEST_CASE("WELCOME allows as many further connections as both sides want, and none to who does not ask") {
  CHECK_FALSE(joined_script{0}.more);
  CHECK(joined_script{1}.more->connections == 1);
  CHECK(joined_script{200}.more->connections == 2);
  CHECK(joined_script{1}.more->secret == secret_of(7));
}

TEST_CASE("who does not know session and secret does not join it") {
  joined_script talk;
  CHECK(talk.refusal(8) == errc::refused);
  CHECK(talk.refusal(7, 8) == errc::refused);
  CHECK(joined_script{0}.refusal() == errc::refused);
  CHECK(talk.join() == 0U);
  CHECK(talk.join() == 1U);
  CHECK(talk.refusal() == errc::busy);
  talk.machine.on_joined_end(0);
  CHECK(talk.join() == 2U);
}

TEST_CASE("only so many connections join one session in all its time") {
  joined_script talk;
  for (unsigned i = 0; i < limits::joined_connections; ++i) {
    REQUIRE(talk.join() == i);
    talk.machine.on_joined_end(i);
  }
  CHECK(talk.refusal() == errc::busy);
}

TEST_CASE("blocks come on any connection and in any order") {
  joined_script talk;
  talk.with_file();
  REQUIRE(talk.join());
  REQUIRE(talk.hear(0, talk.block(3)));
  REQUIRE(talk.hear(talk.block(1)));
  REQUIRE(talk.hear(0, talk.block(0)));
  REQUIRE(talk.hear(talk.block(2)));
  CHECK(talk.store() == "write 1 3, write 1 1, write 1 0, write 1 2");
  REQUIRE(talk.hear(0, frames::fence{1}));
  REQUIRE(talk.hear(finish_frame(1, talk.content)));
  CHECK(talk.store() == "commit 1 196613");
  CHECK(talk.answers() == "DELIVERED 1");
}

TEST_CASE("FINISH waits for what other connections still bring") {
  joined_script talk;
  talk.with_file();
  REQUIRE(talk.join());
  REQUIRE(talk.join());
  REQUIRE(talk.hear(talk.block(0)));
  REQUIRE(talk.hear(1, talk.block(1)));
  REQUIRE(talk.hear(finish_frame(1, talk.content)));
  CHECK(talk.answers().empty());
  CHECK(talk.machine.waits_for_sender() == false);  // jobs are there
  (void)talk.store();
  CHECK(talk.machine.waits_for_sender());

  SECTION("which they do") {
    REQUIRE(talk.hear(0, talk.block(2)));
    REQUIRE(talk.hear(0, frames::fence{1}));
    REQUIRE(talk.hear(1, talk.block(3)));
    CHECK(talk.store() == "write 1 2, write 1 3");
    CHECK(talk.store() == "commit 1 196613");
    CHECK(talk.answers() == "DELIVERED 1");
  }
  SECTION("and asks for it when they are lost, or have said that nothing follows") {
    REQUIRE(talk.hear(0, frames::fence{1}));
    CHECK(talk.answers().empty());
    talk.machine.on_joined_end(1);
    CHECK(talk.answers() == "NEED 1 2+2");
    REQUIRE(talk.hear(talk.block(2)));
    SECTION("") {}
    SECTION("though a connection that was under way brings it, too") {
      REQUIRE(talk.join() == 2U);
      REQUIRE(talk.hear(2, talk.block(2)));
      REQUIRE(talk.hear(2, talk.block(3)));
    }
    REQUIRE(talk.hear(talk.block(3)));
    CHECK(talk.store() == "write 1 2, write 1 3");
    CHECK(talk.store() == "commit 1 196613");
    CHECK(talk.answers() == "DELIVERED 1");
    CHECK(talk.hear(0, talk.block(3)));  // of what is over
  }
}

TEST_CASE("what is missing with no other connection at work is asked for at once") {
  joined_script talk;
  talk.with_file();
  const bool was_joined = GENERATE(true, false);
  if (was_joined) {
    REQUIRE(talk.join());
    talk.machine.on_joined_end(0);
  }
  REQUIRE(talk.hear(talk.block(1)));
  REQUIRE(talk.hear(finish_frame(1, talk.content)));
  CHECK(talk.answers() == "NEED 1 0+1, NEED 1 2+2");
}

TEST_CASE("a block that is missing and one that arrived damaged are asked for once each") {
  joined_script talk;
  talk.with_file();
  REQUIRE(talk.join());
  for (const std::uint64_t index : {0U, 1U, 2U}) REQUIRE(talk.hear(0, talk.block(index)));
  (void)talk.jobs();
  REQUIRE(talk.hear(finish_frame(1, talk.content)));
  talk.machine.on_result(job_results::written{1, 0, smallest_block, tcptools::error{errc::verify_failed}});
  CHECK(talk.answers() == "NEED 1 0+1");
  REQUIRE(talk.hear(0, frames::fence{1}));
  CHECK(talk.answers().empty());
  REQUIRE(talk.hear(talk.block(0)));
  CHECK(talk.answers() == "NEED 1 3+1");
}

TEST_CASE("an older version is adopted only if nothing is missing") {
  joined_script talk;
  REQUIRE(talk.hear(frames::offer{1, file_entry("f", talk.content.size()), {}}));
  talk.machine.on_result(job_results::opened{1, job_results::opened::file{4, true}});
  std::vector<std::optional<digest>> claims;
  for (std::uint64_t i = 0; i < 4; ++i) claims.emplace_back(digest_of(block_of(talk.content, i)));
  (void)talk.jobs();
  (void)talk.machine.take_jobs();
  talk.machine.on_result(job_results::claimed{1, 0, claims});
  REQUIRE(talk.join());
  REQUIRE(talk.hear(frames::keep{1, {0, 3}}));
  (void)talk.answers();
  REQUIRE(talk.hear(finish_frame(1, talk.content)));
  CHECK(talk.answers().empty());
  talk.machine.on_joined_end(0);
  CHECK(talk.answers() == "NEED 1 3+1");
}

TEST_CASE("what is not asked for comes once, and what is comes twice at most") {
  joined_script talk;
  talk.with_file();
  REQUIRE(talk.join());
  REQUIRE(talk.hear(0, talk.block(1)));
  CHECK(breaks_rules(talk.hear(talk.block(1))));
  CHECK(breaks_rules(talk.hear(frames::hole{1, {1, 1}})));
  talk.machine.on_joined_end(0);
  REQUIRE(talk.hear(finish_frame(1, talk.content)));
  for (const std::uint64_t index : {0U, 2U, 3U, 0U, 2U, 3U}) REQUIRE(talk.hear(talk.block(index)));
  CHECK(breaks_rules(talk.hear(talk.block(3))));
}

TEST_CASE("a hole may be said of blocks of which some came late") {
  joined_script talk;
  talk.content = byte_buffer(talk.content.size());
  talk.with_file();
  REQUIRE(talk.hear(talk.block(0)));
  REQUIRE(talk.hear(finish_frame(1, talk.content)));
  CHECK(talk.answers() == "NEED 1 1+3");
  REQUIRE(talk.join());
  REQUIRE(talk.hear(0, talk.block(2)));
  REQUIRE(talk.hear(frames::hole{1, {1, 3}}));
  CHECK(talk.jobs() == "write 1 0, write 1 2, hole 1 1+1, hole 1 3+1");
}

TEST_CASE("of very many blocks that are missing some are asked for at a time") {
  constexpr std::uint64_t blocks = 10'000;
  joined_script talk;
  REQUIRE(talk.hear(frames::offer{1, file_entry("f", blocks * smallest_block), {}}));
  talk.machine.on_result(job_results::opened{1, job_results::opened::file{0, false}});
  (void)talk.answers();
  REQUIRE(talk.hear(frames::finish{1, blocks * smallest_block, {}}));
  CHECK(talk.answers() == "NEED 1 0+4096");
  REQUIRE(talk.hear(frames::hole{1, {0, 4096}}));
  CHECK(talk.answers() == "NEED 1 4096+4096");
  REQUIRE(talk.hear(frames::hole{1, {4096, 4096}}));
  CHECK(talk.answers() == "NEED 1 8192+1808");
}

TEST_CASE("without further connections blocks come once, and before FINISH") {
  joined_script talk{0};
  talk.with_file();
  REQUIRE(talk.hear(talk.block(1)));
  CHECK(breaks_rules(talk.hear(talk.block(1))));
  CHECK(breaks_rules(talk.hear(finish_frame(1, talk.content))));
}

TEST_CASE("a joined connection carries nothing but blocks of open files") {
  joined_script talk;
  talk.with_file();
  REQUIRE(talk.join());
  const byte_buffer little = noise(10, 2);
  REQUIRE(talk.hear(frames::offer{2, file_entry("small", 10), frames::promised{digest_of(little)}}));
  REQUIRE(talk.hear(frames::offer{3, stream_entry("s"), {}}));
  const frame wrong =
      GENERATE(frame{frames::bye{}}, frame{frames::hello{}}, frame{frames::hole{1, {0, 1}}},
               frame{frames::keep{1, {0, 1}}}, frame{frames::finish{1, 0, {}}}, frame{frames::accept{1, 0}},
               frame{frames::join{}}, frame{frames::fence{2}}, frame{frames::fence{3}}, frame{frames::fence{4}});
  CAPTURE(show(wrong));
  CHECK(breaks_rules(talk.hear(0, wrong)));
  CHECK(breaks_rules(talk.hear(frames::fence{1})));
}
