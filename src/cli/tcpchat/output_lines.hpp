// Output that nobody has to wait for: what a slow reader leaves is kept up to a bound, and then dropped and counted.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "cli/tcpchat/text_output.hpp"

namespace tcptools::cli {

class output_lines final : public text_output {
 public:
  static constexpr std::size_t default_bound = 1U << 20U;

  // Keeps at most `bound` bytes. What others see of `descriptor` stays as it is, blocking or not: a terminal or pipe is
  // opened once more to write without waiting. Where that is not allowed (a terminal of another user), a write that
  // follows poll(2) may wait for as long as the terminal does. A file is written at once.
  output_lines(const net::any_executor& executor, int descriptor, std::size_t bound = default_bound);
  ~output_lines() override;

  // One line or a few, with their ends. Once one was dropped, so are those that follow until half of the bound is free;
  // a line in their place then says how many.
  bool put(std::string_view text) override;
  [[nodiscard]] bool is_idle() const override;
  void on_idle(std::function<void()> call) override;
  net::awaitable<bool> flush(net::event::clock::time_point until) override;
  [[nodiscard]] result<void> state() const override;

 private:
  struct writer;
  std::shared_ptr<writer> writer_;
};

}  // namespace tcptools::cli
