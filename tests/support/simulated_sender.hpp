// A sender's end of a simulated connection: what native_sender does, one small step at a time and in random order.
#pragma once

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "support/memory_source.hpp"
#include "support/simulated_wire.hpp"
#include "tcptools/transfer/send_machine.hpp"
#include "tcptools/transfer/zstd_block.hpp"

namespace tcptools::testing {

class simulated_sender {
 public:
  // Takes what it offers from the queue. All outlive it.
  simulated_sender(memory_source& from, std::deque<transfer::send_item>& queue, dice& luck, bool compresses = false,
                   bool quick_check = false)
      : source_{from}, queue_{queue}, dice_{luck}, machine_{transfer::session_id{}, 0, compresses, quick_check} {
    speak();
  }

  byte_queue words;
  std::vector<transfer::send_outcome> outcomes;

  // What arrived; fails with what the machine fails with.
  [[nodiscard]] result<void> receive(byte_view bytes);

  [[nodiscard]] bool has_work() const { return reading_.has_value() || (news_ && words.size() <= most_words); }
  // Offers, begins or goes on with a task, or says BYE.
  void work();

  [[nodiscard]] bool finished() const { return machine_.finished(); }
  // The connection is gone: what has no outcome yet. A stream that cannot be offered again has one, though.
  [[nodiscard]] std::vector<transfer::send_item> end();

 private:
  static constexpr std::size_t most_words = 512U << 10U;

  // The blocks of a stream as they fill up.
  struct open_stream {
    std::unique_ptr<transfer::source_stream> input;
    byte_buffer block;
    std::uint64_t index = 0;
    std::size_t said = 0;  // of `block`
  };

  void speak() {
    words.put(machine_.take_frames());
    for (transfer::send_outcome& one : machine_.take_outcomes()) outcomes.push_back(std::move(one));
  }
  bool offer();
  // As it is, or compressed where that is agreed on and shorter.
  void say(transfer::frames::block block, bool is_full = true);
  void begin_task();
  void read_block(transfer::tasks::read& task);
  void read_stream(std::uint32_t id);
  [[nodiscard]] result<transfer::source_file*> file_of(std::uint32_t id);

