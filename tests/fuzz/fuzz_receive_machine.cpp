// Whatever a sender says, and whatever the store makes of it, the receiver's machine keeps its rules: every
// precondition of the store holds, memory stays bounded, an entry has one outcome at most, and what is delivered is
// what was promised.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "../support/frames.hpp"
#include "../support/memory_store.hpp"
#include "tcptools/base/text.hpp"
#include "tcptools/transfer/job_runner.hpp"
#include "tcptools/transfer/receive_machine.hpp"

namespace {

using tcptools::byte_buffer;
using tcptools::byte_view;
using tcptools::errc;
using tcptools::result;
using tcptools::testing::memory_store;
using namespace tcptools::transfer;

constexpr std::uint64_t largest_file = 1U << 19U;
constexpr receive_machine::settings settings{80, 6, largest_file};
constexpr std::size_t block_size = tcptools::testing::smallest_block;

void require(bool condition) {
  if (!condition) std::abort();
}

class input {
 public:
  explicit input(byte_view bytes) noexcept : left_{bytes} {}

  [[nodiscard]] bool empty() const noexcept { return left_.empty(); }
  [[nodiscard]] unsigned next() noexcept {
    if (left_.empty()) return 0;
    const auto value = std::to_integer<unsigned>(left_.front());
    left_ = left_.subspan(1);
    return value;
  }
  [[nodiscard]] byte_view take(std::size_t most) noexcept {
    const byte_view taken = left_.first(std::min(most, left_.size()));
    left_ = left_.subspan(taken.size());
    return taken;
  }
  template <class T, std::size_t N>
  [[nodiscard]] const T& one_of(const T (&values)[N]) noexcept {
    return values[next() % N];
  }

 private:
  byte_view left_;
};

// A block's content: one of a few, so that what one transfer leaves fits another one. 0 is zeros.
byte_view content_of(unsigned version, std::size_t length) {
  static const std::vector<byte_buffer> all{byte_buffer(2 * block_size), tcptools::testing::noise(2 * block_size, 1),
                                            tcptools::testing::noise(2 * block_size, 2)};
  return byte_view{all[version % all.size()]}.first(std::min(length, 2 * block_size));
}

// One connection, as native_receiver drives it.
class connection {
 public:
  explicit connection(memory_store& where) : store_{where}, machine_{settings}, runner_{where} {}

  [[nodiscard]] bool is_over() const { return failed_ || machine_.finished(); }

  // Bytes of whole frames; the rest is a connection that is lost.
  void hear(byte_view wire) {
    while (!wire.empty() && !is_over()) {
      const auto step = decode(wire);
      if (!step) return fail(step.error());
      if (!step->value) return;
      hear_one(wire.first(step->size));
      wire = wire.subspan(step->size);
    }
  }
  void work() {
    if (results_.empty()) {
      std::vector<job> batch = machine_.take_jobs();
      results_ = runner_.run(batch);
      std::ranges::move(runner_.checkpoint(), std::back_inserter(results_));
    } else {
      for (const job_result& one : std::exchange(results_, {})) machine_.on_result(one);
    }
    listen();
  }
  void tick() {
    machine_.on_tick();
    listen();
  }
  // The connection ends; what was received is stored, or the process is gone as well.
  void end(bool process_lives) {
    while (process_lives && has_work()) work();
    if (process_lives && said_bye_ && !failed_ && machine_.session() && unfinished_ == 0) require(machine_.finished());
    runner_.close();
  }
  [[nodiscard]] std::uint32_t last_id() const noexcept { return last_id_; }
  [[nodiscard]] const std::map<std::uint64_t, digest>* claims(std::uint32_t id) const {
    const auto found = claims_.find(id);
    return found == claims_.end() ? nullptr : &found->second;
  }

 private:
  [[nodiscard]] bool has_work() const { return !results_.empty() || machine_.has_jobs(); }

