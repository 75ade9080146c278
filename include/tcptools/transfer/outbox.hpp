// What a sender's connections are to write, and which of them may: everything in order on the first, but for blocks of
// files, which whichever connection takes more carries. No I/O, no clock. docs/protocol.md, "Further connections".
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "tcptools/base/bytes.hpp"
#include "tcptools/transfer/block_reader.hpp"

namespace tcptools::transfer {

class outbox {
 public:
  // Frames, and the memory they lie in.
  struct piece {
    byte_buffer frames;
    frame_memory memory;
    std::vector<byte_view> views;
    std::size_t size = 0;
  };
  using connection_id = std::uint32_t;
  static constexpr connection_id first = 0;

  // Goes on the first connection, when everything before it has been taken.
  void put(byte_buffer frames);
  void put(piece frames);
  // BLOCK frames of this file, for any connection.
  void put_blocks(std::uint32_t id, piece blocks);
  // FINISH of this file is in. If blocks of it were carried by a joined connection, each of these is to say FENCE.
  void close_entry(std::uint32_t id);
  // Entries have an outcome: nobody waits for their blocks.
  template <class Predicate>
  void forget_if(Predicate has_ended) {
    std::vector<std::uint32_t> ended;
    for (const auto& [id, entry] : entries_) {
      if (has_ended(id)) ended.push_back(id);
    }
    for (const std::uint32_t id : ended) forget_entry(id);
  }

  // A joined connection begins.
  [[nodiscard]] connection_id join();
  // It is gone; what it took is lost.
  void leave(connection_id one);

  // Something is there for this connection.
  [[nodiscard]] bool has_any_for(connection_id one) const;
  // It competes with others for what comes next for it: it should take that only when it can write.
  [[nodiscard]] bool has_rivals(connection_id one) const;
  // Blocks that any connection may carry were put in at some time.
  [[nodiscard]] bool has_had_blocks() const noexcept { return has_had_blocks_; }
  // What it is to write next, which then is under way until on_written() is told its size.
  [[nodiscard]] std::optional<piece> take(connection_id one);
  void on_written(std::size_t size) noexcept;

  // There is no need to put more in for now.
  [[nodiscard]] bool is_full() const noexcept;
  [[nodiscard]] bool is_empty() const noexcept { return waiting_.empty(); }
  // Bytes that wait or are being written.
  [[nodiscard]] std::size_t size() const noexcept { return waiting_bytes_ + under_way_; }
  // Throws away what waits.
  void clear();

 private:
  struct waiting_piece {
    piece content;
    std::uint32_t id = 0;  // whose blocks these are, if any connection may carry them
  };
  // A file of which blocks were put in.
  struct open_entry {
    std::size_t waiting = 0;  // pieces
    bool was_joined = false;  // a joined connection carried some, and may lose them
    bool is_closed = false;
  };

  [[nodiscard]] piece take_at(const std::deque<waiting_piece>::iterator& at, connection_id one);
  void forget_entry(std::uint32_t id);
  void settle(std::uint32_t id, const open_entry& entry);
  [[nodiscard]] static bool needs_fence(const open_entry& entry) noexcept {
    return entry.is_closed && entry.waiting == 0 && entry.was_joined;
  }

  std::deque<waiting_piece> waiting_;
  std::size_t waiting_bytes_ = 0;
  std::size_t under_way_ = 0;
  std::size_t waiting_for_any_ = 0;  // pieces
  std::map<std::uint32_t, open_entry> entries_;
  std::map<connection_id, std::vector<std::uint32_t>> fences_;  // to be said, by entry
  connection_id last_joined_ = first;
  std::set<connection_id> joined_;  // at work
  bool has_had_blocks_ = false;
};

}  // namespace tcptools::transfer