  memory_source& source_;
  std::deque<transfer::send_item>& queue_;
  dice& dice_;
  transfer::send_machine machine_;
  transfer::zstd_compressor compressor_;
  byte_queue unread_;
  std::optional<transfer::send_task> reading_;  // begun and not yet done
  bool news_ = true;                            // since the machine had nothing to do
  std::map<std::uint32_t, std::unique_ptr<transfer::source_file>> files_;
  std::map<std::uint32_t, open_stream> streams_;
};

inline result<void> simulated_sender::receive(byte_view bytes) {
  unread_.put(bytes);
  for (;;) {
    const auto step = transfer::decode(unread_.unread());
    if (!step) return step.error();
    if (!step->value) return {};
    const result<void> good = machine_.on_frame(*step->value);
    (void)unread_.take(step->size);
    if (!good) return good;
    news_ = true;
    speak();
  }
}

inline void simulated_sender::work() {
  if (!reading_) {
    if (dice_.one_in(2) && offer()) return;
    begin_task();
    if (reading_ || offer()) return;
    if (queue_.empty() && !machine_.said_bye()) {
      machine_.no_more_offers();
      speak();
      return;
    }
    news_ = false;
    return;
  }
  if (auto* const blocks = std::get_if<transfer::tasks::read>(&*reading_)) {
    read_block(*blocks);
    if (blocks->blocks.count == 0) reading_.reset();
  } else if (const auto* const more = std::get_if<transfer::tasks::read_stream>(&*reading_)) {
    read_stream(more->id);
    reading_.reset();
  } else {
    const std::uint32_t id = std::get<transfer::tasks::check>(*reading_).id;
    if (machine_.find_item(id) != nullptr) {
      const auto file = file_of(id);
      machine_.on_checked(id, file ? (*file)->check_unchanged() : result<void>{file.error()});
    }
    reading_.reset();
  }
  speak();
}

// False if nothing can be offered now.
inline bool simulated_sender::offer() {
  if (queue_.empty()) return false;
  const transfer::entry& what = queue_.front().what.item;
  transfer::offer_form form = machine_.form_for(what);
  const bool small = form == transfer::offer_form::with_content || form == transfer::offer_form::promised;
  // The protocol allows small files to be open, too.
  if (small && what.size > 0 && dice_.one_in(3)) form = transfer::offer_form::open;
  if (!machine_.may_offer(form)) return false;
  transfer::send_item item = std::move(queue_.front());
  queue_.pop_front();
  news_ = true;
  if (!small || form == transfer::offer_form::open) {
    machine_.offer(std::move(item), form);
    speak();
    return true;
  }
  const auto file = source_.open(item.what);
  byte_buffer content(static_cast<std::size_t>(item.what.item.size));
  result<void> read = file ? (*file)->read(0, content) : result<void>{file.error()};
  if (read) read = (*file)->check_unchanged();
  if (read) {
    machine_.offer(std::move(item), form, transfer::digest_of(content),
                   form == transfer::offer_form::with_content ? byte_view{content} : byte_view{});
  } else {
    outcomes.push_back({std::move(item.what), read.error()});
  }
  speak();
  return true;
}

inline void simulated_sender::say(transfer::frames::block block, bool is_full) {
  if (is_full && machine_.may_compress(block.id) && dice_.one_in(2)) {
    if (const auto shorter = compressor_.compress(block.data)) {
      block.data = *shorter;
      block.compressed = true;
    }
  }
  byte_buffer bytes;
  transfer::encode(block, bytes);
  words.put(bytes);
}

inline void simulated_sender::begin_task() {
  reading_ = machine_.next(dice_.up_to(4 << transfer::limits::smallest_block_log2));
  speak();
}

inline result<transfer::source_file*> simulated_sender::file_of(std::uint32_t id) {
  auto& file = files_[id];
  if (!file) {
    auto opened = source_.open(*machine_.find_item(id));
    if (!opened) return opened.error();
    file = std::move(*opened);
  }
  return file.get();
}

// The next block of a run, or the hole it begins with.
inline void simulated_sender::read_block(transfer::tasks::read& task) {
  transfer::frames::block_run& run = task.blocks;
  const transfer::source_item* const item = machine_.find_item(task.id);
  const auto file = item != nullptr ? file_of(task.id) : result<transfer::source_file*>{error{errc::cancelled}};
  if (!file) {
    if (item != nullptr) machine_.on_read_failed(task.id, file.error());
    run.count = 0;
    return;
  }
  const transfer::block_layout layout{item->item.size, item->item.block_log2};
  const std::uint64_t hole_end = (*file)->hole_end(layout.offset(run.first));
  std::uint64_t hole = 0;
  while (hole < run.count && layout.offset(run.first + hole) + layout.length(run.first + hole) <= hole_end) ++hole;
  if (hole > 0) {
    machine_.on_hole(task.id, {run.first, hole});
    run = {run.first + hole, run.count - hole};
    return;
  }
  byte_buffer content(layout.length(run.first));
  const result<void> read = (*file)->read(layout.offset(run.first), content);
  if (!read) {
    machine_.on_read_failed(task.id, read.error());
    run.count = 0;
    return;
  }
  const bool fits_its_offer = content.size() == item->item.size;
  if (const result<void> same = fits_its_offer ? (*file)->check_unchanged() : result<void>{}; !same) {
    machine_.on_read_failed(task.id, same.error());
    run.count = 0;
    return;
  }
  const transfer::digest content_digest = transfer::digest_of(content);
  if (machine_.on_read(task.id, run.first, content_digest)) {
    speak();
    say({task.id, run.first, content_digest, content});
  }
  run = {run.first + 1, run.count - 1};
}

inline void simulated_sender::read_stream(std::uint32_t id) {
  const transfer::source_item* const item = machine_.find_item(id);
  if (item == nullptr) return;
  open_stream& stream = streams_[id];
  if (!stream.input) {
    auto opened = source_.open_stream(*item);
    if (!opened) return machine_.on_read_failed(id, opened.error());
    stream.input = std::move(*opened);
  }
  const std::size_t block_size = std::size_t{1} << item->item.block_log2;
  byte_buffer piece(dice_.up_to(block_size - stream.block.size()));
  const auto got = stream.input->read_some(piece, std::chrono::milliseconds{0});
  if (!got) return machine_.on_read_failed(id, got.error());
  const bool ended = **got == 0;
  stream.block.insert(stream.block.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(**got));

  const bool full = stream.block.size() == block_size;
  const std::size_t grown = stream.block.size() - stream.said;
  if (grown > 0 && (full || ended || grown > block_size / 8 || dice_.one_in(100))) {
    const transfer::digest content_digest = transfer::digest_of(stream.block);
    machine_.on_stream_read(id, stream.index, content_digest);
    speak();
    say({id, stream.index, content_digest, stream.block}, full);
    stream.said = stream.block.size();
  }
  if (full) {
    ++stream.index;
    stream.block.clear();
    stream.said = 0;
  }
  if (ended) machine_.on_stream_end(id, stream.index * block_size + stream.block.size());
}

inline std::vector<transfer::send_item> simulated_sender::end() {
  speak();
  std::vector<transfer::send_item> left;
  for (transfer::send_item& item : machine_.take_unfinished()) {
    if (item.consumed) {
      outcomes.push_back({std::move(item.what), error{errc::connection_lost}});
    } else {
      left.push_back(std::move(item));
    }
  }
  return left;
}

}  // namespace tcptools::testing
