#include "cli/status_line.hpp"

#include <algorithm>
#include <cstdio>

namespace tcptools::cli {
namespace {

// To the first column, and erase to the end of the line (ECMA-48, EL).
constexpr std::string_view start_over = "\r\x1b[K";

void put(std::string_view text) {
  (void)std::fwrite(text.data(), 1, text.size(), stderr);
  (void)std::fflush(stderr);
}

}  // namespace

void status_line::say(std::string_view text) {
  std::string line = program_ + ": " + std::string{text};
  std::ranges::replace(line, '\n', ' ');
  clear();
  put(line + "\n");
}

void status_line::update(std::string_view line) {
  put(std::string{start_over} + std::string{line});
  shown_ = true;
}

void status_line::clear() {
  if (shown_) put(start_over);
  shown_ = false;
}

}  // namespace tcptools::cli
