// Lines from a pipe, a file or whatever else is not a terminal to edit on; the mode of the descriptors stays as it is.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cli/tcpchat/input_lines.hpp"
#include "cli/tcpchat/readiness.hpp"

namespace tcptools::cli {

class pipe_lines final : public input_lines {
 public:
  // At most so much is read ahead of the line that was asked for.
  static constexpr std::size_t chunk = 16U << 10U;

  // Reads `descriptor`, which stays the caller's, when it is readable; where that cannot be waited for, as for files,
  // between other work. Another process that reads the same pipe could take what was there, and a read then waits.
  pipe_lines(const net::any_executor& executor, int descriptor, std::unique_ptr<text_output> output);

  net::awaitable<result<input_line>> next() override;
  result<void> print(std::string_view line) override;
  void set_prompt(std::string_view /*prompt*/) override {}
  void stop() override;
  [[nodiscard]] bool is_idle() const override { return output_->is_idle(); }
  [[nodiscard]] result<void> state() const override { return output_->state(); }
  net::awaitable<bool> flush(net::event::clock::time_point until) override;

 private:
  [[nodiscard]] std::optional<input_line> take_line();
  [[nodiscard]] input_line take(std::size_t end);
  net::awaitable<void> wait_until_readable();
  void read_some();
  void fail(int error_number);

  net::any_executor executor_;
  int descriptor_;
  readiness readable_;
  std::unique_ptr<text_output> output_;
  std::string waiting_;
  std::size_t begin_ = 0;     // of what nobody has got yet
  std::size_t searched_ = 0;  // no line end before it
  net::event stopping_;
  std::optional<error> over_;
  bool skipping_ = false;  // the rest of a line that was too long
  bool is_terminal_;
  bool stopped_ = false;
};

}  // namespace tcptools::cli
