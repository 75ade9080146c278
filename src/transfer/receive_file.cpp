#include "tcptools/transfer/receive_file.hpp"

#include <algorithm>
#include <string>

#include "tcptools/base/text.hpp"
#include "tcptools/transfer/limits.hpp"

namespace tcptools::transfer {
namespace {

// Blocks kept in one job: enough to be worth a trip to the pool, little enough that blocks which arrive do not wait long.
constexpr std::size_t bytes_per_keep = 1U << 20U;

}  // namespace

receive_file::receive_file(std::uint32_t id, entry item) : id_{id}, item_{std::move(item)} {}

std::uint64_t receive_file::size() const noexcept { return is_stream() ? stream_size_ : item_.size; }

bool receive_file::waits_for_sender() const noexcept {
  if (phase_ != phase::receiving || claiming_) return false;
  return !finish_ || !needed_.empty();
}

bool receive_file::inside(frames::block_run blocks) const noexcept {
  const std::uint64_t count = layout().count();
  return blocks.first < count && blocks.count <= count - blocks.first;
}

error receive_file::violation(const char* what) const {
  return error{errc::protocol_violation, std::string{what} + " for '" + visible(item_.path) + "'"};
}

void receive_file::mark(std::uint64_t index, block_state state) {
  const auto counts = [](block_state one) { return one >= block_state::deferred; };
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
  claiming_ = checked_ > 0;
  if (claiming_) out.background.emplace_back(jobs::claim{id_, {0, checked_}});
  return out;
}

result<void> receive_file::check_stream_block(const frames::block& block) const {
  const block_layout so_far = layout();
  const bool last_was_short = stream_size_ % so_far.block_size() != 0;
  const std::uint64_t next = last_was_short ? so_far.count() - 1 : so_far.count();
  if (block.index != next) return violation("a block out of order in a stream");
  if (block.data.size() > so_far.block_size()) return violation("a block that is too long");
  if (last_was_short && block.data.size() <= so_far.length(block.index)) return violation("a block sent again no longer than before");
  return {};
}

result<receive_file::step> receive_file::on_block(const frames::block& block, std::shared_ptr<const void> owner) {
  if (phase_ != phase::receiving) return violation("BLOCK before ACCEPT or after the last block");
  const auto asked = needed_.find(block.index);
  if (is_stream() && asked == needed_.end()) {
    if (finish_) return violation("BLOCK after FINISH");
    if (const result<void> good = check_stream_block(block); !good) return good.error();
    stream_size_ = layout().offset(block.index) + block.data.size();
  }
  if (!inside({block.index, 1})) return violation("BLOCK with an index outside of the file");
  if (block.data.size() != layout().length(block.index)) return violation("BLOCK of a wrong length");
  const block_state state = states_.get(block.index);
  const bool sent_before = state >= block_state::deferred || row_.is_zero(block.index);
  if (sent_before && !is_stream()) return violation("a block sent twice");
  if (finish_ && asked == needed_.end()) return violation("BLOCK after FINISH");
  if (asked != needed_.end()) needed_.erase(asked);

  step out;
  stop_deferring(out);
  mark(block.index, block_state::in_job);
  row_.set(block.index, block.content_digest);
  out.urgent.emplace_back(jobs::write{id_, block.index, {block.data, std::move(owner)}, block.content_digest});
  return out;
}

result<receive_file::step> receive_file::on_hole(const frames::hole& hole) {
  if (phase_ != phase::receiving || is_stream()) return violation("HOLE where none is allowed");
  if (!inside(hole.blocks)) return violation("HOLE outside of the file");
  const std::uint64_t end = hole.blocks.first + hole.blocks.count;
  // Blocks in a job or present are rare and lie in pages that exist; a run over untouched pages costs a look each, no memory.
  for (std::uint64_t index = hole.blocks.first; index < end; ++index) {
    if (states_.get(index) >= block_state::deferred) return violation("a block sent twice");
    const auto asked = needed_.find(index);
    if (finish_ && asked == needed_.end()) return violation("HOLE after FINISH");
    if (asked != needed_.end()) needed_.erase(asked);
  }
  if (!row_.set_zero(hole.blocks)) return violation("a block sent twice");

  step out;
  stop_deferring(out);
  accounted_ += hole.blocks.count;
  out.urgent.emplace_back(jobs::write_hole{id_, hole.blocks});
  return out;
}

result<receive_file::step> receive_file::on_keep(const frames::keep& keep) {
  if (phase_ != phase::receiving || finish_) return violation("KEEP where none is allowed");
  if (!inside(keep.blocks) || keep.blocks.first + keep.blocks.count > checked_) return violation("KEEP without HAVE");
  const std::uint64_t end = keep.blocks.first + keep.blocks.count;
  for (std::uint64_t index = keep.blocks.first; index < end; ++index) {
    if (states_.get(index) != block_state::claimed || row_.is_zero(index)) return violation("KEEP without HAVE");
  }
  step out;
  for (std::uint64_t index = keep.blocks.first; index < end; ++index) {
    row_.set(index, claims_.get(index));
    mark(index, adoptable_ ? block_state::deferred : block_state::in_job);
  }
  if (adoptable_) {
    deferred_.push_back(keep.blocks);
    deferred_count_ += keep.blocks.count;
  } else {
    keep_run(keep.blocks, out);
  }
  return out;
}

result<receive_file::step> receive_file::on_finish(const frames::finish& finish) {
  if (phase_ != phase::receiving || finish_) return violation("FINISH where none is allowed");
  if (finish.size != size()) return violation("FINISH with another size");
  if (accounted_ + needed_.size() != layout().count()) return violation("FINISH with blocks missing");
  finish_ = finish;
  step out;
  commit_if_complete(out);
  return out;
}

receive_file::step receive_file::on_claimed(const job_results::claimed& claimed) {
  step out;
  if (phase_ != phase::receiving || finish_) {
    claiming_ = false;
    return out;
  }
  // A version that cannot be read is a version that is not there.
  const std::uint64_t asked = checked_ - claimed.first;
  const std::size_t count = claimed.outcome ? claimed.outcome->size() : static_cast<std::size_t>(asked);
  const auto claim_of = [&](std::size_t i) -> std::optional<digest> {
    if (!claimed.outcome || states_.get(claimed.first + i) != block_state::absent || row_.is_zero(claimed.first + i)) return {};
    return (*claimed.outcome)[i];
  };
  for (std::size_t i = 0; i < count;) {
    frames::have have{id_, {claimed.first + i, 0}, {}};
    const bool present = claim_of(i).has_value();
    for (; i < count && have.blocks.count < limits::digests_per_have; ++i, ++have.blocks.count) {
      const std::optional<digest> claim = claim_of(i);
      if (claim.has_value() != present) break;
      if (!present) continue;
      claims_.set(claimed.first + i, *claim);
      mark(claimed.first + i, block_state::claimed);
      have.digests.push_back(*claim);
    }
    out.answers.emplace_back(std::move(have));
  }
  const std::uint64_t next = claimed.first + count;
  claiming_ = next < checked_;
  if (claiming_) out.background.emplace_back(jobs::claim{id_, {next, checked_ - next}});
  return out;
}

void receive_file::keep_run(frames::block_run blocks, step& out) const {
  const std::uint64_t slice = std::max<std::uint64_t>(1, bytes_per_keep >> item_.block_log2);
  while (blocks.count > 0) {
    const std::uint64_t count = std::min(slice, blocks.count);
    jobs::keep keep{id_, blocks.first, {}};
    for (std::uint64_t i = 0; i < count; ++i) keep.claims.push_back(claims_.get(blocks.first + i));
    out.background.emplace_back(std::move(keep));
    blocks.first += count;
    blocks.count -= count;
  }
}

void receive_file::stop_deferring(step& out) {
  if (!adoptable_) return;
  adoptable_ = false;
  for (const frames::block_run& run : deferred_) {
    for (std::uint64_t i = 0; i < run.count; ++i) mark(run.first + i, block_state::in_job);
    keep_run(run, out);
  }
  deferred_.clear();
  deferred_count_ = 0;
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
  for (std::size_t i = 0; i < kept.outcome->size(); ++i) {
    if ((*kept.outcome)[i]) {
      mark(kept.first + i, block_state::present);
      worked_ += layout().length(kept.first + i);
    } else {
      need_again(kept.first + i, out);
    }
  }
  if (!out.refused) commit_if_complete(out);
  return out;
}

receive_file::step receive_file::on_written(const job_results::written& written) {
  step out;
  if (written.outcome) {
    // A stream's last block may have been sent again, longer, while this one was written; then the longer one is still to come.
    const bool superseded = is_stream() && written.length != layout().length(written.index);
    if (!superseded) mark(written.index, block_state::present);
    worked_ += written.length;
  } else if (written.outcome.error().code() == errc::verify_failed) {
    need_again(written.index, out);
  } else {
    out.refused = written.outcome.error();
    return out;
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
  const std::uint64_t count = layout().count();
  const bool adopted = adoptable_ && deferred_count_ == count;
  if (!adopted) {
    stop_deferring(out);
    if (present_ != count) return;
  }
  if (row_.root(layout()) != finish_->root) {
    out.refused = error{errc::verify_failed, "the whole does not have the promised digest"};
    out.discard = true;
    return;
  }
  phase_ = phase::committing;
  if (adopted) {
    out.urgent.emplace_back(jobs::adopt{id_});
  } else {
    out.urgent.emplace_back(jobs::commit{id_, size()});
  }
}

}  // namespace tcptools::transfer
