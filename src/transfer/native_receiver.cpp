#include "tcptools/transfer/native_receiver.hpp"

#include <algorithm>
#include <array>
#include <asio/post.hpp>
#include <exception>
#include <iterator>
#include <utility>

#include "tcptools/base/at_exit.hpp"
#include "tcptools/net/secret_bytes.hpp"
#include "tcptools/net/worker_pool.hpp"

namespace tcptools::transfer {
namespace {

using clock = std::chrono::steady_clock;

// Checks and copies are worth nothing once nobody waits for them; what was received is.
bool is_background(const job& one) noexcept {
  return std::holds_alternative<jobs::claim>(one) || std::holds_alternative<jobs::keep>(one);
}

frames::grant make_grant() {
  frames::grant more{limits::granted_connections, {}};
  net::fill_with_random(more.secret);
  return more;
}

}  // namespace

native_receiver::native_receiver(net::stream& stream, receive_context& context, session_scope scope, session_info& info,
                                 admission admit)
    : stream_{stream},
      context_{context},
      scope_{std::move(scope)},
      info_{info},
      admit_{std::move(admit)},
      machine_{{limits::window, limits::open_files, scope_.where->largest_file(), scope_.max_bytes, make_grant()}},
      runner_{*scope_.where},
      work_{stream.get_executor()},
      answers_{stream.get_executor()},
      room_{stream.get_executor()},
      end_{stream.get_executor()},
      home_{std::make_shared<net::event>(stream.get_executor())} {}

net::awaitable<result<void>> native_receiver::run(frame_reader reader) {
  net::task_group tasks{stream_.get_executor(), [this](std::string_view task, std::string_view what) {
                          stop(wire_code::storage_failed, net::internal_error(errc::storage_failed, task, what));
                        }};
  tasks_ = &tasks;
  tasks.spawn("store", store_jobs());
  tasks.spawn("answer", write_answers());
  tasks.spawn("watch", watch());

  // An exception must not get past the tasks, which use what it would destroy.
  try {
    const result<void> read = co_await read_frames(reader);
    if (!read) stop(to_wire(read.error().code()), read.error());
  } catch (const std::exception& exception) {
    stop(wire_code::storage_failed, error{errc::storage_failed, exception.what()});
  }
  reading_over_ = true;
  tasks_ = nullptr;
  close_joined();
  wake_all();
  // The sender may not have read our last words yet: wait until it closes, so that they are not lost to a reset.
  std::array<std::byte, 4096> ignored{};
  while (co_await stream_.read_some(ignored)) {
  }
  over_ = true;
  wake_all();
  co_await tasks.join();
  report_outcomes();

  auto close = [this] { runner_.close(); };
  co_await net::offload(context_.pool, std::move(close));
  if (failure_) co_return *failure_;
  co_return result<void>{};
}

void native_receiver::stop(wire_code code, error why) {
  if (is_away_) return call_home([this, code, why = std::move(why)] { stop(code, why); });
  if (failure_ || machine_.finished()) return;
  const bool peer_is_there = why.code() != errc::connection_lost && why.code() != errc::end_of_stream;
  if (why.code() == errc::end_of_stream)
    why = error{errc::connection_lost, "the sender closed the connection before it was done"};
  failure_ = std::move(why);
  if (peer_is_there) machine_.fail(code, failure_->text());
  close_joined();
  wake_all();
}

void native_receiver::abort(error why) {
  if (is_away_) {
    stream_.close();
    return call_home([this, why = std::move(why)] { abort(why); });
  }
  if (!failure_) failure_ = std::move(why);
  stream_.close();
  close_joined();
  wake_all();
}

bool native_receiver::must_wait(frame_reader& reader) const {
  return !failure_ && !reading_over_ &&
         (machine_.waiting_bytes() > limits::unstored_bytes || machine_.answer_bytes() > limits::unsent_answers ||
          reader.held() > limits::held_memory);
}

net::awaitable<result<void>> native_receiver::read_frames(frame_reader& reader) {
  const result<byte_buffer> start = co_await reader.take(preface().size());
  if (!start) co_return start.error();
  if (!std::equal(start->begin(), start->end(), preface().begin())) {
    co_return error{errc::protocol_violation, "not the native protocol, though it begins like it"};
  }
  while (!machine_.finished() && !failure_) {
    while (must_wait(reader)) co_await room_.wait();
    if (context_.observer.is_overloaded()) {
      held_up_ = true;
      co_await context_.observer.when_ready();
      held_up_ = false;
    }
    result<received_frame> got = co_await reader.next();
    if (machine_.finished() || failure_) break;
    if (!got) co_return got.error();
    ++frames_read_;
    const bool first = !machine_.session();
    const result<void> good = machine_.on_frame(std::move(got->value), std::move(got->owner));
    if (!good) co_return good.error();
    if (first) {
      held_up_ = true;
      const result<void> admitted = co_await admit_(*machine_.session());
      held_up_ = false;
      if (!admitted) co_return admitted;
    }
    if (may_go_away()) {
      const result<void> stored = co_await go_away(reader);
      if (!stored) co_return stored;
    }
    after_reading();
  }
  co_return result<void>{};
}

net::awaitable<void> native_receiver::store_jobs() {
  for (;;) {
    co_await be_home();
    // What the sender does not read must not grow.
    const bool may_claim = machine_.answer_bytes() <= limits::unsent_answers;
    std::vector<job> batch = machine_.take_jobs(may_claim);
    if (reading_over_ && (batch.empty() || is_background(batch.front()))) break;
    if (batch.empty()) {
      co_await work_.wait();
      continue;
    }
    storing_ = true;
    auto run = [this, &batch] {
      std::vector<job_result> results = runner_.run(batch);
      std::ranges::move(runner_.checkpoint(), std::back_inserter(results));
      return results;
    };
    const std::vector<job_result> results = co_await net::offload(context_.pool, std::move(run));
    storing_ = false;
    batch.clear();
    take_results(results);
    after_storing();
    close_placed();
  }
  storing_over_ = true;
  answers_.notify_all();
}

// One at a time: other sessions need the pool, too. What comes meanwhile is closed after the next jobs, or a while
// later.
void native_receiver::close_placed() {
  if (!closing_.expired()) return;
  std::vector<std::unique_ptr<incoming>> files = runner_.take_placed();
  if (files.empty()) return;
  struct closing {
    std::shared_ptr<store> where;
    std::vector<std::unique_ptr<incoming>> files;
  };
  const auto work = std::make_shared<closing>(closing{scope_.where, std::move(files)});
  closing_ = work;
  asio::post(context_.pool.get_executor(), [work] { work->files.clear(); });
}

net::awaitable<void> native_receiver::write_answers() {
  const at_exit over{[this] {
    answering_over_ = true;
    end_.notify_all();
  }};
  for (;;) {
    co_await be_home();
    const byte_buffer answers = machine_.take_answers();
    if (answers.empty()) {
      if (storing_over_ || failure_ || machine_.finished()) break;
      co_await answers_.wait();
      continue;
    }
    writing_ = true;
    const result<void> written = co_await stream_.write(answers);
    writing_ = false;
    room_.notify_all();
    work_.notify_all();
    if (!written) {
      stop(to_wire(written.error().code()), written.error());
      break;
    }
  }
  // The last word is out. The sender closes when it has read it.
  const result<void> half_closed = co_await stream_.shutdown_send();
  if (!half_closed) stream_.close();
}

bool native_receiver::waits_for_peer() const noexcept {
  if (held_up_) return false;
  return writing_ || failure_ || machine_.finished() || (machine_.waits_for_sender() && !storing_);
}

std::uint64_t native_receiver::progress_marks() const noexcept {
  return frames_read_ + bytes_read() / limits::progress_quantum + stream_.bytes_written() / limits::progress_quantum;
}

net::awaitable<void> native_receiver::watch() {
  const auto interval = limits::watch_interval(context_.idle_timeout);
  const auto hello_until = info_.started + limits::hello_wait;
  auto moved_at = clock::now();
  std::uint64_t marks = 0;
  std::optional<clock::time_point> last_words_until;
  while (!over_ || !answering_over_) {
    (void)co_await end_.wait_until(clock::now() + interval);
    const auto now = clock::now();
    if (is_away_) {
      moved_at = now;
      continue;
    }
    machine_.on_tick();
    if (machine_.answer_bytes() > 0) answers_.notify_all();
    close_silent(now);
    if (!storing_) close_placed();

    if (failure_ || machine_.finished() || over_) {
      if (!last_words_until) last_words_until = now + limits::goodbye_wait;
      if (now >= *last_words_until) stream_.close();
      continue;
    }
    const std::uint64_t before = std::exchange(marks, progress_marks());
    if (marks != before || !waits_for_peer()) moved_at = now;
    const bool no_hello = !machine_.session() && now >= hello_until;
    if (no_hello || now - moved_at >= context_.idle_timeout) {
      stop(wire_code::timed_out,
           error{errc::timed_out, no_hello ? "the sender did not say hello" : "the sender moved nothing"});
    }
  }
}

std::uint64_t native_receiver::bytes_read() const noexcept {
  std::uint64_t bytes = stream_.bytes_read() + bytes_of_past_ones_;
  for (const auto& [number, one] : joined_) bytes += one.stream->bytes_read();
  return bytes;
}

void native_receiver::report_outcomes() {
  info_.bytes_received = bytes_read();
  for (const receive_outcome& one : machine_.take_outcomes()) {
    ++(one.outcome ? info_.delivered : info_.failed);
    context_.observer.on_entry(info_, one);
  }
}

void native_receiver::after_reading() {
  report_outcomes();
  work_.notify_all();
  answers_.notify_all();
}

void native_receiver::after_storing() {
  report_outcomes();
  answers_.notify_all();
  room_.notify_all();
}

void native_receiver::wake_all() {
  work_.notify_all();
  answers_.notify_all();
  room_.notify_all();
  end_.notify_all();
}

}  // namespace tcptools::transfer
