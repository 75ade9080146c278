#include "tcptools/chat/line_log.hpp"

#include <algorithm>
#include <utility>

#include "tcptools/chat/limits.hpp"

namespace tcptools::chat {
namespace {

// A quiet room's first segment; each further one is twice as large, up to limits::segment.
constexpr std::size_t first_capacity = 4096;

}  // namespace

// Whole lines. Those who read in it own it, and through it all that come after.
struct line_log::segment {
  segment(memory_use& use, std::shared_ptr<const position> log_head, std::size_t room)
      : head{std::move(log_head)},
        begin{*head},
        capacity{room},
        bytes{std::make_unique_for_overwrite<char[]>(room)},
        share{use} {
    share.set(sizeof(segment) + room);
  }
  segment(const segment&) = delete;
  segment& operator=(const segment&) = delete;
  // Not by recursion, which a long row would make too deep.
  ~segment() {
    while (next && next.use_count() == 1) next = std::shared_ptr<segment>{std::move(next->next)};
  }

  [[nodiscard]] position end() const noexcept { return begin + size; }

  std::shared_ptr<const position> head;
  position begin;
  std::size_t size = 0;
  std::size_t capacity;
  std::unique_ptr<char[]> bytes;
  std::shared_ptr<segment> next;
  memory_share share;
};

line_log::line_log(memory_use& use)
    : use_{use},
      head_{std::make_shared<position>(0)},
      first_{std::make_shared<segment>(use, head_, 0)},
      last_{first_} {}

void line_log::append(std::string_view line) {
  if (last_->capacity - last_->size < line.size()) {
    const std::size_t usual = std::clamp(last_->capacity * 2, first_capacity, limits::segment);
    last_->next = std::make_shared<segment>(use_, head_, std::max(usual, line.size()));
    last_ = last_->next;
  }
  std::ranges::copy(line, last_->bytes.get() + last_->size);
  last_->size += line.size();
  *head_ += line.size();
}

void line_log::release_before(position oldest) {
  while (first_ != last_ && first_->end() <= oldest) first_ = std::shared_ptr<segment>{first_->next};
}

line_log::cursor line_log::cursor_at(position at) const {
  cursor made;
  // Most begin at the end.
  made.segment_ = at >= last_->begin ? last_ : first_;
  made.at_ = at;
  made.settle();
  return made;
}

std::size_t line_log::cursor::pieces(position until, std::span<byte_view> pieces) const {
  std::size_t count = 0;
  position from = at_;
  for (const segment* one = segment_.get(); one != nullptr && from < until && count < pieces.size();
       one = one->next.get()) {
    const position to = std::min(until, one->end());
    if (to <= from) continue;
    pieces[count++] = as_bytes({one->bytes.get() + (from - one->begin), static_cast<std::size_t>(to - from)});
    from = to;
  }
  return count;
}

void line_log::cursor::advance(std::size_t bytes) {
  at_ += bytes;
  settle();
}

void line_log::cursor::settle() {
  while (at_ >= segment_->end() && segment_->next) segment_ = std::shared_ptr<segment>{segment_->next};
}

line_log::position line_log::cursor::head() const noexcept { return *segment_->head; }

bool line_log::cursor::is_within_line() const noexcept {
  return at_ > segment_->begin && segment_->bytes[at_ - segment_->begin - 1] != '\n';
}

line_log::position line_log::cursor::end_of_line() const noexcept {
  if (!is_within_line()) return at_;
  const char* const begin = segment_->bytes.get();
  const char* const end = std::find(begin + (at_ - segment_->begin), begin + segment_->size, '\n');
  return segment_->begin + static_cast<position>(end - begin) + 1;
}

}  // namespace tcptools::chat
