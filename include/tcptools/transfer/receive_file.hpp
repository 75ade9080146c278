// Decides what becomes of one open file or stream on the receiver's side: which blocks are there, which are asked for again, and
// when it is complete. No I/O, no clock. docs/protocol.md, "The order of frames".
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "tcptools/base/result.hpp"
#include "tcptools/transfer/block_map.hpp"
#include "tcptools/transfer/jobs.hpp"

namespace tcptools::transfer {

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

  receive_file(std::uint32_t id, entry item);

  [[nodiscard]] const entry& item() const noexcept { return item_; }
  // The size as far as it is known: offered, or of a stream's blocks so far.
  [[nodiscard]] std::uint64_t size() const noexcept;
  // The root that FINISH promised. Precondition: committing().
  [[nodiscard]] const digest& root() const noexcept { return finish_->root; }
  // Commit or adopt is under way: what comes next is the outcome.
  [[nodiscard]] bool committing() const noexcept { return phase_ == phase::committing; }
  // The next step is the sender's: neither opening, HAVE nor what follows FINISH is under way here.
  [[nodiscard]] bool waits_for_sender() const noexcept;
  // Bytes worked through since FINISH, for PROGRESS; only grows.
  [[nodiscard]] std::uint64_t worked() const noexcept { return worked_; }

  // Events. A step is returned where all is well, errc::protocol_violation where the sender broke the rules.
  [[nodiscard]] step on_opened(const job_results::opened::file& file);
  [[nodiscard]] result<step> on_block(const frames::block& block, std::shared_ptr<const void> owner);
  [[nodiscard]] result<step> on_hole(const frames::hole& hole);
  [[nodiscard]] result<step> on_keep(const frames::keep& keep);
  [[nodiscard]] result<step> on_finish(const frames::finish& finish);
  [[nodiscard]] step on_claimed(const job_results::claimed& claimed);
  [[nodiscard]] step on_kept(const job_results::kept& kept);
  [[nodiscard]] step on_written(const job_results::written& written);
  [[nodiscard]] step on_written_hole(const job_results::written_hole& written);

 private:
  // opening → receiving (on_opened) → committing (FINISH has come and every block is there).
  enum class phase : std::uint8_t { opening, receiving, committing };

  // absent → claimed (HAVE said so) → deferred (KEEP of an adoptable file) → in_job → present
  // absent or claimed → in_job (BLOCK) → present, or back to absent (its digest failed) and NEED
  enum class block_state : std::uint8_t { absent, claimed, deferred, in_job, present };

  [[nodiscard]] bool is_stream() const noexcept { return item_.kind == entry_kind::stream; }
  [[nodiscard]] block_layout layout() const noexcept { return block_layout{size(), item_.block_log2}; }
  [[nodiscard]] bool inside(frames::block_run blocks) const noexcept;
  [[nodiscard]] result<void> check_stream_block(const frames::block& block) const;
  [[nodiscard]] error violation(const char* what) const;

  void mark(std::uint64_t index, block_state state);
  // The file will differ from the older version, so blocks that were to be kept must be copied.
  void stop_deferring(step& out);
  void keep_run(frames::block_run blocks, step& out) const;
  void need_again(std::uint64_t index, step& out);
  void commit_if_complete(step& out);

  std::uint32_t id_;
  entry item_;
  phase phase_ = phase::opening;
  std::uint64_t checked_ = 0;
  bool claiming_ = false;  // HAVE is not complete
  bool adoptable_ = false;

  paged_row<block_state> states_;  // blocks of holes are not in here
  paged_row<digest> claims_;
  digest_row row_;
  std::uint64_t accounted_ = 0;  // blocks that are deferred, in a job or present, holes included
  std::uint64_t present_ = 0;    // holes included
  std::vector<frames::block_run> deferred_;
  std::uint64_t deferred_count_ = 0;
  std::set<std::uint64_t> needed_;              // asked for again and not yet sent again
  std::map<std::uint64_t, unsigned> failures_;  // digests that failed, per block
  std::uint64_t stream_size_ = 0;
  std::optional<frames::finish> finish_;
  std::uint64_t worked_ = 0;
};

}  // namespace tcptools::transfer
