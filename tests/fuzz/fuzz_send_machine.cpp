// Whatever a receiver answers, the sender's machine keeps its rules: it says only what a sender may say, reads only
// what its files have, and every entry ends with one outcome or is left for the next connection.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>

#include "../support/frames.hpp"
#include "tcptools/base/text.hpp"
#include "tcptools/transfer/send_machine.hpp"

namespace {

using tcptools::byte_buffer;
using tcptools::byte_view;
using tcptools::errc;
using tcptools::result;
using namespace tcptools::transfer;

constexpr std::size_t block_size = tcptools::testing::smallest_block;
constexpr std::size_t most_read = 4 * block_size;

void require(bool condition) {
  if (!condition) std::abort();
}

class input {
 public:
  explicit input(byte_view bytes) noexcept : left_{bytes} {}

  [[nodiscard]] bool empty() const noexcept { return left_.empty(); }
  [[nodiscard]] unsigned next() noexcept {
    const byte_view one = take(1);
    return one.empty() ? 0 : std::to_integer<unsigned>(one.front());
  }
  [[nodiscard]] byte_view take(std::size_t most) noexcept {
    const byte_view taken = left_.first(std::min(most, left_.size()));
    left_ = left_.subspan(taken.size());
    return taken;
  }

 private:
  byte_view left_;
};

// What block `index` of every file has.
digest content_of(std::uint64_t index, unsigned version) {
  return digest_of(tcptools::as_bytes("block " + std::to_string(index % 3) + std::to_string(version)));
}

class connection {
 public:
  explicit connection(bool quick_check) : machine_{session_id{}, 0, false, quick_check} {
    const byte_buffer first = machine_.take_frames();
    require(std::ranges::equal(byte_view{first}.first(preface().size()), preface()));
  }

  [[nodiscard]] bool is_over() const { return failed_ || machine_.finished(); }

  void offer(input& in) {
    const unsigned form = in.next();
    const std::string path = "f" + std::to_string(form % 5);
    const std::uint64_t size = std::uint64_t{in.next()}
                               << std::min(form / 16 * 2, 28U);  // a file has a million blocks at most
    entry item = tcptools::testing::file_entry(path, size);
    if (form % 8 == 5) item = tcptools::testing::directory_entry(path);
    if (form % 8 == 6) item = tcptools::testing::link_entry(path, "target");
    if (form % 8 == 7) item = tcptools::testing::stream_entry(path);
    const offer_form how = machine_.form_for(item);
    if (machine_.said_bye() || !machine_.may_offer(how)) return;
    source_item found;
    found.item = std::move(item);
    const byte_buffer content(how == offer_form::with_content ? size : 0);
    const digest promise = how == offer_form::with_content ? digest_of(content) : content_of(0, 0);
    last_id_ = machine_.offer({std::move(found), nullptr, false}, how, promise, content);
    ++offered_;
  }
  void bye() {
    if (!machine_.said_bye()) machine_.no_more_offers();
  }
  // The next thing to do is done, or goes wrong.
  void work(input& in) {
    const std::optional<send_task> task = machine_.next(most_read);
    if (task) std::visit([this, &in](const auto& what) { perform(what, in); }, *task);
  }
  void hear(byte_view wire) {
    while (!wire.empty() && !is_over()) {
      const auto step = decode(wire);
      if (!step) return fail(step.error().code());
      if (!step->value) return;
      hear(*step->value);
      wire = wire.subspan(step->size);
    }
  }
  void hear(const frame& value) {
    if (is_over()) return;
    const result<void> good = machine_.on_frame(value);
    if (good) return;
    require(tcptools::is_utf8(good.error().text()));
    fail(good.error().code());
  }
  // An answer that fits to what was offered, more or less.
  void answer(input& in) {
    const unsigned what = in.next();
    const std::uint32_t id = last_id_ - std::min<std::uint32_t>(last_id_, in.next() % 4);
    const frames::block_run run{in.next() % 20U, 1U + in.next() % 20U};
    switch (what % 8) {
      case 0: {
        frames::welcome welcome{protocol_version, 1U + in.next(), 1U + in.next() % 8, std::uint64_t{1} << 40U};
        welcome.quick_check = what >= 128;
        return hear(welcome);
      }
      case 1:
        return hear(frames::accept{id, run.first});
      case 2: {
        frames::have have{id, run, {}};
        for (std::uint64_t i = 0; what % 16 < 8 && i < run.count; ++i) {
          have.digests.push_back(content_of(run.first + i, 0));
        }
        return hear(have);
      }
      case 3:
        return hear(frames::need{id, run});
      case 4:
        return hear(frames::delivered{id, what % 16 < 8, what % 32 < 16 ? "" : "elsewhere"});
      case 5:
        return hear(frames::refuse{id, static_cast<wire_code>(in.next() % 20), "no"});
      case 6:
        return hear(frames::progress{id, run.first});
      default:
        return hear(frames::bye{});
    }
  }
  void listen() {
    const byte_buffer said = machine_.take_frames();
    for (const frame& one : tcptools::testing::decode_all(said)) {
      require(std::holds_alternative<frames::offer>(one) || std::holds_alternative<frames::hole>(one) ||
              std::holds_alternative<frames::keep>(one) || std::holds_alternative<frames::block>(one) ||
              std::holds_alternative<frames::finish>(one) || std::holds_alternative<frames::cancel>(one) ||
              std::holds_alternative<frames::bye>(one));
    }
    for (const send_outcome& one : machine_.take_outcomes()) {
      ++ended_;
      if (!one.outcome) require(tcptools::is_utf8(one.outcome.error().text()));
    }
    require(ended_ <= offered_);
  }
  void end() {
    listen();
    if (machine_.finished() && !failed_) require(ended_ == offered_);
    require(ended_ + machine_.take_unfinished().size() == offered_);
  }

