// A receiver at work on the pool: the rest is in native_receiver.cpp.
#include <asio/post.hpp>
#include <exception>
#include <utility>
#include <variant>

#include "tcptools/base/at_exit.hpp"
#include "tcptools/net/worker_pool.hpp"
#include "tcptools/transfer/limits.hpp"
#include "tcptools/transfer/native_receiver.hpp"

namespace tcptools::transfer {
namespace {

// The longest that a session is on the pool, but for the batch of jobs at the end: nobody gets an answer meanwhile.
constexpr std::chrono::milliseconds longest_away{10};
// Batches stored there before it is noted down what they were: seldom enough to cost little, often enough that a crash
// loses little.
constexpr unsigned batches_per_checkpoint = 8;
// Small files received there before they are stored together.
constexpr std::size_t bytes_at_once = 512U << 10U;

}  // namespace

bool native_receiver::may_go_away() const {
  return !storing_ && !writing_ && joined_.empty() && !failure_ && machine_.has_jobs() && !machine_.has_long_jobs() &&
         !runner_.has_placed();  // to close these can take long
}

net::awaitable<result<void>> native_receiver::go_away(frame_reader& reader) {
  result<void> done;
  std::exception_ptr thrown;
  try {
    if (!stream_.lend()) co_return done;
    is_away_ = true;
    const at_exit home{[this] { come_home(); }};
    auto work = [this, &reader] {
      result<void> read = read_and_store(reader);
      take_results(runner_.checkpoint());
      return read;
    };
    done = co_await net::offload(context_.pool, std::move(work));
  } catch (...) {
    thrown = std::current_exception();
  }
  for (const auto& wish : std::exchange(once_home_, {})) wish();
  if (thrown) std::rethrow_exception(thrown);
  after_storing();
  co_await asio::post(asio::use_awaitable_t<net::any_executor>{});  // whoever waited comes first
  co_return done;
}

void native_receiver::come_home() {
  stream_.take_back();
  is_away_ = is_called_home_ = false;
  home_->notify_all();
}

bool native_receiver::may_stay_away(frame_reader& reader, std::chrono::steady_clock::time_point until) {
  return !is_called_home_ && !machine_.finished() && !machine_.has_long_jobs() &&
         machine_.answer_bytes() <= limits::unsent_answers && reader.held() <= limits::held_memory &&
         std::chrono::steady_clock::now() < until;
}

result<void> native_receiver::read_and_store(frame_reader& reader) {
  const auto until = std::chrono::steady_clock::now() + longest_away;
  unsigned batches = 0;
  for (bool is_dry = false; !is_dry && may_stay_away(reader, until);) {
    bool is_block = false;
    while (!is_block && machine_.waiting_bytes() < bytes_at_once && may_stay_away(reader, until)) {
      result<std::optional<received_frame>> got = reader.try_next();
      if (!got) return got.error();
      is_dry = !got->has_value();
      if (is_dry) break;
      received_frame& next = **got;
      is_block = std::holds_alternative<frames::block>(next.value);
      ++frames_read_;
      const result<void> good = machine_.on_frame(std::move(next.value), std::move(next.owner));
      if (!good) return good;
    }
    if (machine_.has_long_jobs()) break;  // the sender is to hear meanwhile that they go on
    std::vector<job> batch = machine_.take_jobs(machine_.answer_bytes() <= limits::unsent_answers);
    take_results(runner_.run(batch));
    if (++batches % batches_per_checkpoint == 0) take_results(runner_.checkpoint());
    if (!is_block && machine_.answer_bytes() > 0) break;  // each of these may have waited for the disk
  }
  return {};
}

void native_receiver::take_results(const std::vector<job_result>& results) {
  for (const job_result& one : results) machine_.on_result(one);
}

void native_receiver::call_home(std::function<void()> wish) {
  once_home_.push_back(std::move(wish));
  is_called_home_ = true;
}

net::awaitable<void> native_receiver::be_home() {
  while (is_away_) co_await home_->wait();
}

}  // namespace tcptools::transfer
