// A file that is being received and can be resumed: a part file and a journal in .tcpsend. docs/storage.md.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "tcptools/transfer/block_map.hpp"
#include "tcptools/transfer/copy_ahead.hpp"
#include "tcptools/transfer/disk_store.hpp"
#include "tcptools/transfer/in_place.hpp"
#include "tcptools/transfer/journal.hpp"
#include "tcptools/transfer/placement.hpp"
#include "tcptools/transfer/written_window.hpp"

namespace tcptools::transfer {

class partial_file final : public incoming {
 public:
  // Takes the lock: errc::busy if somebody has it.
  [[nodiscard]] static result<std::unique_ptr<partial_file>> open(const store_place& place, const entry& item,
                                                                  std::optional<older_version> older);
  partial_file(const partial_file&) = delete;
  partial_file& operator=(const partial_file&) = delete;
  ~partial_file() override;

  [[nodiscard]] std::uint64_t checked() const override { return std::max(journaled_end_, older_blocks()); }
  [[nodiscard]] bool adoptable() const override;
  [[nodiscard]] result<std::optional<digest>> claim(std::uint64_t index) override;
  [[nodiscard]] result<bool> keep(std::uint64_t index, const digest& claimed) override;
  [[nodiscard]] result<void> write(std::uint64_t index, byte_view content, const digest& expected) override;
  [[nodiscard]] result<void> write_hole(std::uint64_t first, std::uint64_t count) override;
  [[nodiscard]] result<void> checkpoint() override;
  [[nodiscard]] result<placed> commit(std::uint64_t size) override;
  [[nodiscard]] result<placed> adopt() override;
  void discard() override;

 private:
  partial_file(const store_place& place, const entry& item, std::optional<older_version> older);

  // Takes up what an interrupted transfer left, or starts afresh.
  [[nodiscard]] result<void> read_journal();
  void take(const journal_entry& one);
  // How many blocks, from the first, may be claimed of the older version.
  [[nodiscard]] std::uint64_t older_blocks() const noexcept;
  // commit() where the older version is not replaced.
  [[nodiscard]] result<placed> change_older();
  [[nodiscard]] result<void> open_part();
  // Of a new part file, where that is possible.
  [[nodiscard]] result<void> clone_older();
  // The part file has this content there already.
  [[nodiscard]] bool is_in_part(std::uint64_t index, const digest& claimed);
  // It has some, which may be anything.
  [[nodiscard]] bool part_has_data(std::uint64_t index) const;
  // Reads a block into scratch_; nothing where the file ends before it, or cannot be read.
  [[nodiscard]] std::optional<digest> read_block(int fd, std::uint64_t index);
  // The content that was read last, of this block.
  [[nodiscard]] byte_view read_content(std::uint64_t index) const {
    return byte_view{scratch_}.first(layout_.length(index));
  }
  [[nodiscard]] result<void> check_room_for_rest() const;
  [[nodiscard]] result<void> check_replacing() const;
  // Sets room aside for the block at `offset` and what follows it, where that is worth it.
  void reserve(std::uint64_t offset, std::uint64_t length);
  // What is set aside behind the last block, by whomever.
  void give_back() const;
  // A block into the part file; note_block() says that it counts.
  [[nodiscard]] result<void> put_content(std::uint64_t index, byte_view content);
  void note_block(std::uint64_t index, const digest& content_digest);
  void note(const journal_entry& one) { encode(one, unwritten_journal_); }
  void remove_files();

  const store_place& place_;
  entry item_;
  block_layout layout_;
  std::optional<older_version> older_;
  std::optional<in_place_change> in_place_;  // of the older version
  std::string part_name_;
  std::string journal_name_;
  unique_fd journal_;  // holds the lock
  unique_fd part_;
  std::uint64_t part_end_ = 0;      // bytes of the part file that may hold data
  std::uint64_t written_ = 0;       // bytes, by this session
  std::uint64_t reserved_ = 0;      // bytes that the file system was asked to set aside
  std::uint64_t reserved_end_ = 0;  // below it is not asked again
  bool may_reserve_;                // false for a file with holes, on btrfs, and once there was no room for it
  paged_row<std::optional<digest>> journaled_;
  std::uint64_t journaled_count_ = 0;
  std::uint64_t journaled_end_ = 0;  // one more than the last block in the journal
  std::uint64_t claimed_end_ = 0;    // one more than the last block claimed of the older version
  // From this block on claims are of the part file, which began as a clone of the older version.
  std::optional<std::uint64_t> cloned_from_;
  copy_ahead ahead_;
  byte_buffer unwritten_journal_;
  byte_buffer scratch_;  // of one block
  written_window window_;
  bool resumable_ = false;  // there is something worth keeping
  bool removed_ = false;
};

}  // namespace tcptools::transfer
