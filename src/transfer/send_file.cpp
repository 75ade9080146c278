#include "tcptools/transfer/send_file.hpp"

#include <algorithm>

#include "tcptools/transfer/limits.hpp"

namespace tcptools::transfer {
result<void> send_file::on_accept(const frames::accept& accept) {
  if (accepted_) return violation("ACCEPT said twice");
  if (accept.checked > layout_.count()) return violation("ACCEPT of more blocks than there are");
  accepted_ = true;
  checked_ = next_missing_ = accept.checked;
  return {};
}

result<void> send_file::on_have(const frames::have& have) {
  if (!accepted_ || have.blocks.first != have_end_) return violation("HAVE out of order");
  if (have.blocks.count > checked_ - have_end_) return violation("HAVE of more blocks than announced");
  for (std::size_t i = 0; i < have.digests.size(); ++i) claims_.set(have.blocks.first + i, have.digests[i]);
  have_end_ += have.blocks.count;
  return {};
}

result<void> send_file::on_need(const frames::need& need) {
  const std::uint64_t count = layout_.count();
  if (!accepted_ || need.blocks.first >= count || need.blocks.count > count - need.blocks.first) {
    return violation("NEED outside of the file");
  }
  for (std::uint64_t index = need.blocks.first; index < need.blocks.first + need.blocks.count; ++index) {
    const bool was_read = index < checked_ ? index < next_compare_ : index < next_missing_;
    if (!was_read) return violation("NEED for a block that was not sent");
    const unsigned times = times_asked_for_.get(index) + 1U;
    if (times > limits::needs_per_block) return violation("NEED for the same block again and again");
    times_asked_for_.set(index, static_cast<std::uint8_t>(times));
  }
  append_run(needed_, need.blocks);
  return {};
}

std::optional<digest> send_file::known(std::uint64_t index) const {
  return row_.is_zero(index) ? digest_of_zeros(layout_.length(index)) : known_->get(index);
}

void send_file::skip_known() {
  for (; next_compare_ < have_end_; ++next_compare_) {
    const std::optional<digest> before = known_->get(next_compare_);
    if (!before || before != claims_.get(next_compare_)) return;
    row_.set(next_compare_, *before);
    append_run(keeps_, {next_compare_, 1});
  }
}

std::optional<frames::block_run> send_file::next_read(std::uint64_t most) {
  if (!accepted_ || most == 0) return std::nullopt;
  frames::block_run run;
  if (!needed_.empty()) {
    frames::block_run& first = needed_.front();
    run = {first.first, std::min(most, first.count)};
    first.first += run.count;
    first.count -= run.count;
    if (first.count == 0) needed_.pop_front();
  } else if (next_missing_ < layout_.count()) {
    run = {next_missing_, std::min(most, layout_.count() - next_missing_)};
    next_missing_ += run.count;
  } else {
    skip_known();
    if (next_compare_ == have_end_) return std::nullopt;
    run = {next_compare_, std::min(most, have_end_ - next_compare_)};
    next_compare_ += run.count;
  }
  being_read_ += run.count;
  return run;
}

send_file::verdict send_file::on_read(std::uint64_t index, const digest& content) {
  --being_read_;
  const std::optional<digest> before = known(index);
  if (before && *before != content) return verdict::changed;
  known_->set(index, content);
  row_.set(index, content);
  if (was_asked_for(index) || index >= checked_ || claims_.get(index) != content) return verdict::send;
  append_run(keeps_, {index, 1});
  return verdict::keep;
}

send_file::verdict send_file::on_hole(frames::block_run blocks) {
  being_read_ -= blocks.count;
  for (std::uint64_t index = blocks.first; index < blocks.first + blocks.count; ++index) {
    const std::optional<digest> before = known(index);
    if (before && *before != digest_of_zeros(layout_.length(index))) return verdict::changed;
  }
  row_.set_zero(blocks);
  return verdict::send;
}

bool send_file::all_sent() const noexcept {
  return accepted_ && needed_.empty() && being_read_ == 0 && next_missing_ == layout_.count() &&
         next_compare_ == checked_;
}

}  // namespace tcptools::transfer
