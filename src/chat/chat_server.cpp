#include "tcptools/chat/chat_server.hpp"

#include <asio/post.hpp>
#include <chrono>
#include <string>
#include <utility>

#include "tcptools/base/at_exit.hpp"
#include "tcptools/chat/limits.hpp"

namespace tcptools::chat {
namespace {

using clock = chat_machine::clock;

// So many may be told why they are turned away at a time; others are not told.
constexpr std::size_t most_turned_away = 256;

}  // namespace

chat_server::chat_server(net::gate& door, memory_use& use, chat_machine& machine, history_store* history,
                         net::worker_pool& pool, on_trouble complain)
    : gate_{door},
      use_{use},
      machine_{machine},
      history_{history},
      pool_{pool},
      complain_{std::move(complain)},
      scratch_(limits::input_chunk),
      sessions_{door.get_executor(), exception_handler()},
      writers_{door.get_executor(), exception_handler()},
      helpers_{door.get_executor(), exception_handler()},
      context_{machine, writers_, scratch_, &chat_server::now, [this] { note_news(); }},
      time_changed_{door.get_executor()},
      history_changed_{door.get_executor()} {}

net::task_group::exception_handler chat_server::exception_handler() {
  return [this](std::string_view task, std::string_view what) {
    complain_(net::internal_error(errc::cancelled, task, what));
  };
}

chat_machine::moment chat_server::now() {
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  return {clock::now(), std::chrono::duration_cast<std::chrono::milliseconds>(wall).count()};
}

net::awaitable<void> chat_server::run() {
  helpers_.spawn("time", keep_time());
  if (history_ != nullptr) helpers_.spawn("history", keep_history());
  co_await gate_.run(
      [this](std::shared_ptr<net::stream> stream) { sessions_.spawn("session", serve(std::move(stream))); }, complain_);
  co_await sessions_.join();
  co_await writers_.join();
  is_over_ = true;
  time_changed_.notify_all();
  history_changed_.notify_all();
  co_await helpers_.join();
}

net::awaitable<void> chat_server::serve(std::shared_ptr<net::stream> stream) {
  chat_session session{use_, stream, rights_of(*stream), context_};
  // The keys may have changed while it shook hands.
  const bool is_known = is_held(session.identity().get(), std::chrono::system_clock::now());
  const result<void> taken = is_known ? machine_.open(session, now()) : error{errc::refused, std::string{key_is_gone}};
  if (!taken) {
    co_await turn_away(std::move(stream), taken.error());
    co_return;
  }
  note_news();
  std::string why;
  const at_exit leave{[this, &session, &why] {
    machine_.close(session, why, now());
    note_news();
  }};
  why = co_await session.run();
}

net::awaitable<void> chat_server::turn_away(std::shared_ptr<net::stream> stream, error why) {
  if (turned_away_ >= most_turned_away) {
    stream->reset();
    co_return;
  }
  ++turned_away_;
  const at_exit leave{[this, &stream] {
    --turned_away_;
    stream->close();
  }};
  std::string line;
  append_line(line, events::bye{why.code() == errc::refused ? code::refused : code::busy, why.text()});
  stream->set_deadline(clock::now() + limits::goodbye_wait);
  const result<void> told = co_await stream->write(as_bytes(line));
  if (!told) co_return;
  const result<void> half_closed = co_await stream->shutdown_send();
  if (!half_closed) co_return;
  // It must have read the answer before the connection is reset by what it says on.
  for (;;) {
    const result<std::size_t> got = co_await stream->read_some(scratch_);
    if (!got) co_return;
  }
}

void chat_server::note_news() {
  if (std::exchange(is_turn_due_, true)) return;
  asio::post(gate_.get_executor(), [this] { turn(); });
}

void chat_server::turn() {
  is_turn_due_ = false;
  machine_.take_news(news_, now());
  // Only sessions are in the machine.
  for (member* const one : news_) static_cast<chat_session*>(one)->flush();  // NOLINT(*-static-cast-downcast)
  news_.clear();
  if (machine_.has_uncommitted()) history_changed_.notify_all();
  if (machine_.next_due() < awake_at_) time_changed_.notify_all();
}

net::awaitable<void> chat_server::keep_time() {
  while (!is_over_) {
    if (machine_.next_due() <= clock::now()) {
      machine_.on_time(now());
      note_news();
    }
    awake_at_ = machine_.next_due();
    (void)co_await time_changed_.wait_until(awake_at_);
  }
}

net::awaitable<void> chat_server::keep_history() {
  for (;;) {
    const history_batch batch = machine_.take_batch(now());
    if (batch.empty()) {
      if (is_over_) break;
      co_await history_changed_.wait();
      continue;
    }
    auto commit = [this, &batch] { return history_->commit(batch); };
    const result<void> how = co_await net::offload(pool_, std::move(commit));
    if (!how) complain_(how.error());
    // Its words name the file, which concerns none of those who are told.
    machine_.on_committed(how ? how : error{how.error().code()}.in("the history cannot be written"), now());
    history_changed_.notify_all();
    note_news();
  }
}

void chat_server::drain() {
  if (std::exchange(is_draining_, true)) return;
  gate_.close();
  machine_.stop_input();
  helpers_.spawn("drain", end_sessions());
}

net::awaitable<void> chat_server::end_sessions() {
  const auto until = clock::now() + limits::drain_wait;
  while (machine_.has_uncommitted() && clock::now() < until) (void)co_await history_changed_.wait_until(until);
  machine_.end_all(code::shutting_down, "the server is shutting down", now());
  note_news();
}

void chat_server::force() {
  drain();
  machine_.abort_all();
}

}  // namespace tcptools::chat