  void hear_one(byte_view wire) {
    while (machine_.waiting_bytes() > limits::unstored_bytes) work();
    if (is_over()) return;
    // In memory of its own, so that a view that outlives it shows.
    const auto memory = std::make_shared<const byte_buffer>(wire.begin(), wire.end());
    frame value = *decode(*memory)->value;
    note(value);
    const result<void> good = machine_.on_frame(std::move(value), memory);
    require(machine_.waiting_bytes() <= limits::unstored_bytes + wire.size() + 1024 * sizeof(job));
    if (!good) fail(good.error());
    listen();
  }
  void note(const frame& value) {
    if (const auto* offer = std::get_if<frames::offer>(&value)) {
      last_id_ = std::max(last_id_, offer->id);
      unfinished_ = static_cast<int>(unfinished_ + (machine_.session() ? 1 : 0));
      ++offers_of_[offer->item.path];
      items_.insert_or_assign(offer->id, offer->item);
    } else if (const auto* finish = std::get_if<frames::finish>(&value)) {
      roots_.try_emplace(finish->id, *finish);
    }
    said_bye_ = said_bye_ || std::holds_alternative<frames::bye>(value);
  }
  void fail(const tcptools::error& why) {
    require(tcptools::is_utf8(why.text()));
    failed_ = true;
    machine_.fail(to_wire(why.code()), why.text());
    listen();
  }

  // What the machine says is what a receiver may say.
  void listen() {
    const byte_buffer answers = machine_.take_answers();
    for (const frame& one : tcptools::testing::decode_all(answers)) {
      require(!silent_);
      if (const auto* delivered = std::get_if<frames::delivered>(&one)) {
        on_outcome(delivered->id);
        on_delivered(*delivered);
      } else if (const auto* refused = std::get_if<frames::refuse>(&one)) {
        on_outcome(refused->id);
      } else if (const auto* have = std::get_if<frames::have>(&one)) {
        on_have(*have);
      } else if (std::holds_alternative<frames::error>(one) || std::holds_alternative<frames::bye>(one)) {
        silent_ = true;
      } else {
        require(std::holds_alternative<frames::welcome>(one) || std::holds_alternative<frames::accept>(one) ||
                std::holds_alternative<frames::need>(one) || std::holds_alternative<frames::progress>(one));
      }
    }
    for (const receive_outcome& one : machine_.take_outcomes()) {
      require(check_outcome(one));
      --unfinished_;
    }
  }
  static bool check_outcome(const receive_outcome& one) {
    return one.outcome.has_value() || tcptools::is_utf8(one.outcome.error().text());
  }
  void on_outcome(std::uint32_t id) {
    require(id >= 1 && id <= last_id_);
    require(ended_.insert({id, true}).second);
  }
  void on_have(const frames::have& have) {
    for (std::size_t i = 0; i < have.digests.size(); ++i) claims_[have.id][have.blocks.first + i] = have.digests[i];
  }
  // Of a path that nobody else received, the store has what the root says.
  void on_delivered(const frames::delivered& delivered) {
    const auto item = items_.find(delivered.id);
    const auto said = roots_.find(delivered.id);
    if (item == items_.end() || said == roots_.end() || offers_of_[item->second.path] > 1) return;
    if (item->second.kind != entry_kind::file && item->second.kind != entry_kind::stream) return;
    const auto entries = store_.entries();
    const auto there = entries.find(item->second.path);
    require(there != entries.end());
    const auto expected =
        tcptools::testing::finish_frame(delivered.id, there->second.content, std::size_t{1} << item->second.block_log2);
    require(said->second.size == expected.size && said->second.root == expected.root);
  }

  memory_store& store_;
  receive_machine machine_;
  job_runner runner_;
  std::vector<job_result> results_;
  bool failed_ = false;
  bool silent_ = false;
  bool said_bye_ = false;
  int unfinished_ = 0;
  std::uint32_t last_id_ = 0;
  std::map<std::uint32_t, entry> items_;
  std::map<std::string, unsigned> offers_of_;
  std::map<std::uint32_t, frames::finish> roots_;  // the first one
  std::map<std::uint32_t, bool> ended_;
  std::map<std::uint32_t, std::map<std::uint64_t, digest>> claims_;
};

// A sender that knows the language and says in it what the input tells it to.
class scripted_sender {
 public:
  explicit scripted_sender(connection& to) : to_{to} {}

