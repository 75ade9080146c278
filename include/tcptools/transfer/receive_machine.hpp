// Decides the receiver's side of one connection: judges every frame, turns them into jobs for the store and the store's
// results into answers. No I/O, no clock. docs/protocol.md, "The order of frames".
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "tcptools/base/result.hpp"
#include "tcptools/transfer/byte_allowance.hpp"
#include "tcptools/transfer/jobs.hpp"
#include "tcptools/transfer/limits.hpp"
#include "tcptools/transfer/protocol.hpp"
#include "tcptools/transfer/receive_file.hpp"

namespace tcptools::transfer {

// How an entry ended, for logs, hooks and counts.
struct receive_outcome {
  entry item;
  std::uint64_t size = 0;
  std::optional<digest> root;  // of files and streams; not of what was only looked at
  result<placed> outcome;
};

class receive_machine {
 public:
  struct settings {
    std::uint32_t window = limits::window;
    std::uint32_t open_files = limits::open_files;
    std::uint64_t largest_file = 0;
    std::uint64_t max_bytes = unlimited_bytes;  // of all files of this connection together
    frames::grant more = {};                    // further connections that may be joined; none: 0
  };

  explicit receive_machine(settings chosen);

  // Fails with errc::protocol_violation or version_unsupported: tell the sender (ERROR) and close. With errc::cancelled
  // or whatever the sender said if the frame is an ERROR. `owner` keeps alive what the frame's views point to.
  [[nodiscard]] result<void> on_frame(frame value, std::shared_ptr<const void> owner);
  // The same for a joined connection, which join() has given a number to.
  [[nodiscard]] result<void> on_joined_frame(unsigned connection, frame value, std::shared_ptr<const void> owner);
  void on_joined_end(unsigned connection);
  void on_result(const job_result& value);
  // About once a second: PROGRESS for work that goes on after FINISH.
  void on_tick();

  // Another connection wants to carry a part: its number, or errc::refused or errc::busy.
  [[nodiscard]] result<unsigned> join(const frames::join& wish);

  // The connection ends here: ERROR, and nothing after it. Jobs go on, and their outcomes are told to take_outcomes().
  void fail(wire_code code, std::string text);

  // The next jobs, in order; empty if there is nothing to do. One batch at a time: its results first, then the next.
  // Without `background` none that only produce more answers.
  [[nodiscard]] std::vector<job> take_jobs(bool background = true);
  [[nodiscard]] bool has_jobs() const noexcept { return !urgent_.empty() || !background_.empty(); }
  // One of them may take as long as the disk needs to make a whole file durable.
  [[nodiscard]] bool has_long_jobs() const noexcept;
  // Bytes of memory that wait in what was received and not yet taken: contents and the jobs themselves.
  [[nodiscard]] std::size_t waiting_bytes() const noexcept { return waiting_bytes_; }

  // Encoded frames to be sent now.
  [[nodiscard]] byte_buffer take_answers() { return std::exchange(answers_, {}); }
  [[nodiscard]] std::size_t answer_bytes() const noexcept { return answers_.size(); }
  [[nodiscard]] std::vector<receive_outcome> take_outcomes() { return std::exchange(outcomes_, {}); }

  // Said by HELLO; nothing before.
  [[nodiscard]] const std::optional<session_id>& session() const noexcept { return session_; }
  // BYE was said by both sides.
  [[nodiscard]] bool finished() const noexcept { return finished_; }
  // Nothing can go on here until the sender says something.
  [[nodiscard]] bool waits_for_sender() const noexcept;
  // Some file can be complete only when joined connections bring its last blocks, or end.
  [[nodiscard]] bool waits_for_joined() const noexcept;

 private:
  // An entry that is stored in one job, or waits for one: inline and promised files, links, directories.
  struct simple {
    // in_job → (outcome); promised: in_job → asked (NEED sent) → in_job; directory: held → in_job
    enum class state : std::uint8_t { held, in_job, asked };

    entry item;
    std::optional<digest> content_digest;  // of files, once it is known
    state now = state::in_job;
    bool promised = false;  // its content can be asked for again
    bool by_time = false;   // its digest comes with its content
    unsigned failures = 0;
  };
  using live_entry = std::variant<simple, receive_file>;

  [[nodiscard]] result<void> on_hello(const frames::hello& hello);
  [[nodiscard]] result<void> on_offer(frames::offer offer, std::shared_ptr<const void> owner);
  [[nodiscard]] result<void> on_block(const frames::block& block, std::shared_ptr<const void> owner);
  template <class Event>
  [[nodiscard]] result<void> on_file_frame(std::uint32_t id, Event event);
  [[nodiscard]] result<void> on_cancel(const frames::cancel& cancel);
  [[nodiscard]] result<void> on_bye();
  void tell_connections();

  [[nodiscard]] result<live_entry*> find(std::uint32_t id);
  [[nodiscard]] receive_file* find_file(std::uint32_t id);
  void apply(std::uint32_t id, receive_file::step step);
  void on_stored(const job_results::stored& stored);
  void on_found(const job_results::found& found);
  void ask_for(std::uint32_t id, simple& promised);
  void on_opened(const job_results::opened& opened);
  void deliver(std::uint32_t id, const result<placed>& outcome);
  void refuse(std::uint32_t id, const entry& item, const error& why);
  // Ends an entry: directories that waited for it may be next, and BYE.
  void end(std::uint32_t id);
  // Jobs of this file that were not taken are not wanted any more.
  void drop_jobs(std::uint32_t id);
  void release_directories();
  void release_opens();
  void say_bye_if_done();
  void say(const frame& answer);
  void push_urgent(job value);

  settings settings_;
  byte_allowance allowance_;
  std::optional<session_id> session_;
  bool zstd_ = false;           // blocks may be compressed with it
  bool quick_check_ = false;    // files may be offered by time
  std::uint8_t granted_ = 0;    // joined connections at a time
  unsigned joined_before_ = 0;  // numbers given so far; none is given twice
  connection_set joined_ = 0;   // now
  std::uint32_t last_id_ = 0;
  std::map<std::uint32_t, live_entry> live_;  // entries without an outcome, by id
  std::uint32_t open_count_ = 0;              // of these, open files and streams
  std::deque<job> held_opens_;                // what begins with those of these whose turn has not come
  std::uint64_t open_blocks_ = 0;             // of the others, all blocks
  bool sender_said_bye_ = false;
  bool finished_ = false;
  bool failed_ = false;

  std::deque<job> urgent_;
  std::deque<job> background_;
  std::size_t waiting_bytes_ = 0;
  byte_buffer answers_;
  std::vector<receive_outcome> outcomes_;
  std::map<std::uint32_t, std::uint64_t> reported_;  // what PROGRESS said last, by id
};

}  // namespace tcptools::transfer
