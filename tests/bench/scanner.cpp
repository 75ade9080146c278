#include "scanner.hpp"

#include <algorithm>
#include <cstdlib>
#include <string>

namespace tcptools::bench {

std::size_t scanner::scan(std::string_view data) {
  found_.messages.clear();
  found_.wrong_size = found_.pings = 0;
  found_.other = {};

  std::size_t taken = 0;
  while (taken < data.size()) {
    const std::string_view rest = data.substr(taken);
    std::size_t step = 0;
    switch (language_.frames) {
      case framing::lines:
        step = take_line(rest);
        break;
      case framing::counted:
        step = take_counted(rest);
        break;
      case framing::counted_records:
        step = take_record(rest);
        break;
    }
    if (step == 0) break;
    taken += step;
  }
  return taken;
}

std::size_t scanner::take_line(std::string_view rest) {
  const auto end = rest.find('\n');
  if (end == std::string_view::npos) return 0;
  std::string_view line = rest.substr(0, end);
  if (line.ends_with('\r')) line.remove_suffix(1);
  read_line(line);
  return end + 1;
}

std::size_t scanner::take_counted(std::string_view rest) {
  const std::string& head = language_.head;
  if (!rest.starts_with(head)) {
    return std::string_view{head}.starts_with(rest) ? 0 : take_line(rest);
  }
  const std::size_t size = head.size() + texts_.size() + language_.tail.size();
  if (rest.size() < size) return 0;
  const std::string_view line = rest.substr(head.size(), texts_.size());
  if (const auto message = texts_.read(line)) {
    found_.messages.push_back(*message);
  } else {
    read_other(line);
  }
  return size;
}

std::size_t scanner::take_record(std::string_view rest) {
  const std::size_t digits = language_.head.size();
  if (rest.size() < digits) return 0;
  const auto length = static_cast<std::size_t>(std::max(std::atoi(std::string{rest.substr(0, digits)}.c_str()), 0));
  if (rest.size() < digits + length) return 0;
  read_line(rest.substr(digits, length));
  return digits + length;
}

std::size_t scanner::find_text(std::string_view line) {
  if (line.substr(std::min(last_position_, line.size())).starts_with(texts_.mark())) return last_position_;
  const auto position = line.find(texts_.mark());
  if (position != std::string_view::npos) last_position_ = position;
  return position;
}

void scanner::read_line(std::string_view line) {
  const std::size_t position = find_text(line);
  if (position == std::string_view::npos) return read_other(line);

  const std::string_view text = line.substr(position);
  const std::string_view tail = text.substr(std::min(texts_.size(), text.size()));
  const bool complete =
      text.size() >= texts_.size() && (language_.tail.empty() ? tail.empty() : tail.starts_with(language_.tail));
  const auto message = complete ? texts_.read(text.substr(0, texts_.size())) : std::nullopt;
  if (message) {
    found_.messages.push_back(*message);
  } else {
    ++found_.wrong_size;
  }
}

void scanner::read_other(std::string_view line) {
  found_.other = line;
  if (!language_.ping.empty() && line.find(language_.ping) != std::string_view::npos) ++found_.pings;
}

}  // namespace tcptools::bench
