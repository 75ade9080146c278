#include "cli/tcpchat/line_editor.hpp"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <asio/post.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <deque>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include "cli/tcpchat/input_area.hpp"
#include "cli/tcpchat/key_parser.hpp"
#include "cli/tcpchat/readiness.hpp"
#include "cli/tcpchat/terminal_mode.hpp"
#include "cli/tcpchat/typed_line.hpp"
#include "cli/tcpchat/utf32.hpp"
#include "cli/terminal.hpp"

namespace tcptools::cli {
namespace {

// Within which SIGCONT is told after it came.
constexpr std::chrono::milliseconds signal_delay{100};
constexpr std::size_t read_chunk = 4096;

// ECMA-48: CUP, ED.
constexpr std::string_view clear_screen = "\x1b[H\x1b[2J";

screen_size size_of(int terminal) { return {terminal_width(terminal), terminal_height(terminal)}; }

}  // namespace

// In the background another process group has the terminal; otherwise this one has it in hand.
class line_editor::session : public std::enable_shared_from_this<session> {
 public:
  session(const net::any_executor& executor, int terminal, std::unique_ptr<text_output> output, input_settings settings)
      : executor_{executor},
        terminal_{terminal},
        output_{std::move(output)},
        settings_{std::move(settings)},
        prompt_{to_utf32(settings_.prompt)},
        mode_{terminal},
        area_{size_of(terminal)},
        readable_{executor, terminal, readiness::kind::input},
        signals_{executor, SIGWINCH, SIGCONT},
        pause_{executor},
        arrived_{executor} {
    if (readable_.error_number() != 0) throw std::runtime_error{"the terminal: " + os_text(readable_.error_number())};
  }

  void start() {
    output_->on_idle([this] { refresh(); });
    wait_for_signal();
    take_in_hand();
  }

  // Nothing calls back afterwards.
  void end() {
    stop();
    output_->on_idle(nullptr);
    output_.reset();
  }

  net::awaitable<result<input_line>> next() {
    const std::shared_ptr<session> self = shared_from_this();
    while (!stopped_) {
      if (!lines_.empty()) {
        input_line line = std::move(lines_.front());
        lines_.pop_front();
        if (is_held_up_) go_on();
        co_return line;
      }
      if (over_) co_return *over_;
      co_await arrived_.wait();
    }
    co_return error{errc::cancelled};
  }

  result<void> print(std::string_view line) {
    look_at_terminal();
    if (output_->put(area_.erase() + std::string{line} + "\n")) {
      area_.vanished();
      refresh_soon();
    }
    return output_->state();
  }

  void set_prompt(std::string_view prompt) {
    prompt_ = to_utf32(prompt);
    refresh_soon();
  }

  void stop() {
    if (std::exchange(stopped_, true)) return;
    let_go();
    std::error_code ignored;
    readable_.cancel();
    signals_.cancel(ignored);
    pause_.cancel();
    arrived_.notify_all();
  }

  [[nodiscard]] bool is_idle() const { return output_->is_idle(); }
  [[nodiscard]] result<void> state() const { return output_->state(); }
  net::awaitable<bool> flush(net::event::clock::time_point until) { return output_->flush(until); }

 private:
  using clock = std::chrono::steady_clock;

  // The terminal.

  void take_in_hand() {
    if (over_) return;
    in_hand_ = in_foreground(terminal_);
    if (!in_hand_) return look_again_later();
    // Not before: libedit changes the terminal's mode, and who does that in the background is stopped.
    if (!line_) line_.emplace(terminal_);
    mode_.set(is_held_up_);
    refresh();
    wait_for_keys();
  }

  // Both may have changed, and no signal has come yet, or ever will.
  void look_at_terminal() {
    area_.resize(size_of(terminal_));
    if (!in_hand_ || in_foreground(terminal_)) return;
    in_hand_ = false;
    area_.vanished();
    look_again_later();
  }

  // Ctrl-C is a signal again.
  void let_go() {
    hide();
    mode_.restore();
  }

  void look_again_later() {
    if (stopped_) return;
    pause_.expires_after(background_pause);
    pause_.async_wait([self = shared_from_this()](const std::error_code& cancelled) {
      if (!cancelled && !self->stopped_ && !self->in_hand_) self->take_in_hand();
    });
  }

  void suspend() {
    let_go();
    // What the terminal does by itself in its usual mode. Where nobody could continue us, it does nothing.
    (void)::kill(0, SIGTSTP);
    take_in_hand();
    continued_ = clock::now();
  }

  // Somebody else may have stopped us, or another thread, so that suspend() went on before the stop.
  void continue_now() {
    if (continued_ && clock::now() - *continued_ < signal_delay) return;
    // Others have had the terminal, and what it shows is theirs.
    area_.vanished();
    take_in_hand();
  }

  void wait_for_signal() {
    signals_.async_wait([self = shared_from_this()](const std::error_code& cancelled, int signal) {
      if (cancelled || self->stopped_) return;
      if (signal == SIGCONT) self->continue_now();
      self->refresh();
      self->wait_for_signal();
    });
  }

  // Showing.

  void refresh_soon() {
    if (stopped_ || std::exchange(refresh_is_due_, true)) return;
    asio::post(executor_, [self = shared_from_this()] {
      self->refresh_is_due_ = false;
      self->refresh();
    });
  }

