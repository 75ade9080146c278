#include "cli/tcpchat/typed_line.hpp"

#include <string_view>

namespace tcptools::cli {

line_event typed_line::press(const key& pressed) {
  if (search_ && press_in_search(pressed)) return line_event::none;
  switch (pressed.code) {
    case key_code::text:
      buffer_.insert(pressed.text);
      break;
    case key_code::enter:
      return line_event::entered;
    case key_code::older:
      recall(history_.older(buffer_.text()));
      break;
    case key_code::newer:
      recall(history_.newer());
      break;
    case key_code::search_older:
    case key_code::search_newer:
      search_.emplace(history_);
      break;
    case key_code::interrupt:
      history_.rewind();
      if (buffer_.empty()) return line_event::interrupted;
      buffer_.clear();
      break;
    case key_code::end_of_input:
      if (buffer_.empty()) return line_event::ended;
      buffer_.edit(key_code::erase_next);
      break;
    case key_code::suspend:
      return line_event::suspended;
    case key_code::clear_screen:
      return line_event::screen_cleared;
    default:
      buffer_.edit(pressed.code);
  }
  return line_event::none;
}

std::u32string typed_line::take() {
  std::u32string text = buffer_.text();
  buffer_.clear();
  history_.add(text);
  return text;
}

input_text typed_line::shown(const std::u32string& prompt) const {
  if (!search_) return {prompt, buffer_.text(), buffer_.cursor()};
  const std::u32string_view what = search_->is_failing() ? U"(not found: " : U"(search: ";
  return {std::u32string{what} + search_->pattern() + U") ", search_->line().value_or(std::u32string{}),
          search_->position()};
}

bool typed_line::press_in_search(const key& pressed) {
  switch (pressed.code) {
    case key_code::text:
      search_->type(pressed.text);
      return true;
    case key_code::erase:
      search_->erase();
      return true;
    case key_code::search_older:
      search_->go_older();
      return true;
    case key_code::search_newer:
      search_->go_newer();
      return true;
    case key_code::cancel:
    case key_code::interrupt:
      search_.reset();
      return true;
    case key_code::clear_screen:
      return false;
    default:
      break;
  }
  if (const auto found = search_->line()) buffer_.replace(*found, search_->position());
  search_.reset();
  return false;
}

void typed_line::recall(const std::optional<std::u32string>& line) {
  if (line) buffer_.replace(*line);
}

}  // namespace tcptools::cli
