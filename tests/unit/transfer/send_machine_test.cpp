#include "tcptools/transfer/send_machine.hpp"

#include <memory>
#include <optional>
#include <string>
#include <utility>
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

const byte_view small_content = as_bytes("hello");
const byte_buffer large_content = noise(3 * smallest_block + 100, 1);
constexpr std::size_t much = 1U << 20U;

send_item item_of(entry what) {
  source_item found;
  found.origin = "/home/" + what.path;
  found.item = std::move(what);
  return {std::move(found), nullptr, false};
}

// What a receiver says; frames() and next() are what became of it since they were last asked.
class sender_script {
 public:
  explicit sender_script() : machine{session_id{}} {}
  // A conversation that has begun.
  static sender_script begun(frames::welcome welcome = {protocol_version, 100, 5, 1U << 30U}) {
    sender_script talk;
    (void)talk.machine.take_frames();
    talk.hear(welcome);
    return talk;
  }

  // One that goes by size and time.
  static sender_script quick() {
    sender_script talk;
    talk.machine = send_machine{session_id{}, 0, false, true};
    frames::welcome welcome{protocol_version, 100, 5, 1U << 30U};
    welcome.quick_check = true;
    (void)talk.machine.take_frames();
    talk.hear(welcome);
    return talk;
  }

  sender_script& hear(const frame& value) {
    const result<void> good = machine.on_frame(value);
    CAPTURE(good ? error{errc::refused, "nothing wrong"} : good.error());
    REQUIRE(good);
    return *this;
  }
  [[nodiscard]] std::optional<errc> fails_on(const frame& value) {
    const result<void> good = machine.on_frame(value);
    return good ? std::nullopt : std::optional{good.error().code()};
  }
  [[nodiscard]] bool breaks_rules(const frame& value) { return fails_on(value) == errc::protocol_violation; }

  std::uint32_t offer(const entry& what, byte_view content = {}) {
    const offer_form form = machine.form_for(what);
    REQUIRE(machine.may_offer(form));
    const bool small = form == offer_form::with_content || form == offer_form::promised;
    return machine.offer(item_of(what), form, small ? digest_of(content) : digest{},
                         form == offer_form::with_content ? content : byte_view{});
  }
  std::uint32_t offer_large() { return offer(file_entry("large", large_content.size())); }
  // Everything of the large file is read: how many blocks are to be sent.
  std::size_t read_large(std::uint32_t id, std::uint64_t first = 0, std::uint64_t count = 4) {
    std::size_t sent = 0;
    for (std::uint64_t index = first; index < first + count; ++index) {
      sent += machine.on_read(id, index, digest_of(block_of(large_content, index))) ? 1U : 0U;
    }
    return sent;
  }

  [[nodiscard]] std::string next(std::size_t most_bytes = much) {
    const auto task = machine.next(most_bytes);
    return task ? show(*task) : "";
  }
  [[nodiscard]] std::string frames() {
    const byte_buffer bytes = machine.take_frames();
    return show_all(decode_all(bytes));
  }
  // "path: ok" or "path: reason", of entries that ended.
  [[nodiscard]] std::string outcomes() {
    std::string line;
    for (const send_outcome& one : machine.take_outcomes()) {
      line += (line.empty() ? "" : ", ") + one.what.item.path + ": ";
      if (one.outcome) {
        line += one.outcome->unchanged ? "unchanged" : "ok";
        if (one.outcome->path != one.what.item.path) line += " as " + one.outcome->path;
      } else {
        line += std::to_string(static_cast<unsigned>(to_wire(one.outcome.error().code())));
      }
    }
    return line;
  }

  send_machine machine;
};

}  // namespace

