#include "cli/tcpchat/history_search.hpp"

namespace tcptools::cli {

void history_search::type(std::u32string_view text) {
  pattern_ += text;
  take(history_.find_older(pattern_, age_.value_or(0)));
}

void history_search::erase() {
  if (pattern_.empty()) return;
  pattern_.pop_back();
  age_.reset();
  position_ = 0;
  failing_ = false;
  if (!pattern_.empty()) take(history_.find_older(pattern_, 0));
}

void history_search::go_older() {
  if (pattern_.empty()) return;
  take(history_.find_older(pattern_, age_ ? *age_ + 1 : 0));
}

void history_search::go_newer() {
  if (pattern_.empty() || !age_) return;
  take(*age_ == 0 ? std::nullopt : history_.find_newer(pattern_, *age_ - 1));
}

std::optional<std::u32string> history_search::line() const {
  if (!age_) return std::nullopt;
  return history_.line(*age_);
}

void history_search::take(std::optional<std::size_t> found) {
  failing_ = !found;
  if (failing_) return;
  age_ = found;
  position_ = history_.line(*age_).find(pattern_);
}

}  // namespace tcptools::cli
