#include "tcptools/transfer/send_file.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/frames.hpp"
#include "support/show.hpp"

using tcptools::as_bytes;
using tcptools::errc;
using tcptools::result;
using namespace tcptools::testing;
using namespace tcptools::transfer;

namespace {

using send_verdict = send_file::verdict;

digest content_of(std::uint64_t index) { return digest_of(as_bytes("block " + std::to_string(index))); }

// One file and what a receiver says of it. The content of block n is content_of(n).
class send_file_script {
 public:
  explicit send_file_script(std::uint64_t blocks,
                            std::shared_ptr<known_digests> known = std::make_shared<known_digests>())
      : file{block_layout{(blocks - 1) * smallest_block + 100, 16}, std::move(known)} {}

  send_file_script& accepted(std::uint64_t checked = 0) {
    REQUIRE(file.on_accept({1, checked}));
    return *this;
  }
  // The receiver has the same blocks, or nothing there.
  send_file_script& has(std::uint64_t first, std::uint64_t count) {
    frames::have have{1, {first, count}, {}};
    for (std::uint64_t i = 0; i < count; ++i) have.digests.push_back(content_of(first + i));
    REQUIRE(file.on_have(have));
    return *this;
  }
  send_file_script& has_not(std::uint64_t first, std::uint64_t count) {
    REQUIRE(file.on_have({1, {first, count}, {}}));
    return *this;
  }
  [[nodiscard]] std::string next(std::uint64_t most = 100) {
    const auto run = file.next_read(most);
    return run ? show(*run) : "";
  }
  // Reads blocks from next(): how many of them are to be sent.
  std::size_t read(std::uint64_t first, std::uint64_t count) {
    std::size_t sent = 0;
    for (std::uint64_t i = 0; i < count; ++i) {
      const send_verdict one = file.on_read(first + i, content_of(first + i));
      REQUIRE(one != send_verdict::changed);
      sent += one == send_verdict::send ? 1U : 0U;
    }
    return sent;
  }
  [[nodiscard]] std::string keeps() { return show_all(file.take_keeps()); }
  [[nodiscard]] static bool breaks_rules(const result<void>& answer) {
    return !answer && answer.error().code() == errc::protocol_violation;
  }
  [[nodiscard]] bool refuses_need(std::uint64_t first, std::uint64_t count) {
    return breaks_rules(file.on_need({1, {first, count}}));
  }
  send_file_script& needs(std::uint64_t first, std::uint64_t count) {
    REQUIRE(file.on_need({1, {first, count}}));
    return *this;
  }

  send_file file;
};

digest root_of(std::uint64_t blocks) {
  running_digest root;
  for (std::uint64_t index = 0; index < blocks; ++index) root.update(content_of(index).bytes);
  return root.value();
}

}  // namespace

TEST_CASE("a file the receiver has nothing of is read once, in order") {
  send_file_script talk{5};
  CHECK(talk.next().empty());
  CHECK_FALSE(talk.file.all_sent());
  talk.accepted();
  CHECK(talk.next(2) == "0+2");
  CHECK(talk.next(2) == "2+2");
  CHECK(talk.read(0, 2) == 2);
  CHECK(talk.next(2) == "4+1");
  CHECK(talk.next(2).empty());
  CHECK(talk.read(2, 2) == 2);
  CHECK_FALSE(talk.file.all_sent());
  CHECK(talk.read(4, 1) == 1);
  CHECK(talk.file.all_sent());
  CHECK(talk.file.root() == root_of(5));
  CHECK(talk.keeps().empty());
}

TEST_CASE("what the receiver cannot have is read before what must be compared") {
  send_file_script talk{6};
  talk.accepted(3);
  CHECK(talk.next() == "3+3");
  CHECK(talk.read(3, 3) == 3);
  CHECK(talk.next().empty());
  talk.has(0, 2);
  CHECK(talk.next() == "0+2");
  CHECK(talk.read(0, 2) == 0);
  CHECK(talk.keeps() == "0+2");
  CHECK_FALSE(talk.file.all_sent());
  talk.has_not(2, 1);
  CHECK(talk.next() == "2+1");
  CHECK(talk.read(2, 1) == 1);
  CHECK(talk.file.all_sent());
  CHECK(talk.file.root() == root_of(6));
}