 private:
  void perform(const tasks::read& what, input& in) {
    const source_item* const found = machine_.find_item(what.id);
    require(found != nullptr && found->item.kind == entry_kind::file);
    const block_layout layout{found->item.size, found->item.block_log2};
    require(what.blocks.count >= 1 && what.blocks.first + what.blocks.count <= layout.count());
    require((what.blocks.count - 1) * layout.block_size() < most_read);
    const unsigned how = in.next();
    if (how % 16 == 15) return machine_.on_read_failed(what.id, tcptools::error{errc::source_changed});
    if (how % 16 == 14) return machine_.on_hole(what.id, what.blocks);
    for (std::uint64_t i = 0; i < what.blocks.count && machine_.find_item(what.id) != nullptr; ++i) {
      (void)machine_.on_read(what.id, what.blocks.first + i, content_of(what.blocks.first + i, how % 16 == 13 ? 1 : 0));
    }
  }
  void perform(const tasks::read_stream& what, input& in) {
    require(machine_.find_item(what.id) != nullptr);
    const unsigned how = in.next();
    std::uint64_t& blocks = streams_[what.id];
    if (how % 16 == 15) return machine_.on_read_failed(what.id, tcptools::error{errc::source_unreadable});
    if (how % 4 == 3) return machine_.on_stream_end(what.id, blocks << limits::smallest_block_log2);
    machine_.on_stream_read(what.id, blocks, content_of(blocks, 0));
    ++blocks;
  }
  void perform(const tasks::check& what, input& in) {
    require(machine_.find_item(what.id) != nullptr);
    if (in.next() % 8 == 7) {
      machine_.on_checked(what.id, tcptools::error{errc::source_changed});
    } else {
      machine_.on_checked(what.id, {});
    }
  }
  void fail(errc code) {
    const bool is_ours = code == errc::protocol_violation || code == errc::version_unsupported;
    require(is_ours || code != errc::usage);
    failed_ = true;
  }

  send_machine machine_;
  bool failed_ = false;
  std::uint32_t last_id_ = 0;
  std::size_t offered_ = 0;
  std::size_t ended_ = 0;
  std::map<std::uint32_t, std::uint64_t> streams_;  // blocks read so far
};

}  // namespace

// The first byte tells whether what follows the offers are frames as they are on the wire, or a script, and whether the
// sender would offer by time.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  input in{std::as_bytes(std::span{data, size})};
  const unsigned form = in.next();
  connection one{form >= 128};
  if (form % 4 == 0) {
    for (int i = 0; i < 4; ++i) one.offer(in);
    one.hear(in.take(size));
  }
  while (!in.empty() && !one.is_over()) {
    switch (in.next() % 8) {
      case 0:
      case 1:
        one.offer(in);
        break;
      case 2:
        if (in.next() % 8 == 0) one.bye();
        break;
      case 3:
      case 4:
        one.work(in);
        break;
      default:
        one.answer(in);
    }
    one.listen();
  }
  one.end();
  return 0;
}
