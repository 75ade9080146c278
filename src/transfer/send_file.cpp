#include "tcptools/transfer/send_file.hpp"

#include <algorithm>
#include <utility>

namespace tcptools::transfer {
namespace {

error violation(const char* what) { return error{errc::protocol_violation, what}; }

}  // namespace

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
  for (std::uint64_t i = 0; i < need.blocks.count; ++i) needed_.insert(need.blocks.first + i);
  return {};
}

void send_file::keep(std::uint64_t index) {
  if (!keeps_.empty() && keeps_.back().first + keeps_.back().count == index) {
    ++keeps_.back().count;
  } else {
    keeps_.push_back({index, 1});
  }
}

void send_file::skip_known() {
  for (; next_compare_ < have_end_; ++next_compare_) {
    const std::optional<digest> known = known_->get(next_compare_);
    if (!known || known != claims_.get(next_compare_)) return;
    row_.set(next_compare_, *known);
    keep(next_compare_);
  }
}

std::optional<frames::block_run> send_file::next_read(std::uint64_t most) {
  if (!accepted_ || most == 0) return std::nullopt;
  frames::block_run run;
  if (!needed_.empty()) {
    run.first = *needed_.begin();
    for (; run.count < most && needed_.erase(run.first + run.count) > 0; ++run.count) {
      being_resent_.insert(run.first + run.count);
    }
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
  const bool again = being_resent_.erase(index) > 0;
  const std::optional<digest> known = known_->get(index);
  if (known && *known != content) return verdict::changed;
  known_->set(index, content);
  row_.set(index, content);
  if (again || index >= checked_ || claims_.get(index) != content) return verdict::send;
  keep(index);
  return verdict::keep;
}

void send_file::on_hole(frames::block_run blocks) {
  being_read_ -= blocks.count;
  for (std::uint64_t i = 0; i < blocks.count; ++i) being_resent_.erase(blocks.first + i);
  row_.set_zero(blocks);
}

std::vector<frames::block_run> send_file::take_keeps() { return std::exchange(keeps_, {}); }

bool send_file::ready_to_finish() const noexcept {
  return accepted_ && !finished_ && needed_.empty() && being_read_ == 0 && next_missing_ == layout_.count() &&
         next_compare_ == checked_;
}

digest send_file::finish() {
  finished_ = true;
  return row_.root(layout_);
}

}  // namespace tcptools::transfer