TEST_CASE("only equal blocks are kept") {
  send_file_script talk{4};
  talk.accepted(4);
  REQUIRE(talk.file.on_have({1, {0, 3}, {content_of(0), content_of(9), content_of(2)}}));
  talk.has_not(3, 1);
  CHECK(talk.next() == "0+4");
  CHECK(talk.read(0, 4) == 2);
  CHECK(talk.keeps() == "0+1, 2+1");
}

TEST_CASE("what was read on an earlier connection is not read again to be compared") {
  const auto known = std::make_shared<known_digests>();
  send_file_script before{4, known};
  before.accepted();
  CHECK(before.next(3) == "0+3");
  before.read(0, 3);

  send_file_script talk{4, known};
  talk.accepted(4).has(0, 4);
  CHECK(talk.next() == "3+1");
  CHECK(talk.keeps() == "0+3");
  CHECK(talk.read(3, 1) == 0);
  CHECK(talk.keeps() == "3+1");
  CHECK(talk.file.all_sent());
  CHECK(talk.file.root() == root_of(4));
}

TEST_CASE("what was read before and differs from what the receiver has is read to be sent") {
  const auto known = std::make_shared<known_digests>();
  send_file_script before{2, known};
  before.accepted();
  (void)before.next();
  before.read(0, 2);

  send_file_script talk{2, known};
  talk.accepted(2);
  REQUIRE(talk.file.on_have({1, {0, 2}, {content_of(8), content_of(1)}}));
  CHECK(talk.next(1) == "0+1");
  CHECK(talk.read(0, 1) == 1);
  CHECK(talk.next(1).empty());
  CHECK(talk.keeps() == "1+1");
  CHECK(talk.file.all_sent());
}

TEST_CASE("a source that is not what it was is found out") {
  send_file_script talk{3};
  SECTION("when a block is asked for again") {
    talk.accepted();
    (void)talk.next();
    talk.read(0, 3);
    talk.needs(1, 1);
    CHECK(talk.next() == "1+1");
    SECTION("and differs") { CHECK(talk.file.on_read(1, content_of(2)) == send_verdict::changed); }
    SECTION("and is a hole") { CHECK(talk.file.on_hole({1, 1}) == send_verdict::changed); }
  }
  SECTION("when a hole is none any more") {
    talk.accepted();
    (void)talk.next();
    CHECK(talk.file.on_hole({0, 3}) == send_verdict::send);
    talk.needs(0, 3);
    CHECK(talk.next() == "0+3");
    CHECK(talk.file.on_hole({0, 1}) == send_verdict::send);
    CHECK(talk.file.on_read(1, digest_of_zeros(smallest_block)) == send_verdict::send);
    CHECK(talk.file.on_read(2, content_of(2)) == send_verdict::changed);
  }
  SECTION("on the next connection") {
    const auto known = std::make_shared<known_digests>();
    known->set(1, content_of(7));
    send_file_script again{3, known};
    again.accepted();
    (void)again.next();
    CHECK(again.file.on_read(0, content_of(0)) == send_verdict::send);
    CHECK(again.file.on_read(1, content_of(1)) == send_verdict::changed);
  }
}

