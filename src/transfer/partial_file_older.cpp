// What a partial file makes of an older version; the rest is in partial_file.cpp.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "tcptools/base/text.hpp"
#include "tcptools/transfer/limits.hpp"
#include "tcptools/transfer/partial_file.hpp"
#include "tcptools/transfer/safe_path.hpp"

namespace tcptools::transfer {

// A digest of a few bytes gives them away, and an offer may be of any size: only whole blocks are claimed, and the end
// of a file that is large and of just this size.
std::uint64_t partial_file::older_blocks() const noexcept {
  if (!older_) return 0;
  const auto size = static_cast<std::uint64_t>(older_->status.st_size);
  if (size == item_.size && size > limits::inline_content) return layout_.count();
  return std::min(size, item_.size) >> layout_.block_log2();
}

bool partial_file::adoptable() const {
  return older_ && journaled_count_ == 0 && std::cmp_equal(older_->status.st_size, item_.size);
}

result<std::optional<digest>> partial_file::claim(std::uint64_t index) {
  if (const std::optional<digest> journaled = journaled_.get(index)) return journaled;
  if (index >= older_blocks()) return std::optional<digest>{};
  if (cloned_from_) return read_block(part_.get(), index);
  claimed_end_ = std::max(claimed_end_, index + 1);
  const std::optional<digest> found = read_block(older_->fd.get(), index);
  if (found && ahead_.wants(index) && !part_has_data(index)) {
    if (const result<void> copied = put_content(index, read_content(index)); !copied) return copied.error();
    ahead_.on_copied(index, *found);
  }
  return found;
}

std::optional<digest> partial_file::read_block(int fd, std::uint64_t index) {
  scratch_.resize(layout_.block_size());
  const std::span<std::byte> content = std::span{scratch_}.first(layout_.length(index));
  return read_at(fd, layout_.offset(index), content) ? std::optional{digest_of(content)} : std::nullopt;
}

// As a clone has, and what an interrupted transfer left of one. Nobody else writes to a part file.
bool partial_file::is_in_part(std::uint64_t index, const digest& claimed) {
  if (cloned_from_ && index >= *cloned_from_) return true;
  return part_has_data(index) && read_block(part_.get(), index) == claimed;
}

bool partial_file::part_has_data(std::uint64_t index) const {
  const auto offset = static_cast<off_t>(layout_.offset(index));
  return part_ && ::lseek(part_.get(), offset, SEEK_DATA) == offset;
}

result<bool> partial_file::keep(std::uint64_t index, const digest& claimed) {
  if (journaled_.get(index)) {
    // A hole at the end of the part file may not have been written at all.
    const std::uint64_t end = layout_.offset(index) + layout_.length(index);
    const bool is_unwritten_hole =
        layout_.offset(index) >= part_end_ && claimed == digest_of_zeros(layout_.length(index));
    if (part_ && (is_unwritten_hole || (end <= part_end_ && read_block(part_.get(), index) == claimed))) {
      if (in_place_) in_place_->on_changed({index, 1});
      return true;
    }
    journaled_.set(index, std::nullopt);
    return false;
  }
  if (in_place_) return true;  // that it is still what was claimed is seen at the end
  if (const result<void> opened = open_part(); !opened) return opened.error();
  if (!ahead_.has(index, claimed) && !is_in_part(index, claimed)) {
    if (!older_ || read_block(older_->fd.get(), index) != claimed) return false;
    if (const result<void> copied = put_content(index, read_content(index)); !copied) return copied.error();
  }
  ahead_.on_kept(index);
  note_block(index, claimed);
  return true;
}

// What is sent differs from the file that is there.
result<void> partial_file::check_replacing() const {
  if (!older_ || place_.options.on_conflict != conflict_policy::refuse) return {};
  return is_there_already(older_->path);
}

result<placed> partial_file::adopt() {
  const result<unique_fd> parent = open_parent(place_, older_->path);
  const bool still_there =
      parent && *parent && is_file_of(older_->fd.get(), parent->get(), std::string{leaf_of(older_->path)});
  if (!still_there || !is_unchanged(older_->fd.get(), older_->status)) return changed_meanwhile(item_.path);
  if (const result<void> set = touch(place_, older_->fd.get(), item_); !set) return set.error();
  if (const result<void> durable = make_durable(place_, older_->fd.get(), item_); !durable) return durable.error();
  if (const result<void> durable = make_name_durable(place_, older_->path); !durable) return durable.error();
  remove_files();
  return placed{older_->path, true};
}

result<placed> partial_file::change_older() {
  if (const result<void> opened = open_part(); !opened) return opened.error();
  // A hole at its end may not have been written at all.
  if (::ftruncate(part_.get(), static_cast<off_t>(item_.size)) != 0)
    return storage_error(errno, "write " + in_quotes(item_.path));
  // Should this be cut short, even by a power cut, what is missing then is here.
  if (const result<void> noted = checkpoint(); !noted) return noted.error();
  for (const int one : {part_.get(), journal_.get(), place_.unfinished.get()}) {
    if (const result<void> durable = make_durable(place_, one, item_); !durable) {
      remove_files();  // as in commit()
      return durable.error();
    }
  }
  if (const result<void> changed = in_place_->apply(part_.get()); !changed) return changed.error();
  if (const result<void> durable = make_name_durable(place_, older_->path); !durable) return durable.error();
  remove_files();
  return placed{older_->path, false};
}

}  // namespace tcptools::transfer