  void hello(input& in) {
    frames::hello one;
    const unsigned form = in.next();
    if (form % 16 == 15) one.lowest_version = one.highest_version = 2;
    one.quick_check = form >= 128;
    say(one, in);
  }
  void offer(input& in) {
    static constexpr entry_kind kinds[] = {entry_kind::file,   entry_kind::file,      entry_kind::file,
                                           entry_kind::stream, entry_kind::directory, entry_kind::symlink};
    static constexpr const char* paths[] = {"f", "g", "d/f", "d/g", "d", "f/x", "../f", ".tcpsend"};
    static constexpr std::uint64_t sizes[] = {
        0, 1, 1000, block_size, block_size + 1, 3 * block_size, 4 * block_size + 9, largest_file, largest_file + 1};
    frames::offer one;
    one.id = last_id_ + 1 + (in.next() == 255 ? 1 : 0);
    one.item.kind = in.one_of(kinds);
    one.item.path = in.one_of(paths);
    const std::uint64_t size = in.one_of(sizes);
    const unsigned form = in.next();
    file about{size, 16, {}};
    if (one.item.kind == entry_kind::file || one.item.kind == entry_kind::stream) {
      about.block_log2 = one.item.block_log2 = static_cast<std::uint8_t>(16 + (form / 8 % 4 == 0 ? 1 : 0));
      one.item.size = one.item.kind == entry_kind::file ? size : unknown_size;
    }
    if (one.item.kind == entry_kind::file) {
      one.item.allocated = size;
      const byte_view content = content_of(form / 32, static_cast<std::size_t>(size));
      const bool small = size <= limits::inline_content;
      if (small && (form % 3 == 0 || size == 0)) one.body = frames::inlined{digest_of(content), content};
      if (small && size > 0 && form % 3 == 1) one.body = frames::promised{digest_of(content)};
      if (size > 0 && form >= 128 && form % 3 == 2) one.body = frames::promised{};
    }
    if (one.item.kind == entry_kind::symlink) one.item.target = form % 2 == 0 ? "target" : "../other";
    last_id_ = one.id;
    files_.insert_or_assign(one.id, about);
    say(one, in);
  }
  void block(input& in) {
    const auto [id, about] = choose(in);
    const std::uint64_t index = in.next() % 10;
    const unsigned form = in.next();
    const block_layout layout{about->size, about->block_log2};
    std::size_t length = index < layout.count() ? layout.length(index) : block_size;
    if (form % 16 == 15) length = in.next() + 1U;
    const byte_view data = content_of(form / 32, length);
    digest content_digest = digest_of(data);
    if (form % 16 == 14) content_digest.bytes[3] ^= std::byte{1};
    about->row[index] = content_digest;
    about->stream_size = std::max<std::uint64_t>(about->stream_size, layout.offset(index) + data.size());
    say(frames::block{id, index, content_digest, data}, in);
  }
  void hole(input& in) {
    const auto [id, about] = choose(in);
    const frames::block_run run = choose_run(in);
    const block_layout layout{about->size, about->block_log2};
    for (std::uint64_t index = run.first; index < run.first + run.count && index < layout.count(); ++index) {
      about->row[index] = digest_of_zeros(layout.length(index));
    }
    say(frames::hole{id, run}, in);
  }
  void keep(input& in) {
    const auto [id, about] = choose(in);
    const frames::block_run run = choose_run(in);
    if (const auto* claims = to_.claims(id)) {
      for (const auto& [index, claimed] : *claims) {
        if (index >= run.first && index - run.first < run.count) about->row[index] = claimed;
      }
    }
    say(frames::keep{id, run}, in);
  }
  void finish(input& in) {
    const auto [id, about] = choose(in);
    running_digest root;
    for (const auto& [index, one] : about->row) root.update(one.bytes);
    const bool wrong = in.next() % 16 == 15;
    const bool is_stream = in.next() % 4 == 3;
    say(frames::finish{id, is_stream ? about->stream_size : about->size, wrong ? digest{} : root.value()}, in);
  }
  void cancel(input& in) {
    const auto [id, about] = choose(in);
    say(frames::cancel{id, static_cast<wire_code>(in.next() % 20), "not wanted"}, in);
  }
  // Everything that is needed to complete the file of the last offer.
  void whole_file(input& in) {
    const auto about = files_.find(last_id_);
    if (about == files_.end()) return;
    const unsigned form = in.next();
    const block_layout layout{about->second.size, about->second.block_log2};
    running_digest root;
    for (std::uint64_t index = 0; index < layout.count() && index < 10; ++index) {
      const byte_view data = content_of(form, layout.length(index));
      root.update(digest_of(data).bytes);
      say(frames::block{last_id_, index, digest_of(data), data}, in);
    }
    say(frames::finish{last_id_, about->second.size, root.value()}, in);
  }
  template <class Frame>
  void say(const Frame& value, input& in) {
    byte_buffer wire;
    encode(frame{value}, wire);
    if (damaged_) {
      wire[in.next() % wire.size()] ^= static_cast<std::byte>(in.next());
      damaged_ = false;
    }
    to_.hear(wire);
  }
  void damage_next() noexcept { damaged_ = true; }

