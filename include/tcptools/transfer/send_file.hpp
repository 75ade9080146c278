// Decides, on the sender's side, what of one open file is read, sent and kept. No I/O, no clock. docs/protocol.md,
// "ACCEPT, HAVE" and "BLOCK, HOLE, KEEP, NEED".
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "tcptools/base/result.hpp"
#include "tcptools/transfer/block_map.hpp"
#include "tcptools/transfer/protocol.hpp"

namespace tcptools::transfer {

// The digests of a source file as far as it was read. Outlives a connection, so that nothing is read twice to be
// compared.
using known_digests = paged_row<std::optional<digest>>;

class send_file {
 public:
  enum class verdict : std::uint8_t { send, keep, changed };

  send_file(block_layout layout, std::shared_ptr<known_digests> known) : layout_{layout}, known_{std::move(known)} {}

  // Events from the receiver; errc::protocol_violation where it broke the rules.
  [[nodiscard]] result<void> on_accept(const frames::accept& accept);
  [[nodiscard]] result<void> on_have(const frames::have& have);
  [[nodiscard]] result<void> on_need(const frames::need& need);

  // The next blocks to read, at most `most` in a row; nothing while the receiver's HAVE is awaited or when all were
  // read. What was asked for again comes first, then what the receiver cannot have, then what must be compared.
  [[nodiscard]] std::optional<frames::block_run> next_read(std::uint64_t most);

  // A block of a run from next_read() was read: send it, or keep it (take_keeps() will say so), or the source changed
  // since it was read before.
  [[nodiscard]] verdict on_read(std::uint64_t index, const digest& content);
  // Blocks of such a run are a hole: send HOLE, or the source changed since they were read before.
  [[nodiscard]] verdict on_hole(frames::block_run blocks);

  // KEEP runs not yet taken.
  [[nodiscard]] std::vector<frames::block_run> take_keeps() { return std::exchange(keeps_, {}); }

  // The receiver asked for this block again.
  [[nodiscard]] bool was_asked_for(std::uint64_t index) const { return times_asked_for_.get(index) > 0; }

  // Every block was sent or kept, and nothing is asked for again.
  [[nodiscard]] bool all_sent() const noexcept;
  // The row's root. Precondition: every block was read, or reported as a hole.
  [[nodiscard]] digest root() const { return row_.root(layout_); }

  [[nodiscard]] const block_layout& layout() const noexcept { return layout_; }

 private:
  // What a block was when it was read before, on this connection or an earlier one.
  [[nodiscard]] std::optional<digest> known(std::uint64_t index) const;
  // Skips blocks whose digest is known and equal to what the receiver has.
  void skip_known();

  block_layout layout_;
  std::shared_ptr<known_digests> known_;
  bool accepted_ = false;
  std::uint64_t checked_ = 0;
  std::uint64_t next_missing_ = 0;  // from checked_ to the end: the receiver has nothing there
  std::uint64_t next_compare_ = 0;  // from 0 to have_end_
  std::uint64_t have_end_ = 0;      // HAVE has covered the blocks before
  std::uint64_t being_read_ = 0;
  paged_row<std::optional<digest>> claims_;
  digest_row row_;
  std::deque<frames::block_run> needed_;     // asked for again and not yet read
  paged_row<std::uint8_t> times_asked_for_;  // by NEED, per block
  std::vector<frames::block_run> keeps_;
};

}  // namespace tcptools::transfer
