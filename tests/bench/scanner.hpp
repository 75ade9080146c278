// Finds this run's messages in what a server sends. It must cost next to nothing: one thread reads for all receivers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "dialect.hpp"
#include "payload.hpp"

namespace tcptools::bench {

// What a call of scan() has found.
struct findings {
  std::vector<stamp> messages;
  std::uint64_t wrong_size = 0;  // messages of this run whose text is not as long as it was sent
  std::size_t pings = 0;
  std::string_view other;  // the last line that is not a message, without its end; into what was scanned
};

class scanner {
 public:
  // Both must outlive the scanner.
  scanner(const dialect& language, const payload& texts) : language_{language}, texts_{texts} {}

  // Takes whole messages and lines off the front of `data`, and returns how many bytes those are. What is found
  // replaces what was found before.
  std::size_t scan(std::string_view data);

  [[nodiscard]] const findings& found() const noexcept { return found_; }

 private:
  std::size_t take_line(std::string_view rest);
  std::size_t take_counted(std::string_view rest);
  std::size_t take_record(std::string_view rest);
  [[nodiscard]] std::size_t find_text(std::string_view line);
  void read_line(std::string_view line);
  void read_other(std::string_view line);

  const dialect& language_;
  const payload& texts_;
  findings found_;
  std::size_t last_position_ = 0;  // of a text in its line: nearly always the same
};

}  // namespace tcptools::bench