 private:
  struct file {
    std::uint64_t size = 0;
    std::uint8_t block_log2 = 16;
    std::map<std::uint64_t, digest> row;
    std::uint64_t stream_size = 0;
  };

  std::pair<std::uint32_t, file*> choose(input& in) {
    const std::uint32_t id = last_id_ - std::min<std::uint32_t>(last_id_, in.next() % 8);
    return {id, &files_[id]};
  }
  static frames::block_run choose_run(input& in) {
    static constexpr std::uint64_t counts[] = {1, 2, 3, 4, 5, 8, 1U << 20U, ~std::uint64_t{0}};
    const std::uint64_t first = in.next() % 10;
    return {first, in.one_of(counts)};
  }

  connection& to_;
  std::uint32_t last_id_ = 0;
  std::map<std::uint32_t, file> files_;
  bool damaged_ = false;
};

void disturb(memory_store& store, input& in) {
  static constexpr errc codes[] = {errc::storage_full, errc::storage_failed, errc::storage_read_only, errc::busy};
  const unsigned what = in.next();
  if (what % 4 == 0) store.spoil_kept_blocks();
  if (what % 4 == 1) store.damage_write(what / 4 + 1);
  if (what % 4 >= 2) store.fail_operation(store.operations() + 1 + what / 4, in.one_of(codes));
}

// One connection; true if another one follows.
bool converse(memory_store& store, input& in) {
  connection receiver{store};
  scripted_sender sender{receiver};
  while (!in.empty() && !receiver.is_over()) {
    switch (in.next() % 18) {
      case 0:
        sender.hello(in);
        break;
      case 1:
      case 2:
        sender.offer(in);
        break;
      case 3:
      case 4:
        sender.block(in);
        break;
      case 5:
        sender.hole(in);
        break;
      case 6:
        sender.keep(in);
        break;
      case 7:
        sender.finish(in);
        break;
      case 8:
        sender.cancel(in);
        break;
      case 9:
        sender.say(frames::bye{}, in);
        break;
      case 10:
      case 11:
      case 12:
        receiver.work();
        break;
      case 13:
        receiver.tick();
        break;
      case 14:
        sender.damage_next();
        break;
      case 15:
        disturb(store, in);
        break;
      case 16:
        sender.whole_file(in);
        break;
      default:
        receiver.end(in.next() % 2 == 0);
        return true;
    }
  }
  receiver.end(true);
  return receiver.is_over() && !in.empty();
}

}  // namespace

// The first byte tells whether what follows are frames as they are on the wire, or a script.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  input in{std::as_bytes(std::span{data, size})};
  memory_store store{largest_file};
  if (in.next() % 4 == 0) {
    connection receiver{store};
    receiver.hear(in.take(size));
    receiver.end(true);
    return 0;
  }
  for (int connections = 0; connections < 4; ++connections) {
    if (!converse(store, in)) break;
  }
  return 0;
}
