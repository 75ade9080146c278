// Where a program's lines go: at once, or as fast as somebody reads them.
#pragma once

#include <functional>
#include <string_view>

#include "tcptools/base/result.hpp"
#include "tcptools/net/completion.hpp"
#include "tcptools/net/event.hpp"

namespace tcptools::cli {

class text_output {
 public:
  text_output() = default;
  text_output(const text_output&) = delete;
  text_output& operator=(const text_output&) = delete;
  virtual ~text_output() = default;

  // Writes or keeps `text`, all of it. False if it was dropped: there is no room, or nobody is there to read.
  virtual bool put(std::string_view text) = 0;

  // Nothing waits to be written.
  [[nodiscard]] virtual bool is_idle() const = 0;
  // `call` is called, from the executor, each time it has become idle after it was not.
  virtual void on_idle(std::function<void()> call) = 0;
  // Returns when it is idle or nobody reads any more: true, or at `until`: false.
  virtual net::awaitable<bool> flush(net::event::clock::time_point until) = 0;

  // Whether what was put could be written so far: errc::connection_lost where the reader has gone, errc::storage_full
  // and others where it is a file.
  [[nodiscard]] virtual result<void> state() const = 0;
};

// Writes at once, and waits for a reader that is slow: the whole program is then as slow as that. For clients.
class blocking_output final : public text_output {
 public:
  explicit blocking_output(int descriptor) : descriptor_{descriptor} {}

  bool put(std::string_view text) override;
  [[nodiscard]] bool is_idle() const override { return true; }
  void on_idle(std::function<void()> /*call*/) override {}
  net::awaitable<bool> flush(net::event::clock::time_point until) override;
  [[nodiscard]] result<void> state() const override { return state_; }

 private:
  int descriptor_;
  result<void> state_;
};

// What an errno of writing to standard output means.
[[nodiscard]] error output_error(int error_number);

}  // namespace tcptools::cli
