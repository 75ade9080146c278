#include "tcptools/transfer/native_sender.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include "tcptools/base/at_exit.hpp"
#include "tcptools/base/units.hpp"
#include "tcptools/net/task_group.hpp"
#include "tcptools/net/tls_alert.hpp"
#include "tcptools/transfer/frame_reader.hpp"

namespace tcptools::transfer {
namespace {

using clock = std::chrono::steady_clock;

constexpr std::uint64_t least_progress = 1U << 20U;

}  // namespace

native_sender::native_sender(net::stream& stream, send_context& context, session_id session)
    : stream_{stream},
      context_{context},
      machine_{session, further_connections::most(context.settings), context.settings.compress != compression_mode::off,
               context.settings.quick_check},
      reader_{context.queue.from()},
      compression_{context.settings.compress},
      news_{stream.get_executor()},
      end_{stream.get_executor()},
      carrier_{stream.get_executor(), context.settings.bytes_per_second,
               [this](std::size_t size, std::chrono::nanoseconds took) { on_written(size, took); }},
      further_{stream, carrier_, context.settings, session,
               [this](std::string_view task, std::string_view what) { on_exception(task, what); }} {}

net::awaitable<result<void>> native_sender::run() {
  net::task_group tasks{stream_.get_executor(),
                        [this](std::string_view task, std::string_view what) { on_exception(task, what); }};
  tasks.spawn("answers", read_answers());
  tasks.spawn("write", write_words());
  tasks.spawn("watch", watch());
  push_frames();
  // An exception must not get past the tasks, which use what it would destroy.
  try {
    co_await produce();
  } catch (const std::exception& exception) {
    fail(error{errc::connection_lost, exception.what()});
  }
  over_ = true;
  further_.stop();
  carrier_.finish();
  wake_all();
  co_await further_.wait_for_end();
  co_await tasks.join();
  stream_.close();
  co_await settle_outcomes();

  std::vector<send_item> unfinished = std::move(later_);
  for (send_item& item : machine_.take_unfinished()) {
    if (item.consumed && !told_to_stop_) {
      const error why = failure_ ? failure_->in("its input cannot be read again") : error{errc::connection_lost};
      context_.observer.on_outcome({std::move(item.what), why});
    } else {
      unfinished.push_back(std::move(item));
    }
  }
  context_.queue.put_back(std::move(unfinished));
  if (failure_) co_return *failure_;
  co_return result<void>{};
}

void native_sender::stop(error why) {
  told_to_stop_ = true;
  break_off(std::move(why));
}

// Says why, and ends.
void native_sender::break_off(error why) {
  if (failure_ || machine_.finished()) return;
  byte_buffer farewell;
  encode(frames::error{to_wire(why.code()), why.text()}, farewell);
  carrier_.words().clear();
  carrier_.words().put(std::move(farewell));
  fail(std::move(why));
}

void native_sender::fail(error why) {
  if (!failure_ && !machine_.finished()) failure_ = std::move(why);
  further_.stop();
  wake_all();
}

void native_sender::on_exception(std::string_view task, std::string_view what) {
  fail(net::internal_error(errc::connection_lost, task, what));
}

net::awaitable<void> native_sender::read_answers() {
  frame_reader reader{stream_};
  while (!machine_.finished()) {
    const result<received_frame> got = co_await reader.next();
    if (!got) {
      const bool is_alert = !machine_.welcomed() && net::is_tls_alert(reader.unread());
      if (is_alert) {
        fail(net::wants_tls());
      } else {
        on_unreadable(got.error());
      }
      break;
    }
    const bool is_the_end = std::holds_alternative<frames::error>(got->value);
    const result<void> good = machine_.on_frame(got->value);
    if (!good) {
      if (is_the_end) {
        fail(good.error());
      } else {
        on_unreadable(good.error());
      }
      break;
    }
    if (std::holds_alternative<frames::welcome>(got->value) && machine_.further()) further_.begin(*machine_.further());
    news_.notify_all();
  }
  wake_all();
}

void native_sender::on_unreadable(const error& why) {
  if (why.code() == errc::end_of_stream)
    return fail(error{errc::connection_lost, "the receiver closed the connection"});
  if (why.code() == errc::protocol_violation) return break_off(why.in("the receiver broke the protocol"));
  if (why.code() == errc::version_unsupported) return break_off(why);
  fail(why);
}

net::awaitable<void> native_sender::write_words() {
  const at_exit over{[this] {
    writing_over_ = true;
    end_.notify_all();
  }};
  const result<void> written = co_await carrier_.carry(stream_, outbox::first);
  note_progress();
  if (!written) fail(written.error());
}

void native_sender::on_written(std::size_t size, std::chrono::nanoseconds took) {
  compression_.on_written(size, took);
  note_progress();
  context_.observer.on_wire(size);
  news_.notify_all();
  if (failure_) end_.notify_all();
}

net::awaitable<void> native_sender::watch() {
  const auto idle = context_.settings.idle_timeout;
  const auto interval = limits::watch_interval(idle);
  auto moved_at = clock::now();
  std::uint64_t marks = 0;
  std::optional<clock::time_point> last_words_until;
  while (!over_ || !writing_over_) {
    (void)co_await end_.wait_until(clock::now() + interval);
    const auto now = clock::now();
    if (failure_ || over_) {
      if (!last_words_until) last_words_until = now + limits::goodbye_wait;
      if (now >= *last_words_until || writing_over_ || carrier_.words().size() == 0) stream_.close();
      continue;
    }
    note_progress();
    const std::size_t quantum = machine_.zstd_chosen() ? limits::compressed_quantum : limits::progress_quantum;
    const std::uint64_t moved = machine_.progress() + acknowledged() / quantum;
    if (moved != marks || on_source_ || carrier_.is_holding_up()) moved_at = now;
    marks = moved;
    if (now - moved_at >= idle)
      break_off(error{errc::timed_out, "the receiver moved nothing for " + format_duration(idle)});
  }
  stream_.close();
}

// More than frames about nothing: a receiver that dies at the same point each time makes no progress. Asked after every
// write, as a connection may be lost before watch() has looked once.
void native_sender::note_progress() {
  if (!progressed_ && acknowledged() >= least_progress) progressed_ = true;
}

void native_sender::push_frames() {
  if (byte_buffer frames = machine_.take_frames(); !frames.empty()) push(std::move(frames));
}

void native_sender::push(byte_buffer frames) {
  if (failure_) return;  // the last word was said
  carrier_.words().put(std::move(frames));
  carrier_.wake();
}

void native_sender::wake_all() {
  news_.notify_all();
  carrier_.wake();
  end_.notify_all();
}

}  // namespace tcptools::transfer
