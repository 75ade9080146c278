#include "tcptools/transfer/in_place.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "tcptools/base/text.hpp"
#include "tcptools/transfer/safe_path.hpp"

namespace tcptools::transfer {
namespace {

constexpr mode_t any_execute = S_IXUSR | S_IXGRP | S_IXOTH;
constexpr std::uint64_t bytes_per_stat_block = 512;

// Nobody else's, and writing into it needs no room.
bool is_plain(const struct stat& status) {
  return status.st_nlink == 1 && status.st_uid == ::geteuid() && (status.st_mode & S_IWUSR) != 0 &&
         (status.st_mode & any_execute) == 0 &&
         std::cmp_greater_equal(static_cast<std::uint64_t>(status.st_blocks) * bytes_per_stat_block, status.st_size);
}

// What most of a file would be written to is not worth writing it twice.
bool may_mostly_stay(const struct stat& older, const entry& item) {
  return static_cast<std::uint64_t>(older.st_size) / 4 >= item.size / 5;
}

}  // namespace

std::optional<in_place_change> in_place_change::of(const store_place& place, const entry& item,
                                                   const std::optional<older_version>& older) {
  const bool wanted = place.options.in_place && place.options.on_conflict == conflict_policy::replace;
  if (!wanted || !older || item.allocated != item.size) return std::nullopt;
  if (!is_plain(older->status) || !may_mostly_stay(older->status, item)) return std::nullopt;
  return in_place_change{place, item, *older};
}

void in_place_change::on_changed(frames::block_run blocks) {
  for (std::uint64_t index = blocks.first; index < blocks.first + blocks.count; ++index) changed_.insert({index, 1});
}

std::uint64_t in_place_change::growth() const noexcept {
  const auto size = static_cast<std::uint64_t>(older_.status.st_size);
  return item_.size > size ? item_.size - size : 0;
}

result<void> in_place_change::apply(int part) const {
  const result<unique_fd> file = open();
  if (!file) return file.error();
  if (const result<void> room = check_room(place_, growth()); !room) return room;
  bool touched = false;
  const result<void> written = write(file->get(), part, touched);
  if (written) return {};
  const mode_t mode = older_.status.st_mode & 07777U;
  if (!touched && ::ftruncate(file->get(), older_.status.st_size) == 0 && ::fchmod(file->get(), mode) == 0)
    return written;
  // Should the system have failed to write, what is compared the next time is read from the disk, not from memory.
  (void)::posix_fadvise(file->get(), 0, 0, POSIX_FADV_DONTNEED);
  return error{written.error().code(), written.error().text() + "; it is part old, part new until it is sent again"};
}

// The lock is for files that have two names, as by links to directories, or are below two receivers.
result<unique_fd> in_place_change::open() const {
  const result<unique_fd> parent = open_parent(place_, older_.path);
  if (!parent) return parent.error();
  unique_fd file{
      ::openat(parent->get(), std::string{leaf_of(older_.path)}.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
  if (!file && errno != ENOENT && errno != EBADF && errno != ELOOP)
    return storage_error(errno, "write into " + in_quotes(item_.path));
  if (!file || lock_file(file.get()) != lock_state::ours || !is_unchanged(file.get(), older_.status))
    return changed_meanwhile(item_.path);
  return file;
}

// From the end: where a file that has grown finds no room, nothing of what was there is touched yet.
result<void> in_place_change::write(int file, int part, bool& touched) const {
  // Whoever may not read the new version does not get to read it.
  const mode_t narrower = older_.status.st_mode & item_.mode & 0777U;
  if (::fchmod(file, narrower) != 0) return storage_error(errno, "set the mode of " + in_quotes(item_.path));
  const block_layout layout{item_.size, item_.block_log2};
  byte_buffer buffer(layout.block_size());
  for (std::uint64_t index = layout.count(); index-- > 0;) {
    if (!changed_.contains(index)) continue;
    const std::span<std::byte> content = std::span{buffer}.first(layout.length(index));
    if (!read_at(part, layout.offset(index), content))
      return storage_error(EIO, "read the part file of " + in_quotes(item_.path));
    touched = touched || std::cmp_less(layout.offset(index), older_.status.st_size);
    if (const result<void> put = write_at(file, layout.offset(index), content, item_); !put) return put;
  }
  touched = true;
  if (::ftruncate(file, static_cast<off_t>(item_.size)) != 0)
    return storage_error(errno, "write " + in_quotes(item_.path));
  if (const result<void> durable = make_durable(place_, file, item_); !durable) return durable;
  if (const result<void> set = set_metadata(file, item_); !set) return set;
  return make_durable(place_, file, item_);
}

}  // namespace tcptools::transfer
