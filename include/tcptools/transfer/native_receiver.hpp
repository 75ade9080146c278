// The receiver's side of one native connection: reads frames, carries jobs to the pool, writes answers, and watches
// that things move.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "tcptools/net/completion.hpp"
#include "tcptools/net/event.hpp"
#include "tcptools/net/stream.hpp"
#include "tcptools/net/task_group.hpp"
#include "tcptools/transfer/frame_reader.hpp"
#include "tcptools/transfer/job_runner.hpp"
#include "tcptools/transfer/receive_context.hpp"
#include "tcptools/transfer/receive_machine.hpp"

namespace tcptools::transfer {

class native_receiver {
 public:
  // Called once HELLO was said, before anything is stored: makes sure that no other connection of that session is at
  // work, and that there are not too many. What it fails with is told to the sender.
  using admission = std::function<net::awaitable<result<void>>(session_id)>;

  // All outlive the receiver, and the store also the jobs of the pool.
  native_receiver(net::stream& stream, receive_context& context, session_scope scope, session_info& info,
                  admission admit);

  // Runs the connection to its end. What has arrived is stored when it returns, and no path is locked any more. Success
  // is BYE from both sides. Precondition: `reader` reads from the stream, and nothing was taken yet.
  [[nodiscard]] net::awaitable<result<void>> run(frame_reader reader);

  // Null, or what to wait for before join() may be called. Who waits keeps it, and then looks whether the receiver is
  // still there.
  [[nodiscard]] std::shared_ptr<net::event> away_until() const { return is_away_ ? home_ : nullptr; }
  // Takes over another connection of the session, which has said this. Fails with errc::refused or errc::busy, and then
  // leaves it alone. Precondition: `reader` reads from `stream`.
  [[nodiscard]] result<void> join(const frames::join& wish, std::shared_ptr<net::stream> stream, frame_reader reader);

  // Connections that have joined and are at work.
  [[nodiscard]] std::size_t joined() const noexcept { return joined_.size(); }

  // Ends the connection soon, telling the sender why. What has arrived is stored.
  void stop(wire_code code, error why);
  // Ends the connection at once, without a word. What has arrived is stored.
  void abort(error why);

 private:
  struct joined_connection {
    std::shared_ptr<net::stream> stream;
    std::uint64_t bytes = 0;  // when it was looked at last
    std::chrono::steady_clock::time_point moved_at;
  };

  [[nodiscard]] net::awaitable<result<void>> read_frames(frame_reader& reader);
  // Content is received, checked and written on one thread of the pool, while that core has it in its cache, rather
  // than passed from thread to thread. Meanwhile all of the session is that thread's: whoever else wants something of
  // it waits until it is home.
  [[nodiscard]] bool may_go_away() const;
  [[nodiscard]] net::awaitable<result<void>> go_away(frame_reader& reader);
  // There: stores what has come and what is there to be read, for a moment at most.
  [[nodiscard]] result<void> read_and_store(frame_reader& reader);
  [[nodiscard]] bool may_stay_away(frame_reader& reader, std::chrono::steady_clock::time_point until);
  [[nodiscard]] net::awaitable<void> be_home();
  void come_home();
  void take_results(const std::vector<job_result>& results);
  // Has files that are in place closed on the pool; nobody waits for that.
  void close_placed();
  // To be done when it is home, which is to be soon.
  void call_home(std::function<void()> wish);
  net::awaitable<void> read_joined(unsigned number, std::shared_ptr<net::stream> stream, frame_reader reader);
  // Before more is read, what has arrived is to be stored to a degree, and answers sent.
  [[nodiscard]] bool must_wait(frame_reader& reader) const;
  void close_joined();
  // Ends joined connections that files wait for and that bring nothing: the way may be dead without anybody knowing.
  void close_silent(std::chrono::steady_clock::time_point now);
  net::awaitable<void> store_jobs();
  net::awaitable<void> write_answers();
  net::awaitable<void> watch();

  void report_outcomes();
  // Tells everybody whom it concerns that a frame was taken, or that jobs were done.
  void after_reading();
  void after_storing();
  // From the network, on all connections.
  [[nodiscard]] std::uint64_t bytes_read() const noexcept;
  [[nodiscard]] bool waits_for_peer() const noexcept;
  // Grows whenever the other side moved something.
  [[nodiscard]] std::uint64_t progress_marks() const noexcept;
  void wake_all();

  net::stream& stream_;
  receive_context& context_;
  session_scope scope_;
  session_info& info_;
  admission admit_;
  receive_machine machine_;
  job_runner runner_;
  std::weak_ptr<void> closing_;  // while files are being closed

  net::task_group* tasks_ = nullptr;              // while it runs
  std::map<unsigned, joined_connection> joined_;  // by number
  std::uint64_t bytes_of_past_ones_ = 0;          // joined before

  net::event work_;     // there are jobs, or no more will come
  net::event answers_;  // there are answers, or no more will come
  net::event room_;     // what was waiting has become less
  net::event end_;      // for the watch

  std::optional<error> failure_;  // the first one: what ended the connection

  bool is_away_ = false;
  std::atomic<bool> is_called_home_ = false;      // looked at by the pool
  std::vector<std::function<void()>> once_home_;  // what is to be done then
  std::shared_ptr<net::event> home_;              // it has come home

  bool reading_over_ = false;
  bool storing_over_ = false;
  bool answering_over_ = false;
  bool over_ = false;
  bool storing_ = false;
  bool writing_ = false;
  bool held_up_ = false;  // by ourselves: the sender cannot move anything
  std::uint64_t frames_read_ = 0;
};

}  // namespace tcptools::transfer
