// Decides what becomes of one open file or stream on the receiver's side: which blocks are there, which are asked for
// again, and when it is complete. No I/O, no clock. docs/protocol.md, "The order of frames".
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "tcptools/base/result.hpp"
#include "tcptools/transfer/block_map.hpp"
#include "tcptools/transfer/jobs.hpp"

namespace tcptools::transfer {

// Joined connections, a bit for each by its number.
using connection_set = std::uint64_t;

class receive_file {
 public:
  // What a step asks for: jobs to be done, frames to be sent, or the end.
  struct step {
    std::vector<job> urgent;      // in order
    std::vector<job> background;  // when nothing is urgent
    std::vector<frame> answers;
    std::optional<error> refused;  // the entry failed: tell the sender, abandon the file
    bool discard = false;          // with `refused`: nothing of it is worth keeping
  };

  // A stream that grows past `largest_size` is refused. With `several` blocks may come on further connections, and with
  // these be lost.
  receive_file(std::uint32_t id, entry item, std::uint64_t largest_size, bool several);

  [[nodiscard]] const entry& item() const noexcept { return item_; }
  // The size as far as it is known: offered, or of a stream's blocks so far.
  [[nodiscard]] std::uint64_t size() const noexcept { return is_stream() ? stream_size_ : item_.size; }
  // The root that FINISH promised; nothing before.
  [[nodiscard]] std::optional<digest> root() const noexcept;
  // Commit or adopt is under way: what comes next is the outcome.
  [[nodiscard]] bool committing() const noexcept { return phase_ == phase::committing; }
  // The next step is the sender's: neither opening, HAVE nor what follows FINISH is under way here.
  [[nodiscard]] bool waits_for_sender() const noexcept;
  // FINISH has come, and what is missing may still come on a joined connection.
  [[nodiscard]] bool waits_for_joined() const noexcept;
  // Bytes worked through, for PROGRESS; only grows.
  [[nodiscard]] std::uint64_t worked() const noexcept { return worked_; }

  // Events. A step is returned where all is well, errc::protocol_violation where the sender broke the rules.
  [[nodiscard]] step on_opened(const job_results::opened::file& file);
  [[nodiscard]] result<step> on_block(const frames::block& block, std::shared_ptr<const void> owner);
  [[nodiscard]] result<step> on_hole(const frames::hole& hole);
  [[nodiscard]] result<step> on_keep(const frames::keep& keep);
  [[nodiscard]] result<step> on_finish(const frames::finish& finish);
  // A joined connection will bring no more blocks of this file.
  [[nodiscard]] step on_fence(unsigned connection);
  // The joined connections at work have become more or fewer.
  [[nodiscard]] step on_connections(connection_set at_work);
  [[nodiscard]] step on_claimed(const job_results::claimed& claimed);
  [[nodiscard]] step on_kept(const job_results::kept& kept);
  [[nodiscard]] step on_written(const job_results::written& written);
  [[nodiscard]] step on_written_hole(const job_results::written_hole& written);
  // About once a second.
  void on_tick() noexcept;

 private:
  // opening → receiving (on_opened) → committing (FINISH has come and every block is there).
  enum class phase : std::uint8_t { opening, receiving, committing };

  // absent → claimed (HAVE said so) → taken (KEEP) → present, or back to absent (it is not what was claimed) and NEED
  // absent or claimed → taken (BLOCK) → present, or back to absent (its digest failed) and NEED
  // Blocks of a HOLE stay what they are and become zero in the row.
  enum class block_state : std::uint8_t { absent, claimed, taken, present };

  [[nodiscard]] bool is_stream() const noexcept { return item_.kind == entry_kind::stream; }
  [[nodiscard]] block_layout layout() const noexcept { return block_layout{size(), item_.block_log2}; }
  [[nodiscard]] bool inside(frames::block_run blocks) const noexcept;
  // How many bytes this block has or, compressed, is to make.
  [[nodiscard]] std::size_t length_of(const frames::block& block) const noexcept;
  [[nodiscard]] result<void> check_stream_block(const frames::block& block) const;
  // Whether a block may be sent now: for the first time, or because it was asked for again.
  [[nodiscard]] result<void> check_turn(std::uint64_t index) const;
  // These blocks are there. What was missing and asked for may come twice, and no more of it than that.
  [[nodiscard]] bool is_there(std::uint64_t index) const;
  [[nodiscard]] bool may_repeat(std::uint64_t count) noexcept;
  [[nodiscard]] result<void> place_hole(frames::block_run blocks, step& out);
  [[nodiscard]] bool claimed_as_zero(frames::block_run blocks) const;
  [[nodiscard]] error violation(const char* what) const;

  void mark(std::uint64_t index, block_state state);
  // The file will differ from the older version, so what was to be left in place must be made.
  void stop_deferring(step& out);
  void claim_next(std::uint64_t first, step& out);
  void keep_next(step& out);
  void need_again(std::uint64_t index, step& out);
  // After FINISH: what neither came nor can come on another connection any more.
  void need_missing(step& out);
  void commit_if_complete(step& out);

  std::uint32_t id_;
  entry item_;
  std::uint64_t largest_size_;
  bool several_;
  phase phase_ = phase::opening;
  std::uint64_t checked_ = 0;
  bool claiming_ = false;   // HAVE is not complete
  bool keeping_ = false;    // a job for kept blocks is under way
  bool adoptable_ = false;  // all that was sent so far is as in the older version: nothing was written or copied

  paged_row<block_state> states_;
  digest_row row_;                                  // of a block that is only claimed: what HAVE said
  std::uint64_t accounted_ = 0;                     // blocks that are taken, present or zero
  std::uint64_t present_ = 0;                       // of these, those that are done
  std::deque<frames::block_run> kept_;              // KEEP came; no job yet
  std::vector<frames::block_run> unwritten_holes_;  // HOLE came where the adoptable version has zeros; no job yet
  std::set<std::uint64_t> needed_;                  // asked for again and not yet sent again
  std::map<std::uint64_t, unsigned> failures_;      // digests that failed, per block
  std::uint64_t stream_size_ = 0;
  std::optional<frames::finish> finish_;
  connection_set at_work_ = 0;
  connection_set fenced_ = 0;
  std::uint64_t missing_from_ = 0;  // what is missing before is asked for
  std::uint64_t repeats_left_ = 0;
  std::uint64_t worked_ = 0;
  std::uint64_t credited_ = 0;
};

}  // namespace tcptools::transfer
