#include "tcptools/transfer/receive_file.hpp"

#include <algorithm>
#include <string>

#include "tcptools/base/text.hpp"
#include "tcptools/transfer/limits.hpp"

namespace tcptools::transfer {
namespace {

// Blocks kept in one job: enough to be worth a trip to the pool, little enough that blocks which arrive do not wait
// long, should these have to be read and written.
constexpr std::size_t bytes_per_keep = 4U << 20U;
// Holes of an adoptable file that are remembered instead of written; with more of them the file is not adopted.
constexpr std::size_t most_unwritten_holes = 4096;
// Blocks asked for together because they were lost.
constexpr std::uint64_t most_needed = 4096;
// What a disk is trusted to make durable from one tick to the next.
constexpr std::uint64_t bytes_synced_per_tick = 4U << 20U;

}  // namespace

receive_file::receive_file(std::uint32_t id, entry item, std::uint64_t largest_size, bool several)
    : id_{id}, item_{std::move(item)}, largest_size_{largest_size}, several_{several} {}

std::optional<digest> receive_file::root() const noexcept {
  return finish_ ? std::optional{finish_->root} : std::nullopt;
}

bool receive_file::waits_for_sender() const noexcept {
  if (phase_ != phase::receiving || claiming_) return false;
  return !finish_ || accounted_ < layout().count();
}

bool receive_file::inside(frames::block_run blocks) const noexcept {
  const std::uint64_t count = layout().count();
  return blocks.first < count && blocks.count <= count - blocks.first;
}

error receive_file::violation(const char* what) const {
  return error{errc::protocol_violation, std::string{what} + " for " + in_quotes(item_.path)};
}

void receive_file::mark(std::uint64_t index, block_state state) {
  const auto counts = [](block_state one) { return one >= block_state::taken; };
  const block_state before = states_.get(index);
  if (counts(state) && !counts(before)) ++accounted_;
  if (!counts(state) && counts(before)) --accounted_;
  if (state == block_state::present && before != block_state::present) ++present_;
  if (state != block_state::present && before == block_state::present) --present_;
  states_.set(index, state);
}

receive_file::step receive_file::on_opened(const job_results::opened::file& file) {
  step out;
  phase_ = phase::receiving;
  checked_ = file.checked;
  adoptable_ = file.adoptable;
  out.answers.emplace_back(frames::accept{id_, checked_});
  claim_next(0, out);
  return out;
}

std::size_t receive_file::length_of(const frames::block& block) const noexcept {
  if (!block.compressed) return block.data.size();
  return is_stream() ? layout().block_size() : layout().length(block.index);
}

result<void> receive_file::check_stream_block(const frames::block& block) const {
  const block_layout so_far = layout();
  const bool last_was_short = stream_size_ % so_far.block_size() != 0;
  const std::uint64_t next = last_was_short ? so_far.count() - 1 : so_far.count();
  if (finish_) return violation("BLOCK after FINISH");
  if (block.index != next) return violation("a block out of order in a stream");
  const std::size_t length = length_of(block);
  if (length > so_far.block_size()) return violation("a block that is too long");
  if (last_was_short && length <= so_far.length(block.index)) {
    return violation("a block sent again no longer than before");
  }
  return {};
}

result<void> receive_file::check_turn(std::uint64_t index) const {
  if (states_.get(index) >= block_state::taken || row_.is_zero(index)) return violation("a block sent twice");
  if (finish_ && !several_ && !needed_.contains(index)) return violation("a block after FINISH");
  return {};
}

bool receive_file::is_there(std::uint64_t index) const {
  return states_.get(index) >= block_state::taken || row_.is_zero(index);
}

bool receive_file::may_repeat(std::uint64_t count) noexcept {
  if (count > repeats_left_) return false;
  repeats_left_ -= count;
  return true;
}

bool receive_file::waits_for_joined() const noexcept {
  return finish_ && phase_ == phase::receiving && (at_work_ & ~fenced_) != 0 &&
         accounted_ + needed_.size() < layout().count();
}

result<receive_file::step> receive_file::on_block(const frames::block& block, std::shared_ptr<const void> owner) {
  step out;
  const bool is_repeated =
      phase_ != phase::opening && !is_stream() && inside({block.index, 1}) && is_there(block.index);
  if (is_repeated && may_repeat(1)) return out;
  if (phase_ != phase::receiving) return violation("BLOCK before ACCEPT or after the last block");
  if (!is_stream() && !inside({block.index, 1})) return violation("BLOCK with an index outside of the file");
  const std::size_t length = length_of(block);
  if (block.compressed && block.data.size() >= length) return violation("a compressed block that is no shorter");
  if (is_stream()) {
    if (const result<void> good = check_stream_block(block); !good) return good.error();
    stream_size_ = layout().offset(block.index) + length;
    if (stream_size_ > largest_size_) {
      out.refused = error{errc::too_large, "larger than this receiver takes"};
      out.discard = true;
      return out;
    }
  } else {
    if (length != layout().length(block.index)) return violation("BLOCK of a wrong length");
    if (const result<void> good = check_turn(block.index); !good) return good.error();
  }
  needed_.erase(block.index);
  stop_deferring(out);
  mark(block.index, block_state::taken);
  row_.set(block.index, block.content_digest);
  out.urgent.emplace_back(
      jobs::write{id_, block.index, {block.data, std::move(owner)}, block.content_digest, length, block.compressed});
  need_missing(out);
  return out;
}

bool receive_file::claimed_as_zero(frames::block_run blocks) const {
  for (std::uint64_t index = blocks.first; index < blocks.first + blocks.count; ++index) {
    if (states_.get(index) != block_state::claimed) return false;
    if (row_.get(index) != digest_of_zeros(layout().length(index))) return false;
  }
  return true;
}

result<receive_file::step> receive_file::on_hole(const frames::hole& hole) {
  if (phase_ == phase::opening || is_stream()) return violation("HOLE where none is allowed");
  if (!inside(hole.blocks)) return violation("HOLE outside of the file");
  std::vector<frames::block_run> fresh;
  std::uint64_t count = 0;
  // A run over untouched pages costs a look each, no memory.
  for (std::uint64_t index = hole.blocks.first; index < hole.blocks.first + hole.blocks.count; ++index) {
    if (is_there(index)) continue;
    append_run(fresh, {index, 1});
    ++count;
  }
  if (count < hole.blocks.count && !may_repeat(hole.blocks.count - count)) return violation("a block sent twice");
  step out;
  for (const frames::block_run& run : fresh) {
    if (const result<void> placed = place_hole(run, out); !placed) return placed.error();
  }
  need_missing(out);
  return out;
}

result<void> receive_file::place_hole(frames::block_run blocks, step& out) {
  const std::uint64_t end = blocks.first + blocks.count;
  if (phase_ != phase::receiving) return violation("HOLE where none is allowed");
  for (std::uint64_t index = blocks.first; index < end; ++index) {
    if (const result<void> good = check_turn(index); !good) return good;
  }
  needed_.erase(needed_.lower_bound(blocks.first), needed_.lower_bound(end));
  row_.set_zero(blocks);
  accounted_ += blocks.count;
  const bool defer = adoptable_ && unwritten_holes_.size() < most_unwritten_holes && claimed_as_zero(blocks);
  if (defer) {
    append_run(unwritten_holes_, blocks);
  } else {
    stop_deferring(out);
    out.urgent.emplace_back(jobs::write_hole{id_, blocks});
  }
  return {};
}

result<receive_file::step> receive_file::on_keep(const frames::keep& keep) {
  if (phase_ != phase::receiving || finish_) return violation("KEEP where none is allowed");
  if (!inside(keep.blocks) || keep.blocks.first + keep.blocks.count > checked_) return violation("KEEP without HAVE");
  const std::uint64_t end = keep.blocks.first + keep.blocks.count;
  for (std::uint64_t index = keep.blocks.first; index < end; ++index) {
    if (states_.get(index) != block_state::claimed || row_.is_zero(index)) return violation("KEEP without HAVE");
  }
  for (std::uint64_t index = keep.blocks.first; index < end; ++index) mark(index, block_state::taken);
  append_run(kept_, keep.blocks);
  step out;
  keep_next(out);
  return out;
}

result<receive_file::step> receive_file::on_finish(const frames::finish& finish) {
  if (phase_ != phase::receiving || finish_) return violation("FINISH where none is allowed");
  if (finish.size != size()) return violation("FINISH with another size");
  if (!several_ && accounted_ + needed_.size() != layout().count()) return violation("FINISH with blocks missing");
  finish_ = finish;
  step out;
  need_missing(out);
  commit_if_complete(out);
  return out;
}

receive_file::step receive_file::on_fence(unsigned connection) {
  step out;
  fenced_ |= connection_set{1} << connection;
  need_missing(out);
  return out;
}

receive_file::step receive_file::on_connections(connection_set at_work) {
  step out;
  at_work_ = at_work;
  need_missing(out);
  return out;
}

// So many at a time that what is asked for, and the asking, take little memory.
void receive_file::need_missing(step& out) {
  if (!finish_ || phase_ != phase::receiving || (at_work_ & ~fenced_) != 0 || !needed_.empty()) return;
  std::vector<frames::block_run> missing;
  std::uint64_t count = 0;
  for (; missing_from_ < layout().count() && count < most_needed && accounted_ + count < layout().count();
       ++missing_from_) {
    if (is_there(missing_from_)) continue;
    needed_.insert(missing_from_);
    append_run(missing, {missing_from_, 1});
    ++count;
  }
  repeats_left_ += count;
  for (const frames::block_run& run : missing) out.answers.emplace_back(frames::need{id_, run});
}

void receive_file::claim_next(std::uint64_t first, step& out) {
  claiming_ = first < checked_;
  if (!claiming_) return;
  const std::uint64_t count = std::min<std::uint64_t>(checked_ - first, limits::digests_per_have);
  out.background.emplace_back(jobs::claim{id_, {first, count}});
}

receive_file::step receive_file::on_claimed(const job_results::claimed& claimed) {
  step out;
  if (!claimed.outcome && phase_ == phase::receiving) out.refused = claimed.outcome.error();
  if (!claimed.outcome || phase_ != phase::receiving || finish_) {
    claiming_ = false;
    return out;
  }
  // What was sent in the meantime needs no claim.
  const std::uint64_t count = claimed.outcome->size();
  const auto claim_of = [&](std::uint64_t i) -> std::optional<digest> {
    const std::uint64_t index = claimed.first + i;
    const bool open = states_.get(index) == block_state::absent && !row_.is_zero(index) && !needed_.contains(index);
    if (!open) return std::nullopt;
    return (*claimed.outcome)[static_cast<std::size_t>(i)];
  };
  for (std::uint64_t i = 0; i < count;) {
    frames::have have{id_, {claimed.first + i, 0}, {}};
    const bool present = claim_of(i).has_value();
    for (; i < count && have.blocks.count < limits::digests_per_have; ++i, ++have.blocks.count) {
      const std::optional<digest> claim = claim_of(i);
      if (claim.has_value() != present) break;
      if (!present) continue;
      row_.set(claimed.first + i, *claim);
      mark(claimed.first + i, block_state::claimed);
      have.digests.push_back(*claim);
    }
    out.answers.emplace_back(std::move(have));
  }
  claim_next(claimed.first + count, out);
  return out;
}

void receive_file::keep_next(step& out) {
  if (adoptable_ || keeping_ || kept_.empty()) return;
  keeping_ = true;
  frames::block_run& run = kept_.front();
  jobs::keep keep{id_, run.first, {}};
  const std::uint64_t most = std::max<std::uint64_t>(1, bytes_per_keep >> item_.block_log2);
  for (; run.count > 0 && keep.claims.size() < most; ++run.first, --run.count) {
    keep.claims.push_back(row_.get(run.first));
  }
  if (run.count == 0) kept_.pop_front();
  out.background.emplace_back(std::move(keep));
}

void receive_file::stop_deferring(step& out) {
  if (!adoptable_) return;
  adoptable_ = false;
  for (const frames::block_run& hole : unwritten_holes_) out.urgent.emplace_back(jobs::write_hole{id_, hole});
  unwritten_holes_.clear();
  keep_next(out);
}

void receive_file::need_again(std::uint64_t index, step& out) {
  mark(index, block_state::absent);
  if (is_stream() || ++failures_[index] > limits::failed_digests_per_block) {
    out.refused = error{errc::verify_failed, "block " + std::to_string(index) + " arrived damaged"};
    return;
  }
  needed_.insert(index);
  out.answers.emplace_back(frames::need{id_, {index, 1}});
}

receive_file::step receive_file::on_kept(const job_results::kept& kept) {
  step out;
  if (!kept.outcome) {
    out.refused = kept.outcome.error();
    return out;
  }
  keeping_ = false;
  for (std::size_t i = 0; i < kept.outcome->size() && !out.refused; ++i) {
    if ((*kept.outcome)[i]) {
      mark(kept.first + i, block_state::present);
      worked_ += layout().length(kept.first + i);
    } else {
      need_again(kept.first + i, out);
    }
  }
  if (out.refused) return out;
  keep_next(out);
  commit_if_complete(out);
  return out;
}

receive_file::step receive_file::on_written(const job_results::written& written) {
  step out;
  if (written.outcome) {
    // A stream's last block may have been sent again, longer, while this one was written; the longer one is to come.
    const bool superseded = is_stream() && written.length != layout().length(written.index);
    if (!superseded) mark(written.index, block_state::present);
    worked_ += written.length;
  } else if (written.outcome.error().code() == errc::verify_failed) {
    need_again(written.index, out);
  } else {
    out.refused = written.outcome.error();
  }
  if (!out.refused) commit_if_complete(out);
  return out;
}

receive_file::step receive_file::on_written_hole(const job_results::written_hole& written) {
  step out;
  if (!written.outcome) {
    out.refused = written.outcome.error();
    return out;
  }
  present_ += written.blocks.count;
  commit_if_complete(out);
  return out;
}

void receive_file::commit_if_complete(step& out) {
  if (!finish_ || phase_ != phase::receiving) return;
  // Of an adoptable file nothing can have failed.
  if (accounted_ != layout().count() || (!adoptable_ && present_ != layout().count())) return;
  if (row_.root(layout()) != finish_->root) {
    out.refused = error{errc::verify_failed, "the whole does not have the promised digest"};
    out.discard = true;
    return;
  }
  phase_ = phase::committing;
  if (adoptable_) {
    out.urgent.emplace_back(jobs::adopt{id_});
  } else {
    out.urgent.emplace_back(jobs::commit{id_, size()});
  }
}

// Making a large file durable takes long and says nothing meanwhile. It is credited with the work, but for no more than
// the file's size: a disk that hangs does not keep the sender waiting for ever.
void receive_file::on_tick() noexcept {
  if (!committing()) return;
  const std::uint64_t credit = std::min(bytes_synced_per_tick, size() - credited_);
  credited_ += credit;
  worked_ += credit;
}

}  // namespace tcptools::transfer