TEST_CASE("holes are sent as such and are zero in the root") {
  send_file_script talk{4};
  talk.accepted(2).has(0, 2);
  CHECK(talk.next() == "2+2");
  CHECK(talk.read(2, 1) == 1);
  CHECK(talk.file.on_hole({3, 1}) == send_verdict::send);
  CHECK(talk.next() == "0+2");
  CHECK(talk.file.on_hole({0, 2}) == send_verdict::send);
  CHECK(talk.keeps().empty());
  CHECK(talk.file.all_sent());
  running_digest root;
  root.update(digest_of_zeros(smallest_block).bytes);
  root.update(digest_of_zeros(smallest_block).bytes);
  root.update(content_of(2).bytes);
  root.update(digest_of_zeros(100).bytes);
  CHECK(talk.file.root() == root.value());
}

TEST_CASE("what is asked for again comes first and is sent whatever the receiver had") {
  send_file_script talk{6};
  talk.accepted(2).has(0, 1);
  CHECK(talk.next(2) == "2+2");
  CHECK(talk.read(2, 2) == 2);
  talk.needs(2, 1).needs(3, 1);
  CHECK(talk.next(1) == "2+1");
  CHECK(talk.next(9) == "3+1");
  CHECK(talk.next(9) == "4+2");
  CHECK(talk.read(2, 4) == 4);
  CHECK(talk.next() == "0+1");
  CHECK(talk.read(0, 1) == 0);
  CHECK(talk.keeps() == "0+1");
  talk.needs(0, 1).has(1, 1);
  CHECK_FALSE(talk.file.all_sent());
  CHECK(talk.next() == "0+1");
  CHECK(talk.read(0, 1) == 1);
  CHECK(talk.next() == "1+1");
  CHECK(talk.read(1, 1) == 0);
  CHECK(talk.keeps() == "1+1");
  CHECK(talk.file.all_sent());
  CHECK(talk.file.root() == root_of(6));
}

TEST_CASE("a receiver that breaks the rules of a file") {
  send_file_script talk{4};
  SECTION("says HAVE or NEED before ACCEPT") {
    CHECK(send_file_script::breaks_rules(talk.file.on_have({1, {0, 1}, {}})));
    CHECK(talk.refuses_need(0, 1));
  }
  SECTION("accepts twice, or more than there is") {
    CHECK(send_file_script::breaks_rules(talk.file.on_accept({1, 5})));
    talk.accepted(4);
    CHECK(send_file_script::breaks_rules(talk.file.on_accept({1, 4})));
  }
  SECTION("says HAVE with gaps, twice, or beyond what it checks") {
    talk.accepted(3);
    CHECK(send_file_script::breaks_rules(talk.file.on_have({1, {1, 1}, {}})));
    CHECK(send_file_script::breaks_rules(talk.file.on_have({1, {0, 4}, {}})));
    talk.has(0, 2);
    CHECK(send_file_script::breaks_rules(talk.file.on_have({1, {1, 1}, {}})));
    CHECK(send_file_script::breaks_rules(talk.file.on_have({1, {2, 2}, {}})));
    talk.has(2, 1);
    CHECK(send_file_script::breaks_rules(talk.file.on_have({1, {3, 1}, {}})));
  }
  SECTION("needs what is not in the file") {
    talk.accepted();
    (void)talk.next();
    CHECK(talk.refuses_need(4, 1));
    CHECK(talk.refuses_need(3, 2));
    CHECK(talk.refuses_need(0, ~std::uint64_t{0}));
    CHECK(talk.refuses_need(~std::uint64_t{0}, 1));
  }
  SECTION("needs what was not sent") {
    talk.accepted(2).has(0, 1);
    CHECK(talk.refuses_need(0, 1));
    CHECK(talk.refuses_need(2, 1));
    CHECK(talk.next(1) == "2+1");
    CHECK(talk.refuses_need(2, 2));
  }
  SECTION("needs the same block again and again") {
    talk.accepted();
    (void)talk.next();
    talk.read(0, 4);
    for (unsigned i = 0; i < limits::needs_per_block; ++i) {
      talk.needs(1, 2);
      CHECK(talk.next() == "1+2");
      CHECK(talk.read(1, 2) == 2);
    }
    CHECK(talk.refuses_need(2, 1));
    talk.needs(0, 1);
  }
}
