#include "tcptools/transfer/in_place.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <utility>

#include "tcptools/base/text.hpp"
#include "tcptools/transfer/safe_path.hpp"

namespace tcptools::transfer {
namespace {

constexpr mode_t any_execute = S_IXUSR | S_IXGRP | S_IXOTH;
constexpr mode_t owner_access = S_IRUSR | S_IWUSR;
constexpr std::uint64_t bytes_per_stat_block = 512;

// Nobody else's, and what is written into it takes no further room.
bool is_plain(const struct stat& status) {
  return status.st_nlink == 1 && status.st_uid == ::geteuid() && (status.st_mode & S_IWUSR) != 0 &&
         (status.st_mode & any_execute) == 0 &&
         std::cmp_greater_equal(static_cast<std::uint64_t>(status.st_blocks) * bytes_per_stat_block, status.st_size);
}

// What is new is written twice: where that is most of it, replacing the file costs less.
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

// One by one: of a run with a block that is there already the set would take none.
void in_place_change::on_changed(frames::block_run blocks) {
  for (std::uint64_t index = blocks.first; index < blocks.first + blocks.count; ++index) changed_.insert({index, 1});
}

result<void> in_place_change::check_room() const {
  const std::uint64_t more = growth();
  return more == 0 ? result<void>{} : transfer::check_room(place_, more);
}

std::uint64_t in_place_change::growth() const noexcept {
  const auto size = static_cast<std::uint64_t>(older_.status.st_size);
  return item_.size > size ? item_.size - size : 0;
}

result<void> in_place_change::apply(int part) const {
  const result<unique_fd> file = open();
  if (!file) return file.error();
  if (const result<void> room = make_room(file->get()); !room) return room;
  if (const result<void> narrowed = narrow_mode(file->get()); !narrowed) return narrowed;
  const result<void> written = write(file->get(), part);
  if (written) return {};
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
  const bool is_replaced = errno == ENOENT || errno == ELOOP || errno == ENXIO || errno == EISDIR || errno == EBADF;
  if (!file && !is_replaced) return storage_error(errno, "write into " + in_quotes(item_.path));
  if (!file) return changed_meanwhile(item_.path);
  const lock_state lock = lock_file(file.get());
  if (lock == lock_state::failed) return storage_error(errno, "lock " + in_quotes(item_.path));
  if (lock == lock_state::taken) return error{errc::busy, in_quotes(item_.path) + " is locked by another program"};
  if (!is_unchanged(file.get(), older_.status)) return changed_meanwhile(item_.path);
  return file;
}

// All of it before anything is written. Where the file system sets nothing aside, a lack shows in the middle.
result<void> in_place_change::make_room(int file) const {
  if (growth() == 0) return {};
  if (const result<void> room = check_room(); !room) return room;
  const struct stat& before = older_.status;
  const auto more = static_cast<off_t>(growth());
  const bool is_set_aside = ::fallocate(file, FALLOC_FL_KEEP_SIZE, before.st_size, more) == 0;
  const bool is_lacking = errno == ENOSPC || errno == EDQUOT || errno == EFBIG || errno == EIO;
  if (is_set_aside || !is_lacking) return {};
  const error failed = storage_error(errno, "make room for " + in_quotes(item_.path));
  const std::array<timespec, 2> times{before.st_atim, before.st_mtim};
  [[maybe_unused]] const bool is_as_before =
      ::ftruncate(file, before.st_size) == 0 && ::futimens(file, times.data()) == 0;
  return failed;
}

// Whoever may not read the new version does not get to read it.
result<void> in_place_change::narrow_mode(int file) const {
  const mode_t narrower = older_.status.st_mode & (item_.mode | owner_access) & 0777U;
  if (::fchmod(file, narrower) == 0) return {};
  return storage_error(errno, "set the mode of " + in_quotes(item_.path));
}

result<void> in_place_change::write(int file, int part) const {
  const block_layout layout{item_.size, item_.block_log2};
  byte_buffer buffer(layout.block_size());
  for (std::uint64_t index = 0; index < layout.count(); ++index) {
    if (!changed_.contains(index)) continue;
    const std::span<std::byte> content = std::span{buffer}.first(layout.length(index));
    if (!read_at(part, layout.offset(index), content))
      return storage_error(EIO, "read the part file of " + in_quotes(item_.path));
    if (const result<void> put = write_at(file, layout.offset(index), content, item_); !put) return put;
  }
  if (::ftruncate(file, static_cast<off_t>(item_.size)) != 0)
    return storage_error(errno, "write " + in_quotes(item_.path));
  // The content first: no time and mode of the new version without it.
  if (const result<void> durable = make_durable(place_, file, item_); !durable) return durable;
  if (const result<void> set = set_metadata(file, item_); !set) return set;
  return make_durable(place_, file, item_);
}

}  // namespace tcptools::transfer
