#include "cli/tcpchat/line_history.hpp"

namespace tcptools::cli {

void line_history::add(std::u32string_view line) {
  rewind();
  if (line.empty() || (!lines_.empty() && lines_.front() == line)) return;
  lines_.emplace_front(line);
  characters_ += line.size();
  while (lines_.size() > 1 && (lines_.size() > most_lines || characters_ > most_characters)) {
    characters_ -= lines_.back().size();
    lines_.pop_back();
  }
}

std::optional<std::u32string> line_history::older(std::u32string_view draft) {
  if (at_ == lines_.size()) return std::nullopt;
  if (at_ == 0) draft_ = draft;
  return lines_[at_++];
}

std::optional<std::u32string> line_history::newer() {
  if (at_ == 0) return std::nullopt;
  return --at_ == 0 ? draft_ : lines_[at_ - 1];
}

std::optional<std::size_t> line_history::find_older(std::u32string_view pattern, std::size_t age) const {
  for (; age < lines_.size(); ++age) {
    if (matches(age, pattern)) return age;
  }
  return std::nullopt;
}

std::optional<std::size_t> line_history::find_newer(std::u32string_view pattern, std::size_t age) const {
  for (std::size_t left = age < lines_.size() ? age + 1 : lines_.size(); left > 0; --left) {
    if (matches(left - 1, pattern)) return left - 1;
  }
  return std::nullopt;
}

bool line_history::matches(std::size_t age, std::u32string_view pattern) const {
  return lines_[age].find(pattern) != std::u32string::npos;
}

}  // namespace tcptools::cli
