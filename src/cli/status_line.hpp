// Standard error as people see it: messages, each a line, and under them a line that changes in place.
#pragma once

#include <string>
#include <string_view>

namespace tcptools::cli {

class status_line {
 public:
  // `program` begins every message.
  explicit status_line(std::string program) : program_{std::move(program)} {}
  status_line(const status_line&) = delete;
  status_line& operator=(const status_line&) = delete;
  ~status_line() { clear(); }

  // "PROGRAM: TEXT" on a line of its own; line ends in the text are made visible.
  void say(std::string_view text);
  // Replaces what update() showed before.
  void update(std::string_view line);
  void clear();

 private:
  std::string program_;
  bool shown_ = false;
};

}  // namespace tcptools::cli
