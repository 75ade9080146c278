#include "tcptools/transfer/outbox.hpp"

#include <string>
#include <string_view>

#include "support/catch.hpp"
#include "tcptools/transfer/limits.hpp"
#include "tcptools/transfer/protocol.hpp"

using namespace tcptools;
using namespace tcptools::transfer;

namespace {

byte_buffer bytes_of(std::string_view text) {
  const byte_view bytes = as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

// An outbox of words. What is taken is written at once.
class outbox_script {
 public:
  outbox_script& frames(std::string_view text) {
    box.put(bytes_of(text));
    return *this;
  }
  outbox_script& blocks(std::uint32_t id, std::string_view text) {
    outbox::piece piece{bytes_of(text), nullptr, {}, text.size()};
    piece.views.emplace_back(piece.frames);
    box.put_blocks(id, std::move(piece));
    return *this;
  }

  // "fence 1 2": FENCE for these entries.
  [[nodiscard]] std::string take(outbox::connection_id one) {
    const std::optional<outbox::piece> taken = box.take(one);
    if (!taken) return "";
    box.on_written(taken->size);
    std::string all;
    std::size_t size = 0;
    for (const byte_view view : taken->views) {
      all += as_text(view);
      size += view.size();
    }
    CHECK(size == taken->size);
    byte_view left = as_bytes(all);
    std::string fences;
    for (auto step = decode(left); step && step->value; step = decode(left)) {
      fences += " " + std::to_string(std::get<frames::fence>(*step->value).id);
      left = left.subspan(step->size);
    }
    return fences.empty() ? all : "fence" + fences;
  }

  outbox box;
};

constexpr auto first_one = outbox::first;

}  // namespace

TEST_CASE("one connection writes everything in order", "[transfer]") {
  outbox_script talk;
  talk.frames("offer").blocks(1, "a").blocks(1, "b").frames("finish");
  talk.box.close_entry(1);
  CHECK(talk.take(first_one) == "offer");
  CHECK(talk.take(first_one) == "a");
  CHECK(talk.take(first_one) == "b");
  CHECK(talk.take(first_one) == "finish");
  CHECK(talk.take(first_one).empty());
  CHECK(talk.box.is_empty());
  CHECK(talk.box.size() == 0);
}

TEST_CASE("a joined connection carries blocks of files and nothing else", "[transfer]") {
  outbox_script talk;
  const auto joined = talk.box.join();
  talk.frames("offer");
  CHECK_FALSE(talk.box.has_any_for(joined));
  CHECK(talk.take(joined).empty());
  talk.blocks(1, "a").frames("hole").blocks(1, "b").blocks(1, "c");
  CHECK(talk.box.has_any_for(joined));
  CHECK(talk.take(joined) == "a");
  CHECK(talk.take(joined) == "b");
  CHECK(talk.take(first_one) == "offer");
  CHECK(talk.take(first_one) == "hole");
  CHECK(talk.take(first_one) == "c");
}

TEST_CASE("only blocks that others may carry have to wait for a connection that can write", "[transfer]") {
  outbox_script talk;
  talk.blocks(1, "a");
  CHECK_FALSE(talk.box.has_rivals(first_one));
  const auto joined = talk.box.join();
  CHECK(talk.box.has_rivals(first_one));
  CHECK(talk.box.has_rivals(joined));
  CHECK(talk.take(joined) == "a");
  talk.frames("finish").blocks(2, "b");
  talk.box.close_entry(1);
  CHECK_FALSE(talk.box.has_rivals(first_one));
  CHECK_FALSE(talk.box.has_rivals(joined));
  CHECK(talk.take(first_one) == "finish");
  talk.box.leave(joined);
  CHECK_FALSE(talk.box.has_rivals(first_one));
}

TEST_CASE("FINISH is free to go once every block before it was taken", "[transfer]") {
  outbox_script talk;
  const auto joined = talk.box.join();
  talk.blocks(1, "a").blocks(1, "b").frames("finish");
  talk.box.close_entry(1);
  CHECK(talk.take(first_one) == "a");
  CHECK(talk.take(joined) == "b");
  CHECK(talk.take(first_one) == "finish");
}

TEST_CASE("each joined connection says FENCE when no more of a file follows", "[transfer]") {
  outbox_script talk;
  const auto one = talk.box.join();
  const auto two = talk.box.join();
  const auto idle = talk.box.join();
  talk.blocks(1, "a").blocks(1, "b").blocks(1, "c").blocks(2, "d");
  CHECK(talk.take(one) == "a");
  CHECK(talk.take(two) == "b");
  talk.frames("finish");
  talk.box.close_entry(1);
  CHECK(talk.take(two) == "c");
  CHECK(talk.take(two) == "fence 1");
  CHECK(talk.take(two) == "d");
  CHECK(talk.take(one) == "fence 1");
  CHECK(talk.take(one).empty());
  talk.box.close_entry(2);
  CHECK(talk.take(two) == "fence 2");
  CHECK(talk.take(idle) == "fence 1 2");
  CHECK(talk.take(talk.box.join()) == "fence 1 2");
  talk.box.forget_if([](std::uint32_t id) { return id == 1; });
  CHECK(talk.take(talk.box.join()) == "fence 2");
}

TEST_CASE("several FENCE go out together", "[transfer]") {
  outbox_script talk;
  const auto joined = talk.box.join();
  talk.blocks(1, "a").blocks(2, "b");
  CHECK(talk.take(joined) == "a");
  CHECK(talk.take(joined) == "b");
  talk.box.close_entry(1);
  talk.box.close_entry(2);
  CHECK(talk.take(joined) == "fence 1 2");
}

TEST_CASE("what the first connection alone carried needs no FENCE", "[transfer]") {
  outbox_script talk;
  const auto joined = talk.box.join();
  talk.blocks(1, "a");
  CHECK(talk.take(first_one) == "a");
  talk.box.close_entry(1);
  CHECK(talk.take(joined).empty());
}

TEST_CASE("a connection that is gone owes nothing", "[transfer]") {
  outbox_script talk;
  const auto gone = talk.box.join();
  talk.blocks(1, "a");
  CHECK(talk.take(gone) == "a");
  talk.box.leave(gone);
  talk.box.close_entry(1);
  CHECK_FALSE(talk.box.has_any_for(gone));
  const auto late = talk.box.join();
  CHECK(late != gone);
  CHECK(talk.take(late) == "fence 1");
}

TEST_CASE("an entry with an outcome is not sent any more", "[transfer]") {
  outbox_script talk;
  const auto joined = talk.box.join();
  talk.blocks(1, "a").blocks(2, "b").blocks(1, "c").frames("cancel");
  CHECK(talk.take(joined) == "a");
  talk.box.forget_if([](std::uint32_t id) { return id == 1; });
  CHECK(talk.take(joined) == "b");
  CHECK(talk.take(joined).empty());
  CHECK(talk.take(first_one) == "cancel");
  CHECK(talk.box.size() == 0);
  talk.box.close_entry(1);
  CHECK(talk.take(joined).empty());
}

TEST_CASE("an outbox is full when enough waits, or much is being written", "[transfer]") {
  outbox_script talk;
  talk.blocks(1, std::string(limits::waiting_words - 1, 'x'));
  CHECK_FALSE(talk.box.is_full());
  talk.frames("y");
  CHECK(talk.box.is_full());
  const auto taken = talk.box.take(talk.box.join());
  CHECK_FALSE(talk.box.is_full());
  CHECK(talk.box.size() == limits::waiting_words);
  talk.box.on_written(taken->size);
  CHECK(talk.box.size() == 1);

  talk.blocks(1, std::string(limits::words_at_work, 'z'));
  CHECK(talk.take(first_one) == "y");
  const auto large = talk.box.take(first_one);
  CHECK(talk.box.is_full());
  talk.box.on_written(large->size);
  CHECK_FALSE(talk.box.is_full());
}

TEST_CASE("what waits can be thrown away", "[transfer]") {
  outbox_script talk;
  const auto joined = talk.box.join();
  talk.blocks(1, "a").blocks(1, "bc");
  const auto taken = talk.box.take(joined);
  talk.box.clear();
  CHECK(talk.box.is_empty());
  CHECK(talk.box.size() == 1);
  talk.box.on_written(taken->size);
  CHECK(talk.box.size() == 0);
  CHECK(talk.take(joined).empty());
}
