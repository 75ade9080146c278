#include "tcptools/chat/outlet.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

namespace tcptools::chat {
namespace {

// So many bytes that were sent may stay in front of those that were not: moving these costs more.
constexpr std::size_t sent_and_kept = 64U << 10U;

}  // namespace

void outlet::say(std::string_view lines) {
  if (lines.empty()) return;
  if (answers_.empty() || !std::holds_alternative<text>(answers_.back())) answers_.emplace_back(text{});
  std::get<text>(answers_.back()).bytes += lines;
  answer_bytes_ += lines.size();
  account();
}

void outlet::say(line_log::cursor from, line_log::position until) {
  if (from.at() >= until) return;
  const auto size = static_cast<std::size_t>(until - from.at());
  answer_bytes_ += size;
  run_bytes_ += size;
  answers_.emplace_back(run{std::move(from), until});
}

void outlet::follow(const line_log& log, line_log::cursor start) {
  unfollow();
  followed_ = &log;
  cursor_ = std::move(start);
}

void outlet::unfollow() {
  if (followed_ == nullptr) return;
  // As runs, each up to a line that is to be skipped. The first goes before the answers if it is within a line.
  std::vector<answer> rest;
  while (lag() > 0) {
    const line_log::position until = limit();
    const line_log::position middle = cursor_.is_within_line() ? cursor_.end_of_line() : cursor_.at();
    if (middle > cursor_.at()) answers_.insert(answers_.begin(), take_run(middle));
    if (until > cursor_.at()) rest.emplace_back(take_run(until));
    step_over();
  }
  std::ranges::move(rest, std::back_inserter(answers_));
  followed_ = nullptr;
  cursor_ = {};
  skipped_ = {};
}

outlet::run outlet::take_run(line_log::position until) {
  run taken{cursor_, until};
  const auto size = static_cast<std::size_t>(until - cursor_.at());
  answer_bytes_ += size;
  run_bytes_ += size;
  cursor_.advance(size);
  return taken;
}

void outlet::skip_newest(line_log::position begin) {
  skipped_.push_back({begin, followed_->head()});
  step_over();
}

std::size_t outlet::lag() const noexcept {
  return followed_ == nullptr ? 0 : static_cast<std::size_t>(followed_->head() - cursor_.at());
}

std::size_t outlet::kept_behind_runs() const noexcept {
  line_log::position most = 0;
  for (const answer& one : answers_) {
    if (const auto* const part = std::get_if<run>(&one)) most = std::max(most, part->from.head() - part->until);
  }
  return static_cast<std::size_t>(most);
}

line_log::position outlet::limit() const noexcept {
  return skipped_.empty() ? followed_->head() : std::min(skipped_.front().begin, followed_->head());
}

void outlet::step_over() {
  auto done = skipped_.begin();
  while (done != skipped_.end() && done->begin == cursor_.at()) {
    cursor_.advance(static_cast<std::size_t>(done->end - done->begin));
    ++done;
  }
  skipped_.erase(skipped_.begin(), done);
  if (skipped_.empty()) skipped_ = {};
}

void outlet::drop() {
  std::string rest;
  std::array<byte_view, 1> piece;
  if (followed_ != nullptr && cursor_.is_within_line()) {
    if (cursor_.pieces(cursor_.end_of_line(), piece) > 0) rest = as_text(piece[0]);
  } else if (!answers_.empty()) {
    if (const auto* const front = std::get_if<text>(&answers_.front())) {
      const bool has_begun = front->sent > 0 && front->bytes[front->sent - 1] != '\n';
      if (has_begun) rest = front->bytes.substr(front->sent, front->bytes.find('\n', front->sent) + 1 - front->sent);
    } else if (const auto* const at = std::get_if<run>(&answers_.front()); at->from.is_within_line()) {
      if (at->from.pieces(at->from.end_of_line(), piece) > 0) rest = as_text(piece[0]);
    }
  }
  followed_ = nullptr;
  cursor_ = {};
  skipped_ = {};
  answers_ = {};
  answer_bytes_ = 0;
  run_bytes_ = 0;
  say(rest);
  account();
}

std::size_t outlet::pieces(std::span<byte_view> pieces) const {
  std::size_t count = 0;
  line_log::cursor live = cursor_;
  if (followed_ != nullptr && live.is_within_line()) {
    const line_log::position end = live.end_of_line();
    count += live.pieces(end, pieces);
    live.advance(static_cast<std::size_t>(end - live.at()));
  }
  for (const answer& one : answers_) {
    if (count == pieces.size()) return count;
    if (const auto* const said = std::get_if<text>(&one)) {
      pieces[count++] = as_bytes(std::string_view{said->bytes}.substr(said->sent));
    } else {
      const run& part = std::get<run>(one);
      count += part.from.pieces(part.until, pieces.subspan(count));
    }
  }
  if (followed_ != nullptr) count += live.pieces(limit(), pieces.subspan(count));
  return count;
}

void outlet::consumed(std::size_t bytes) {
  if (followed_ != nullptr && cursor_.is_within_line()) {
    const std::size_t part = std::min(bytes, static_cast<std::size_t>(cursor_.end_of_line() - cursor_.at()));
    cursor_.advance(part);
    bytes -= part;
  }
  auto done = answers_.begin();
  while (bytes > 0 && done != answers_.end()) {
    bool is_all = false;
    std::size_t part = 0;
    if (auto* const said = std::get_if<text>(&*done)) {
      part = std::min(bytes, said->bytes.size() - said->sent);
      said->sent += part;
      is_all = said->sent == said->bytes.size();
      // Once half of it is sent, so that no byte is moved more than once on average.
      if (said->sent > std::max(sent_and_kept, said->bytes.size() / 2))
        said->bytes.erase(0, std::exchange(said->sent, 0));
    } else {
      run& at = std::get<run>(*done);
      part = std::min(bytes, static_cast<std::size_t>(at.until - at.from.at()));
      at.from.advance(part);
      run_bytes_ -= part;
      is_all = at.from.at() == at.until;
    }
    bytes -= part;
    answer_bytes_ -= part;
    if (!is_all) break;
    ++done;
  }
  answers_.erase(answers_.begin(), done);
  if (answers_.empty()) answers_ = {};
  if (followed_ != nullptr) {
    if (bytes > 0) cursor_.advance(bytes);
    step_over();
  }
  account();
}

// Runs are the log's memory, which is added up where it is.
void outlet::account() {
  std::size_t held = 0;
  for (const answer& one : answers_) {
    if (const auto* const said = std::get_if<text>(&one)) held += said->bytes.capacity();
  }
  share_.set(held);
}

}  // namespace tcptools::chat