TEST_CASE("compression is what both sides said of it") {
  send_machine machine{session_id{}, 0, true};
  CHECK(show_all(decode_all(byte_view{machine.take_frames()}.subspan(8))) == "HELLO zstd");
  CHECK_FALSE(machine.zstd_chosen());
  frames::welcome welcome{protocol_version, 100, 5, 1U << 30U};
  welcome.zstd = true;
  REQUIRE(machine.on_frame(welcome));
  CHECK(machine.zstd_chosen());
  const auto offer = [&](const entry& what, offer_form form) { return machine.offer(item_of(what), form); };
  CHECK(machine.may_compress(offer(file_entry("large", large_content.size()), offer_form::open)));
  CHECK(machine.may_compress(offer(stream_entry("stream"), offer_form::open)));
  CHECK_FALSE(machine.may_compress(offer(file_entry("small", small_content.size()), offer_form::promised)));
  CHECK_FALSE(machine.may_compress(99));

  send_machine unanswered{session_id{}, true};
  welcome.zstd = false;
  REQUIRE(unanswered.on_frame(welcome));
  CHECK_FALSE(unanswered.zstd_chosen());
  CHECK_FALSE(unanswered.may_compress(unanswered.offer(item_of(file_entry("f", 100'000)), offer_form::open)));

  sender_script silent;
  welcome.zstd = true;
  CHECK(silent.breaks_rules(welcome));
}

TEST_CASE("a conversation begins with the preface and HELLO") {
  session_id session;
  session.fill(std::byte{7});
  send_machine machine{session};
  const byte_buffer bytes = machine.take_frames();
  REQUIRE(bytes.size() > 8);
  const byte_view start = preface();
  CHECK(std::equal(start.begin(), start.end(), bytes.begin()));
  const auto frames = decode_all(byte_view{bytes}.subspan(start.size()));
  REQUIRE(frames.size() == 1);
  CHECK(std::get<frames::hello>(frames[0]).session == session);
  CHECK_FALSE(machine.welcomed());
}

TEST_CASE("WELCOME") {
  sender_script talk;
  SECTION("comes first") {
    const frame first = GENERATE(frame{frames::bye{}}, frame{frames::unknown{}}, frame{frames::delivered{1, false, {}}},
                                 frame{frames::progress{1, 1}}, frame{frames::accept{1, 0}});
    talk.offer(link_entry("l", "t"));
    CHECK(talk.breaks_rules(first));
  }
  SECTION("or ERROR does") {
    CHECK(talk.fails_on(frames::error{wire_code::version, "no"}) == errc::version_unsupported);
    CHECK(talk.fails_on(frames::error{wire_code::busy, "no"}) == errc::busy);
  }
  SECTION("and only once") {
    talk.hear(frames::welcome{protocol_version, 1, 1, 0});
    CHECK(talk.machine.welcomed());
    CHECK(talk.breaks_rules(frames::welcome{protocol_version, 1, 1, 0}));
  }
  SECTION("with a version that was offered") {
    CHECK(talk.fails_on(frames::welcome{2, 1, 1, 0}) == errc::version_unsupported);
  }
}

TEST_CASE("what only a sender says") {
  const frame wrong =
      GENERATE(frame{frames::hello{}}, frame{frames::offer{}}, frame{frames::block{}}, frame{frames::hole{}},
               frame{frames::keep{}}, frame{frames::finish{}}, frame{frames::cancel{}});
  auto talk = sender_script::begun();
  CHECK(talk.breaks_rules(wrong));
}

TEST_CASE("what a sender does not know is skipped, and is no progress") {
  auto talk = sender_script::begun();
  const std::uint64_t before = talk.machine.progress();
  talk.hear(frames::unknown{});
  CHECK(talk.machine.progress() == before);
}

TEST_CASE("how entries are offered") {
  auto talk = sender_script::begun();
  CHECK(talk.machine.form_for(directory_entry("d")) == offer_form::bare);
  CHECK(talk.machine.form_for(link_entry("l", "t")) == offer_form::bare);
  CHECK(talk.machine.form_for(stream_entry("s")) == offer_form::open);
  CHECK(talk.machine.form_for(file_entry("f", limits::inline_content + 1)) == offer_form::open);
  CHECK(talk.machine.form_for(file_entry("f", limits::inline_content)) == offer_form::with_content);
  CHECK(talk.machine.form_for(file_entry("f", 0)) == offer_form::with_content);
}

TEST_CASE("content is promised while it turns out to be there already") {
  auto talk = sender_script::begun();
  const entry small = file_entry("a", 5);
  talk.offer(small, small_content);
  talk.offer(small, small_content);
  CHECK(talk.frames() == "OFFER 1 'a' with content, OFFER 2 'a' with content");
  talk.hear(frames::delivered{1, true, {}});
  CHECK(talk.machine.form_for(small) == offer_form::promised);
  CHECK(talk.machine.form_for(file_entry("empty", 0)) == offer_form::with_content);
  SECTION("until one was not") {
    talk.hear(frames::delivered{2, false, {}});
    CHECK(talk.machine.form_for(small) == offer_form::with_content);
  }
  SECTION("until one is asked for") {
    CHECK(talk.offer(small, small_content) == 3);
    CHECK(talk.frames() == "OFFER 3 'a' promised");
    talk.hear(frames::need{3, {0, 1}});
    CHECK(talk.machine.form_for(small) == offer_form::with_content);
  }
}

TEST_CASE("a promised file is sent when it is asked for") {
  auto talk = sender_script::begun();
  talk.offer(file_entry("a", 5), small_content);
  talk.hear(frames::delivered{1, true, {}});
  REQUIRE(talk.offer(file_entry("b", 5), small_content) == 2);
  (void)talk.frames();
  (void)talk.outcomes();
  CHECK(talk.next().empty());
  SECTION("it is there") {
    talk.hear(frames::delivered{2, true, {}});
    CHECK(talk.outcomes() == "b: unchanged");
  }
  SECTION("it is not") {
    talk.hear(frames::need{2, {0, 1}});
    CHECK(talk.breaks_rules(frames::delivered{2, false, {}}));
    CHECK(talk.next() == "read 2 0+1");
    CHECK(talk.breaks_rules(frames::delivered{2, false, {}}));
    SECTION("and is read") {
      CHECK(talk.machine.on_read(2, 0, digest_of(small_content)));
      CHECK(talk.frames().empty());
    }
    SECTION("and has become a hole") {
      talk.machine.on_hole(2, {0, 1});
      CHECK(talk.frames() == "CANCEL 2 code 14");
      CHECK(talk.outcomes() == "b: 14");
      return;
    }
    SECTION("and has changed") {
      CHECK_FALSE(talk.machine.on_read(2, 0, digest_of(as_bytes("other"))));
      CHECK(talk.frames() == "CANCEL 2 code 14");
      CHECK(talk.outcomes() == "b: 14");
      return;
    }
    CHECK(talk.next().empty());
    talk.hear(frames::delivered{2, false, {}});
    CHECK(talk.outcomes() == "b: ok");
  }
  SECTION("it is refused") {
    talk.hear(frames::refuse{2, wire_code::conflict, "no"});
    CHECK(talk.outcomes() == "b: 6");
  }
  SECTION("nothing else is asked of it") {
    CHECK(talk.breaks_rules(frames::accept{2, 0}));
    CHECK(talk.breaks_rules(frames::have{2, {0, 1}, {}}));
    CHECK(talk.breaks_rules(frames::need{2, {1, 1}}));
    CHECK(talk.breaks_rules(frames::need{2, {0, 2}}));
  }
}

TEST_CASE("a promised file that is a hole travels as zeros") {
  const byte_buffer zeros(1000);
  auto talk = sender_script::begun();
  talk.offer(file_entry("a", 5), small_content);
  talk.hear(frames::delivered{1, true, {}});
  REQUIRE(talk.offer(file_entry("b", zeros.size()), zeros) == 2);
  (void)talk.frames();
  talk.hear(frames::need{2, {0, 1}});
  CHECK(talk.next() == "read 2 0+1");
  talk.machine.on_hole(2, {0, 1});
  const byte_buffer bytes = talk.machine.take_frames();
  const auto frames = decode_all(bytes);
  REQUIRE(frames.size() == 1);
  const auto& block = std::get<frames::block>(frames[0]);
  CHECK(block.id == 2);
  CHECK(block.content_digest == digest_of(zeros));
  CHECK(byte_buffer{block.data.begin(), block.data.end()} == zeros);
  talk.hear(frames::delivered{2, false, {}});
}

TEST_CASE("the quick check is what both sides said of it") {
  send_machine machine{session_id{}, 0, false, true};
  CHECK(show_all(decode_all(byte_view{machine.take_frames()}.subspan(8))) == "HELLO quick");
  SECTION("a large file waits until it is known how to offer it, a small one does not") {
    CHECK_FALSE(machine.may_offer(offer_form::open));
    CHECK(machine.may_offer(offer_form::with_content));
  }
  SECTION("a receiver that does not know it is offered what it knows") {
    REQUIRE(machine.on_frame(frames::welcome{protocol_version, 100, 5, 1U << 30U}));
    REQUIRE(machine.may_offer(offer_form::open));
    machine.offer(item_of(file_entry("large", large_content.size())), offer_form::open);
    machine.offer(item_of(file_entry("a", 5)), offer_form::with_content, digest_of(small_content), small_content);
    REQUIRE(machine.on_frame(frames::delivered{2, true, {}}));
    CHECK(machine.form_for(file_entry("b", 5)) == offer_form::promised);
    const byte_buffer said = machine.take_frames();
    CHECK(show_all(decode_all(said)) == "OFFER 1 'large', OFFER 2 'a' with content");
  }
  SECTION("it is not chosen unless it was offered") {
    frames::welcome welcome{protocol_version, 100, 5, 1U << 30U};
    welcome.quick_check = true;
    REQUIRE(machine.on_frame(welcome));
    sender_script silent;
    CHECK(silent.breaks_rules(welcome));
  }
}

TEST_CASE("small files are offered by time while they turn out to be there already") {
  auto talk = sender_script::quick();
  const entry small = file_entry("a", 5);
  CHECK(talk.machine.form_for(small) == offer_form::with_content);
  talk.offer(small, small_content);
  talk.hear(frames::delivered{1, true, {}});
  CHECK(talk.machine.form_for(file_entry("empty", 0)) == offer_form::with_content);
  REQUIRE(talk.offer(small) == 2);
  REQUIRE(talk.offer(small) == 3);
  CHECK(talk.frames() == "OFFER 1 'a' with content, OFFER 2 'a' by time, OFFER 3 'a' by time");
  (void)talk.machine.take_outcomes();
  CHECK(talk.next().empty());
  SECTION("it is there") {
    talk.hear(frames::delivered{2, true, {}});
    const auto outcomes = talk.machine.take_outcomes();
    REQUIRE(outcomes.size() == 1);
    REQUIRE(outcomes[0].outcome);
    CHECK(outcomes[0].outcome->unchanged);
    CHECK(outcomes[0].outcome->unread);
    CHECK(talk.machine.form_for(small) == offer_form::by_time);
  }
  SECTION("it cannot have become anything else") { CHECK(talk.breaks_rules(frames::delivered{2, false, {}})); }
  SECTION("it is not, and is sent") {
    talk.hear(frames::need{2, {0, 1}});
    CHECK(talk.machine.form_for(small) == offer_form::with_content);
    CHECK(talk.breaks_rules(frames::delivered{2, true, {}}));
    CHECK(talk.next() == "read 2 0+1");
    SECTION("once") { CHECK(talk.machine.on_read(2, 0, digest_of(small_content))); }
    SECTION("and again, if it arrived damaged") {
      CHECK(talk.machine.on_read(2, 0, digest_of(small_content)));
      talk.hear(frames::need{2, {0, 1}});
      CHECK(talk.next() == "read 2 0+1");
      CHECK(talk.machine.on_read(2, 0, digest_of(small_content)));
    }
    SECTION("as zeros, if it is a hole") {
      talk.machine.on_hole(2, {0, 1});
      CHECK(talk.frames() == "BLOCK 2 0 of 5");
    }
    SECTION("unless it changed") {
      talk.machine.on_read_failed(2, error{errc::source_changed});
      CHECK(talk.frames() == "CANCEL 2 code 14");
      return;
    }
    CHECK(talk.next().empty());
    talk.hear(frames::delivered{2, false, {}});
    const auto outcomes = talk.machine.take_outcomes();
    REQUIRE(outcomes.size() == 1);
    CHECK_FALSE(outcomes[0].outcome->unread);
  }
  SECTION("nothing else is asked of it") {
    CHECK(talk.breaks_rules(frames::accept{2, 0}));
    CHECK(talk.breaks_rules(frames::have{2, {0, 1}, {}}));
    CHECK(talk.breaks_rules(frames::need{2, {1, 1}}));
  }
}

TEST_CASE("large files are offered by time always") {
  auto talk = sender_script::quick();
  const std::uint32_t id = talk.offer_large();
  talk.offer(stream_entry("s"));
  CHECK(talk.frames() == "OFFER 1 'large' by time, OFFER 2 's'");
  CHECK(talk.next().empty());
  SECTION("it is there") {
    talk.hear(frames::delivered{id, true, {}});
    const auto outcomes = talk.machine.take_outcomes();
    REQUIRE(outcomes.size() == 1);
    CHECK(outcomes[0].outcome->unread);
  }
  SECTION("it is not, and is sent as every other") {
    talk.hear(frames::accept{id, 0});
    CHECK(talk.breaks_rules(frames::delivered{id, true, {}}));
    CHECK(talk.next() == "read 1 0+4");
    CHECK(talk.read_large(id) == 4);
    CHECK(talk.next() == "check 1");
    talk.machine.on_checked(id, {});
    talk.hear(frames::delivered{id, true, {}});
    CHECK_FALSE(talk.machine.take_outcomes().at(0).outcome->unread);
  }
  SECTION("before it is accepted, nothing is asked of it") {
    CHECK(talk.breaks_rules(frames::delivered{id, false, {}}));
    CHECK(talk.breaks_rules(frames::need{id, {0, 1}}));
    CHECK(talk.breaks_rules(frames::have{id, {0, 1}, {}}));
  }
}

TEST_CASE("the window bounds what a sender offers") {
  sender_script talk;
  const entry link = link_entry("l", "t");
  SECTION("before WELCOME") {
    for (std::uint32_t i = 0; i < limits::window_before_welcome; ++i) {
      REQUIRE(talk.machine.room() == limits::window_before_welcome - i);
      talk.offer(link);
    }
    CHECK_FALSE(talk.machine.may_offer(offer_form::bare));
    talk.hear(frames::welcome{protocol_version, limits::window_before_welcome + 1, 1, 0});
    CHECK(talk.machine.may_offer(offer_form::bare));
    talk.offer(link);
    CHECK_FALSE(talk.machine.may_offer(offer_form::bare));
  }
  SECTION("even where more has been offered already") {
    for (int i = 0; i < 5; ++i) talk.offer(link);
    talk.hear(frames::welcome{protocol_version, 4, 1, 0});
    CHECK(talk.machine.room() == 0);
    talk.hear(frames::delivered{1, false, {}});
    CHECK_FALSE(talk.machine.may_offer(offer_form::bare));
    talk.hear(frames::refuse{5, wire_code::conflict, {}});
    CHECK(talk.machine.may_offer(offer_form::bare));
    CHECK(talk.machine.room() == 1);
  }
}

TEST_CASE("a sender has as many open files as it is allowed") {
  sender_script talk;
  const entry file = file_entry("f", large_content.size());
  for (std::uint32_t i = 0; i < limits::open_files_before_welcome; ++i) talk.offer(file);
  CHECK_FALSE(talk.machine.may_offer(offer_form::open));
  CHECK(talk.machine.may_offer(offer_form::with_content));
  talk.hear(frames::welcome{protocol_version, 100, 5, 0});
  talk.offer(stream_entry("s"));
  CHECK_FALSE(talk.machine.may_offer(offer_form::open));
  talk.hear(frames::refuse{2, wire_code::conflict, {}});
  CHECK(talk.machine.may_offer(offer_form::open));
}

TEST_CASE("a file the receiver has nothing of") {
  auto talk = sender_script::begun();
  REQUIRE(talk.offer_large() == 1);
  CHECK(talk.frames() == "OFFER 1 'large'");
  CHECK(talk.next().empty());
  talk.hear(frames::accept{1, 0});
  CHECK(talk.next(2 * smallest_block) == "read 1 0+2");
  CHECK(talk.read_large(1, 0, 2) == 2);
  CHECK(talk.next(1) == "read 1 2+1");
  CHECK(talk.next() == "read 1 3+1");
  CHECK(talk.next().empty());
  CHECK(talk.read_large(1, 2, 2) == 2);
  CHECK(talk.breaks_rules(frames::delivered{1, false, {}}));
  CHECK(talk.next() == "check 1");
  CHECK(talk.next().empty());
  SECTION("is finished when it has not changed") {
    talk.machine.on_checked(1, {});
    CHECK(talk.frames() == "FINISH 1 196708");
    CHECK(talk.next().empty());
    SECTION("and delivered") {
      talk.hear(frames::delivered{1, false, {}});
      CHECK(talk.outcomes() == "large: ok");
    }
    SECTION("under another name") {
      talk.hear(frames::delivered{1, false, "large.1"});
      CHECK(talk.outcomes() == "large: ok as large.1");
    }
    SECTION("or refused") {
      talk.hear(frames::refuse{1, wire_code::storage_full, "no space"});
      CHECK(talk.outcomes() == "large: 9");
    }
    SECTION("or asked for again in part") {
      talk.hear(frames::need{1, {1, 2}});
      CHECK(talk.breaks_rules(frames::delivered{1, false, {}}));
      CHECK(talk.next() == "read 1 1+2");
      CHECK(talk.read_large(1, 1, 2) == 2);
      CHECK(talk.next().empty());
      CHECK(talk.frames().empty());
      talk.hear(frames::delivered{1, false, {}});
      CHECK(talk.outcomes() == "large: ok");
    }
    SECTION("or asked for again when it is no longer the same") {
      talk.hear(frames::need{1, {1, 2}});
      CHECK(talk.next() == "read 1 1+2");
      CHECK_FALSE(talk.machine.on_read(1, 1, digest{}));
      CHECK_FALSE(talk.machine.on_read(1, 2, digest{}));
      CHECK(talk.frames() == "CANCEL 1 code 14");
    }
    CHECK(talk.machine.find_item(1) == nullptr);
  }
  SECTION("is given up when it has changed") {
    talk.machine.on_checked(1, error{errc::source_changed});
    CHECK(talk.frames() == "CANCEL 1 code 14");
    CHECK(talk.outcomes() == "large: 14");
    talk.hear(frames::need{1, {0, 1}})
        .hear(frames::delivered{1, false, {}})
        .hear(frames::refuse{1, wire_code::busy, {}});
    CHECK(talk.outcomes().empty());
  }
  SECTION("may be refused while it is checked") {
    talk.hear(frames::refuse{1, wire_code::storage_full, "no space"});
    talk.machine.on_checked(1, {});
    CHECK(talk.frames().empty());
    CHECK(talk.outcomes() == "large: 9");
  }
  SECTION("may be asked for in part while it is checked") {
    talk.hear(frames::need{1, {3, 1}});
    talk.machine.on_checked(1, {});
    CHECK(talk.frames() == "FINISH 1 196708");
    CHECK(talk.next() == "read 1 3+1");
    CHECK(talk.read_large(1, 3, 1) == 1);
    talk.hear(frames::delivered{1, false, {}});
  }
}

TEST_CASE("what the receiver has is kept, in as few words as may be") {
  auto talk = sender_script::begun();
  talk.offer_large();
  talk.hear(frames::accept{1, 3});
  (void)talk.frames();
  frames::have have{1, {0, 3}, {}};
  for (std::uint64_t index = 0; index < 3; ++index) have.digests.push_back(digest_of(block_of(large_content, index)));
  talk.hear(have);
  CHECK(talk.next() == "read 1 3+1");
  CHECK(talk.read_large(1, 3, 1) == 1);
  CHECK(talk.next() == "read 1 0+3");
  CHECK(talk.read_large(1, 0, 3) == 0);
  CHECK(talk.next() == "check 1");
  CHECK(talk.frames() == "KEEP 1 0+3");
  talk.machine.on_checked(1, {});
  CHECK(talk.frames() == "FINISH 1 196708");
}

TEST_CASE("holes") {
  auto talk = sender_script::begun();
  talk.offer_large();
  talk.hear(frames::accept{1, 0});
  (void)talk.frames();
  CHECK(talk.next() == "read 1 0+4");
  talk.machine.on_hole(1, {0, 3});
  CHECK(talk.frames() == "HOLE 1 0+3");
  CHECK(talk.read_large(1, 3, 1) == 1);
  CHECK(talk.next() == "check 1");
}

TEST_CASE("a source that cannot be read ends its entry") {
  auto talk = sender_script::begun();
  talk.offer_large();
  talk.offer(link_entry("l", "t"));
  talk.hear(frames::accept{1, 0});
  (void)talk.frames();
  CHECK(talk.next() == "read 1 0+4");
  CHECK(talk.read_large(1, 0, 1) == 1);
  talk.machine.on_read_failed(1, error{errc::source_unreadable, "input/output error"});
  CHECK(talk.frames() == "CANCEL 1 code 15");
  CHECK(talk.outcomes() == "large: 15");
  // What was under way ends in nothing.
  CHECK(talk.read_large(1, 1, 1) == 0);
  talk.machine.on_hole(1, {2, 1});
  talk.machine.on_read_failed(1, error{errc::source_unreadable});
  talk.machine.on_checked(1, {});
  talk.machine.on_stream_read(1, 0, {});
  talk.machine.on_stream_end(1, 5);
  talk.hear(frames::accept{1, 0}).hear(frames::have{1, {0, 1}, {}}).hear(frames::progress{1, 5});
  CHECK(talk.frames().empty());
  CHECK(talk.outcomes().empty());
  CHECK(talk.next().empty());
  CHECK(talk.machine.find_item(2) != nullptr);
}

TEST_CASE("a stream") {
  auto talk = sender_script::begun();
  talk.offer(stream_entry("s"));
  (void)talk.frames();
  CHECK(talk.next().empty());
  talk.hear(frames::accept{1, 0});
  CHECK(talk.breaks_rules(frames::accept{1, 0}));
  CHECK(talk.next() == "read stream 1");
  CHECK(talk.next() == "read stream 1");
  const byte_buffer content = noise(smallest_block + 50, 3);
  talk.machine.on_stream_read(1, 0, digest_of(byte_view{content}.first(10)));
  talk.machine.on_stream_read(1, 0, digest_of(block_of(content, 0)));
  talk.machine.on_stream_read(1, 1, digest_of(block_of(content, 1)));
  CHECK(talk.breaks_rules(frames::delivered{1, false, {}}));
  talk.machine.on_stream_end(1, content.size());
  const byte_buffer bytes = talk.machine.take_frames();
  const auto frames = decode_all(bytes);
  REQUIRE(frames.size() == 1);
  CHECK(std::get<frames::finish>(frames[0]).size == content.size());
  CHECK(std::get<frames::finish>(frames[0]).root == finish_frame(1, content).root);
  CHECK(talk.next().empty());
  CHECK(talk.breaks_rules(frames::need{1, {0, 1}}));
  CHECK(talk.breaks_rules(frames::have{1, {0, 1}, {}}));
  talk.hear(frames::delivered{1, false, {}});
  CHECK(talk.outcomes() == "s: ok");
}

TEST_CASE("a stream has no blocks that a receiver could have") {
  auto talk = sender_script::begun();
  talk.offer(stream_entry("s"));
  CHECK(talk.breaks_rules(frames::accept{1, 1}));
}

TEST_CASE("a stream, whose input may be slow, does not hold others back") {
  auto talk = sender_script::begun();
  talk.offer(stream_entry("s"));
  talk.offer_large();
  talk.hear(frames::accept{1, 0}).hear(frames::accept{2, 0});
  CHECK(talk.next() == "read 2 0+4");
  CHECK(talk.next() == "read stream 1");
  CHECK(talk.read_large(2) == 4);
  CHECK(talk.next() == "check 2");
  CHECK(talk.next() == "read stream 1");
}

TEST_CASE("answers for what was never offered, or not in this way") {
  auto talk = sender_script::begun();
  talk.offer(link_entry("l", "t"));
  talk.offer_large();
  const std::uint32_t id = GENERATE(0U, 3U, ~0U);
  CHECK(talk.breaks_rules(frames::accept{id, 0}));
  CHECK(talk.breaks_rules(frames::have{id, {0, 1}, {}}));
  CHECK(talk.breaks_rules(frames::need{id, {0, 1}}));
  CHECK(talk.breaks_rules(frames::delivered{id, false, {}}));
  CHECK(talk.breaks_rules(frames::refuse{id, wire_code::conflict, {}}));
  CHECK(talk.breaks_rules(frames::progress{id, 1}));
  CHECK(talk.breaks_rules(frames::accept{1, 0}));
  CHECK(talk.breaks_rules(frames::have{1, {0, 1}, {}}));
  CHECK(talk.breaks_rules(frames::need{1, {0, 1}}));
  CHECK(talk.breaks_rules(frames::have{2, {0, 1}, {}}));
  CHECK(talk.breaks_rules(frames::need{2, {0, 1}}));
  CHECK(talk.breaks_rules(frames::accept{2, 5}));
}

TEST_CASE("progress counts what moves") {
  auto talk = sender_script::begun();
  talk.offer_large();
  std::uint64_t before = talk.machine.progress();
  const auto moved = [&] { return std::exchange(before, talk.machine.progress()) != talk.machine.progress(); };
  talk.hear(frames::accept{1, 0});
  CHECK(moved());
  talk.hear(frames::progress{1, 16'384});
  CHECK(moved());
  talk.hear(frames::progress{1, 16'384}).hear(frames::progress{1, 4}).hear(frames::progress{1, 32'767});
  CHECK_FALSE(moved());
  talk.hear(frames::progress{1, 32'768});
  CHECK(moved());
  talk.hear(frames::progress{1, 3 * large_content.size() + 3});
  CHECK_FALSE(moved());
}

TEST_CASE("a sender says BYE") {
  auto talk = sender_script::begun();
  SECTION("may come before all outcomes, and is answered after them") {
    talk.offer(link_entry("l", "t"));
    (void)talk.frames();
    talk.machine.no_more_offers();
    talk.machine.no_more_offers();
    CHECK(talk.machine.said_bye());
    CHECK(talk.frames() == "BYE");
    CHECK(talk.breaks_rules(frames::bye{}));
    talk.hear(frames::delivered{1, false, {}}).hear(frames::bye{});
    CHECK(talk.machine.finished());
    CHECK(talk.breaks_rules(frames::bye{}));
    CHECK(talk.breaks_rules(frames::delivered{1, false, {}}));
  }
  SECTION("is not the receiver's to begin") { CHECK(talk.breaks_rules(frames::bye{})); }
}

TEST_CASE("what has no outcome when the connection is lost is offered on the next one") {
  auto talk = sender_script::begun();
  talk.offer(file_entry("a", 5), small_content);
  talk.offer_large();
  talk.offer(stream_entry("untouched"));
  talk.offer(stream_entry("begun"));
  talk.offer(directory_entry("d"));
  talk.hear(frames::delivered{1, false, {}}).hear(frames::accept{4, 0});
  CHECK(talk.next() == "read stream 4");
  talk.hear(frames::accept{2, 0});
  CHECK(talk.next(1) == "read 2 0+1");
  CHECK(talk.read_large(2, 0, 1) == 1);
  CHECK(talk.outcomes() == "a: ok");

  std::vector<send_item> left = talk.machine.take_unfinished();
  REQUIRE(left.size() == 4);
  CHECK(left[0].what.item.path == "large");
  CHECK(left[1].what.item.path == "untouched");
  CHECK_FALSE(left[1].consumed);
  CHECK(left[2].what.item.path == "begun");
  CHECK(left[2].consumed);
  CHECK(left[3].what.item.path == "d");

  // What was read of the file is known on the next connection.
  auto again = sender_script::begun();
  CHECK(again.machine.offer(std::move(left[0]), offer_form::open) == 1);
  again.hear(frames::accept{1, 1}).hear(frames::have{1, {0, 1}, {digest_of(block_of(large_content, 0))}});
  CHECK(again.next() == "read 1 1+3");
  CHECK(again.read_large(1, 1, 3) == 3);
  (void)again.frames();
  CHECK(again.next() == "check 1");
  CHECK(again.frames() == "KEEP 1 0+1");
}

TEST_CASE("a receiver allows as many further connections as were asked for, and no more", "[transfer]") {
  frames::welcome welcome{protocol_version, 100, 5, 1U << 30U, frames::grant{3, {}}};
  send_machine modest{session_id{}, 2};
  CHECK_FALSE(modest.on_frame(welcome));
  send_machine alone{session_id{}};
  CHECK_FALSE(alone.on_frame(welcome));
  send_machine machine{session_id{}, 3};
  CHECK_FALSE(machine.further());
  REQUIRE(machine.on_frame(welcome));
  REQUIRE(machine.further());
  CHECK(machine.further()->connections == 3);
}

TEST_CASE("blocks that are asked for again are known from the others", "[transfer]") {
  sender_script talk = sender_script::begun();
  const std::uint32_t id = talk.offer_large();
  talk.hear(frames::accept{id, 0});
  const auto fresh = talk.machine.next(much);
  CHECK_FALSE(std::get<tasks::read>(*fresh).is_answer);
  (void)talk.read_large(id);
  talk.hear(frames::need{id, {1, 2}});
  const auto again = talk.machine.next(much);
  CHECK(std::get<tasks::read>(*again).is_answer);
  CHECK(std::get<tasks::read>(*again).blocks == frames::block_run{1, 2});
}

TEST_CASE("what was asked for again may come on another connection before it is sent", "[transfer]") {
  for (const bool is_shared : {false, true}) {
    sender_script talk;
    talk.machine = send_machine{session_id{}, 1};
    frames::welcome welcome{protocol_version, 100, 5, 1U << 30U};
    if (is_shared) welcome.more = frames::grant{1, {}};
    talk.hear(welcome);
    const std::uint32_t id = talk.offer_large();
    talk.hear(frames::accept{id, 0});
    (void)talk.next();
    (void)talk.read_large(id);
    (void)talk.next();
    talk.machine.on_checked(id, {});
    talk.hear(frames::need{id, {1, 1}});
    CHECK(talk.breaks_rules(frames::delivered{id, false, ""}) != is_shared);
  }
}