  // Not while output waits: it would come late, and there it would take the place of lines.
  void refresh() {
    if (stopped_ || over_ || !line_) return;
    look_at_terminal();
    if (in_hand_ && output_->is_idle()) (void)output_->put(area_.draw(line_->shown(prompt_)));
  }

  void hide() {
    look_at_terminal();
    if (output_->is_idle()) (void)output_->put(area_.erase());
    area_.vanished();
  }

  // Keys.

  void wait_for_keys() {
    if (stopped_ || over_ || is_held_up_ || !in_hand_ || std::exchange(is_waiting_, true)) return;
    readable_.async_wait([self = shared_from_this()](const std::error_code& failure) {
      self->is_waiting_ = false;
      if (self->stopped_) return;
      if (failure) return self->finish(error{errc::source_unreadable, "the terminal: " + failure.message()});
      self->read_keys();
      self->wait_for_keys();
    });
  }

  void read_keys() {
    look_at_terminal();
    if (!in_hand_) return;
    std::array<char, read_chunk> bytes;  // NOLINT(cppcoreguidelines-pro-type-member-init): read(2) does
    const ssize_t size = ::read(terminal_, bytes.data(), bytes.size());
    if (size < 0 && errno != EINTR && errno != EAGAIN) return finish(error{errc::end_of_stream, "end of input"});
    if (size == 0 && has_hung_up()) return finish(error{errc::end_of_stream, "end of input"});
    if (size <= 0) return;
    for (key& one : parser_.feed({bytes.data(), static_cast<std::size_t>(size)})) keys_.push_back(std::move(one));
    go_on();
  }

  // Without a key, a read says nothing about the terminal.
  [[nodiscard]] bool has_hung_up() const {
    pollfd state{terminal_, POLLIN, 0};
    return ::poll(&state, 1, 0) == 1 && (state.revents & (POLLHUP | POLLERR)) != 0;
  }

  // Handles the keys that have come, as far as there is room for lines.
  void go_on() {
    while (!keys_.empty() && !over_ && !stopped_ && lines_.size() < most_waiting) {
      const key one = std::move(keys_.front());
      keys_.pop_front();
      handle(one);
    }
    if (stopped_) return;
    const bool was_held_up = std::exchange(is_held_up_, !keys_.empty() && !over_);
    // While no keys are read, Ctrl-C is a signal.
    if (!over_ && was_held_up != is_held_up_ && in_hand_) mode_.set(is_held_up_);
    refresh();
    wait_for_keys();
  }

  void handle(const key& pressed) {
    switch (line_->press(pressed)) {
      case line_event::none:
        break;
      case line_event::entered:
        enter();
        break;
      case line_event::interrupted:
        if (settings_.on_interrupt) settings_.on_interrupt();
        break;
      case line_event::ended:
        finish(error{errc::end_of_stream, "end of input"});
        break;
      case line_event::suspended:
        suspend();
        break;
      case line_event::screen_cleared:
        if (output_->is_idle() && output_->put(clear_screen)) area_.vanished();
        break;
    }
  }

  void enter() {
    const std::u32string text = line_->take();
    if (!settings_.hides_entered && output_->is_idle()) (void)output_->put(area_.leave({prompt_, text, text.size()}));
    input_line line{to_utf8(text)};
    line.is_cut = cut_to(line.text, input_line::most_bytes);
    lines_.push_back(std::move(line));
    arrived_.notify_all();
  }

  void finish(error why) {
    let_go();
    over_ = std::move(why);
    arrived_.notify_all();
  }

  net::any_executor executor_;
  int terminal_;
  std::unique_ptr<text_output> output_;
  input_settings settings_;
  std::u32string prompt_;
  terminal_mode mode_;
  input_area area_;
  std::optional<typed_line> line_;  // once the terminal was in hand
  key_parser parser_;
  std::deque<key> keys_;  // read and not handled
  std::deque<input_line> lines_;
  std::optional<error> over_;
  readiness readable_;
  asio::basic_signal_set<net::any_executor> signals_;
  asio::steady_timer pause_;
  net::event arrived_;
  std::optional<clock::time_point> continued_;  // by suspend()
  bool in_hand_ = false;
  bool is_waiting_ = false;  // for keys
  bool is_held_up_ = false;  // there are keys, and no room for lines
  bool refresh_is_due_ = false;
  bool stopped_ = false;
};

line_editor::line_editor(const net::any_executor& executor, int terminal, std::unique_ptr<text_output> output,
                         input_settings settings)
    : session_{std::make_shared<session>(executor, terminal, std::move(output), std::move(settings))} {
  session_->start();
}

line_editor::~line_editor() { session_->end(); }

net::awaitable<result<input_line>> line_editor::next() { return session_->next(); }

result<void> line_editor::print(std::string_view line) { return session_->print(line); }

void line_editor::set_prompt(std::string_view prompt) { session_->set_prompt(prompt); }

void line_editor::stop() { session_->stop(); }

bool line_editor::is_idle() const { return session_->is_idle(); }

result<void> line_editor::state() const { return session_->state(); }

net::awaitable<bool> line_editor::flush(net::event::clock::time_point until) { return session_->flush(until); }

}  // namespace tcptools::cli
