// What a partial file makes of an older version; the rest is in partial_file.cpp.
#include <fcntl.h>
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
namespace {

// It is the same file, with the same content as far as its times tell.
bool is_unchanged(int fd, const struct stat& before) {
  struct stat now{};
  const auto same = [](const timespec& a, const timespec& b) { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; };
  return ::fstat(fd, &now) == 0 && now.st_dev == before.st_dev && now.st_ino == before.st_ino &&
         now.st_size == before.st_size && same(now.st_mtim, before.st_mtim) && same(now.st_ctim, before.st_ctim);
}

error changed_meanwhile(const entry& item) {
  return error{errc::busy, in_quotes(item.path) + " was changed by somebody else while it was compared"};
}

}  // namespace

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
  scratch_.resize(layout_.block_size());
  const std::span<std::byte> content = std::span{scratch_}.first(layout_.length(index));
  if (!read_at(older_->fd.get(), layout_.offset(index), content)) return std::optional<digest>{};
  const digest found = digest_of(content);
  if (ahead_.wants(index)) {
    if (const result<void> copied = put_content(index, content); !copied) return copied.error();
    ahead_.on_copied(index, found);
  }
  return std::optional{found};
}

bool partial_file::reads_as(int fd, std::uint64_t index, const digest& claimed) {
  scratch_.resize(layout_.block_size());
  const std::span<std::byte> content = std::span{scratch_}.first(layout_.length(index));
  return read_at(fd, layout_.offset(index), content) && digest_of(content) == claimed;
}

result<bool> partial_file::keep(std::uint64_t index, const digest& claimed) {
  if (journaled_.get(index)) {
    // A hole at the end of the part file may not have been written at all.
    const std::uint64_t end = layout_.offset(index) + layout_.length(index);
    const bool is_unwritten_hole =
        layout_.offset(index) >= part_end_ && claimed == digest_of_zeros(layout_.length(index));
    if (part_ && (is_unwritten_hole || (end <= part_end_ && reads_as(part_.get(), index, claimed)))) return true;
    journaled_.set(index, std::nullopt);
    return false;
  }
  if (in_place_) {
    staying_.insert({index, 1});
    ++staying_count_;
    return true;
  }
  if (!ahead_.has(index, claimed)) {
    if (!older_ || !reads_as(older_->fd.get(), index, claimed)) return false;
    const result<void> copied = put_content(index, byte_view{scratch_}.first(layout_.length(index)));
    if (!copied) return copied.error();
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
  if (!still_there || !is_unchanged(older_->fd.get(), older_->status)) return changed_meanwhile(item_);
  if (const result<void> set = touch(place_, older_->fd.get(), item_); !set) return set.error();
  if (const result<void> durable = make_durable(place_, older_->fd.get(), item_); !durable) return durable.error();
  if (const result<void> durable = make_name_durable(place_, older_->path); !durable) return durable.error();
  remove_files();
  return placed{older_->path, true};
}

bool partial_file::may_change_older() const noexcept {
  const store_options& options = place_.options;
  return options.in_place && options.on_conflict == conflict_policy::replace && item_.allocated == item_.size &&
         older_ && older_->status.st_nlink == 1 && older_->status.st_uid == ::geteuid();
}

unique_fd partial_file::open_older_to_change() const {
  const bool most_stay = staying_count_ * 5 >= layout_.count() * 4;
  if (!in_place_ || !most_stay) return {};
  const result<unique_fd> parent = open_parent(place_, older_->path);
  if (!parent || !*parent) return {};
  unique_fd older{::openat(parent->get(), std::string{leaf_of(older_->path)}.c_str(),
                           O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
  if (!older || !is_unchanged(older.get(), older_->status)) older.reset();
  return older;
}

result<placed> partial_file::change_older(int older, std::uint64_t size) {
  // Should this be cut short, the part file has what is missing then.
  if (const result<void> noted = checkpoint(); !noted) return noted.error();
  bool touched = false;
  if (const result<void> written = write_changes(older, touched); !written) {
    if (!touched && ::ftruncate(older, older_->status.st_size) == 0) return written.error();
    return error{written.error().code(), written.error().text() + "; it is part old, part new until it is sent again"};
  }
  if (::ftruncate(older, static_cast<off_t>(size)) != 0) return storage_error(errno, "write " + in_quotes(item_.path));
  if (const result<void> set = set_metadata(older, item_); !set) return set.error();
  if (const result<void> durable = make_durable(place_, older, item_); !durable) {
    // What the system failed to write must not be read from memory when it is compared the next time.
    (void)::posix_fadvise(older, 0, 0, POSIX_FADV_DONTNEED);
    return durable.error();
  }
  if (const result<void> durable = make_name_durable(place_, older_->path); !durable) return durable.error();
  remove_files();
  return placed{older_->path, false};
}

// From the end: where a file that has grown finds no room nothing of what was there is touched yet.
result<void> partial_file::write_changes(int older, bool& touched) {
  if (const result<void> opened = open_part(); !opened) return opened;
  if (::ftruncate(part_.get(), static_cast<off_t>(item_.size)) != 0)
    return storage_error(errno, "write " + in_quotes(item_.path));
  scratch_.resize(layout_.block_size());
  for (std::uint64_t index = layout_.count(); index-- > 0;) {
    if (staying_.contains(index)) continue;
    const std::span<std::byte> content = std::span{scratch_}.first(layout_.length(index));
    if (!read_at(part_.get(), layout_.offset(index), content))
      return storage_error(EIO, "read the part file of " + in_quotes(item_.path));
    touched = touched || std::cmp_less(layout_.offset(index), older_->status.st_size);
    if (const result<void> written = write_at(older, layout_.offset(index), content, item_); !written) return written;
  }
  return {};
}

result<void> partial_file::copy_staying() {
  if (staying_count_ == 0) return {};
  if (const result<void> room = check_room(place_, staying_count_ << layout_.block_log2()); !room) return room;
  for (std::uint64_t index = 0; index < layout_.count(); ++index) {
    if (!staying_.contains(index)) continue;
    scratch_.resize(layout_.block_size());
    const std::span<std::byte> content = std::span{scratch_}.first(layout_.length(index));
    if (!read_at(older_->fd.get(), layout_.offset(index), content)) return changed_meanwhile(item_);
    if (const result<void> put = put_content(index, content); !put) return put;
    note_block(index, digest_of(content));
  }
  if (!is_unchanged(older_->fd.get(), older_->status)) return changed_meanwhile(item_);
  return {};
}

}  // namespace tcptools::transfer
