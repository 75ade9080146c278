#include "tcptools/transfer/partial_file.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "tcptools/base/text.hpp"
#include "tcptools/transfer/limits.hpp"

namespace tcptools::transfer {
namespace {

constexpr int part_flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC;

// Bytes that the file system sets aside for a part file at a time: as many as have come, within these. A sender's word
// for how much will come costs little.
constexpr std::uint64_t least_reserved = std::uint64_t{4} << 20U;
constexpr std::uint64_t most_reserved = std::uint64_t{64} << 20U;

// btrfs compresses no file in which room was set aside.
bool is_on_btrfs(int fd) {
  struct statfs status{};
  return ::fstatfs(fd, &status) == 0 && status.f_type == BTRFS_SUPER_MAGIC;
}

// Enough for a clone of it to be worth it.
bool is_alike(const struct stat& older, const entry& item) {
  const auto size = static_cast<std::uint64_t>(older.st_size);
  return size / 2 <= item.size && item.size / 2 <= size;
}

}  // namespace

partial_file::partial_file(const store_place& place, const entry& item, std::optional<older_version> older)
    : place_{place},
      item_{item},
      layout_{item.size, item.block_log2},
      older_{std::move(older)},
      in_place_{in_place_change::of(place, item_, older_)},
      may_reserve_{!in_place_ && item.allocated == item.size && !is_on_btrfs(place.unfinished.get())},
      ahead_{item.allocated == item.size && !in_place_ ? older_blocks() : 0, item.block_log2},
      window_{place.options.fsync} {
  const std::string key = to_text(digest_of(as_bytes(place.prefix + item.path)));
  part_name_ = key + ".part";
  journal_name_ = key + ".journal";
}

result<std::unique_ptr<partial_file>> partial_file::open(const store_place& place, const entry& item,
                                                         std::optional<older_version> older) {
  std::unique_ptr<partial_file> file{new partial_file{place, item, std::move(older)}};
  const int directory = place.unfinished.get();
  for (;;) {
    unique_fd journal{::openat(directory, file->journal_name_.c_str(), part_flags, 0600)};
    if (!journal) return storage_error(errno, "open the journal of " + in_quotes(item.path));
    const lock_state lock = lock_file(journal.get());
    if (lock == lock_state::failed) return storage_error(errno, "lock the journal of " + in_quotes(item.path));
    if (lock == lock_state::taken) {
      return error{errc::busy, in_quotes(item.path) + " is being received from another sender"};
    }
    // The holder before may have removed the file between our open and our lock.
    if (!is_file_of(journal.get(), directory, file->journal_name_)) continue;
    file->journal_ = std::move(journal);
    break;
  }
  if (const result<void> read = file->read_journal(); !read) return read.error();
  if (const result<void> room = file->check_room_for_rest(); !room) return room.error();
  return file;
}

partial_file::~partial_file() {
  if (!journal_ || removed_) return;
  (void)checkpoint();
  if (reserved_end_ > part_end_) give_back();
  if (!resumable_) remove_files();
}

// Nothing is written for what is identical, little where it is changed, and what an interrupted transfer left is paid
// for.
result<void> partial_file::check_room_for_rest() const {
  if (adoptable()) return {};
  if (in_place_) return in_place_->check_room();
  struct stat part{};
  const bool has_part = part_ && ::fstat(part_.get(), &part) == 0;
  const std::uint64_t paid = has_part ? static_cast<std::uint64_t>(part.st_blocks) * 512 : 0;
  return check_room(place_, item_.allocated - std::min(item_.allocated, paid));
}

result<void> partial_file::read_journal() {
  struct stat status{};
  if (::fstat(journal_.get(), &status) != 0)
    return storage_error(errno, "read the journal of " + in_quotes(item_.path));
  byte_buffer bytes(static_cast<std::size_t>(std::min<std::uint64_t>(
      static_cast<std::uint64_t>(status.st_size), 2 * limits::blocks_per_file * journal_entry_size)));
  const journal_header header{item_.block_log2, place_.prefix + item_.path};
  const auto found = read_at(journal_.get(), 0, bytes) ? decode_journal(bytes) : std::nullopt;
  part_.reset(::openat(place_.unfinished.get(), part_name_.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
  // A file that was nearly in place has the mode it was to get.
  if (!part_ && errno == EACCES) (void)::unlinkat(place_.unfinished.get(), part_name_.c_str(), 0);
  struct stat part{};
  if (part_ && ::fstat(part_.get(), &part) == 0) {
    part_end_ = static_cast<std::uint64_t>(part.st_size);
    give_back();  // what a receiver that was killed had set aside
  }

  if (part_ && found && found->header == header) {
    for (const journal_entry& one : found->entries) take(one);
  }
  resumable_ = journaled_count_ > 0;
  if (resumable_ && found->intact) return {};

  // What is known is written anew, without what was damaged or torn.
  encode(header, unwritten_journal_);
  for (std::uint64_t index = 0; index < journaled_end_; ++index) {
    const std::optional<digest> claimed = journaled_.get(index);
    if (claimed) note({journal_entry::kind::block, index, layout_.length(index), *claimed});
  }
  if (::ftruncate(journal_.get(), 0) != 0) return storage_error(errno, "write the journal of " + in_quotes(item_.path));
  return checkpoint();
}

void partial_file::take(const journal_entry& one) {
  const std::uint64_t count = one.what == journal_entry::kind::hole ? one.extent : 1;
  if (one.first >= layout_.count() || count > layout_.count() - one.first) return;
  for (std::uint64_t index = one.first; index < one.first + count; ++index) {
    const std::size_t length = layout_.length(index);
    const bool is_hole = one.what == journal_entry::kind::hole;
    if (!is_hole && one.extent != length) continue;
    if (!journaled_.get(index)) ++journaled_count_;
    journaled_.set(index, is_hole ? digest_of_zeros(length) : one.content_digest);
    journaled_end_ = std::max(journaled_end_, index + 1);
  }
}

result<void> partial_file::open_part() {
  if (removed_) return storage_error(EIO, "write " + in_quotes(item_.path));  // it failed before
  if (part_) return {};
  part_.reset(::openat(place_.unfinished.get(), part_name_.c_str(), part_flags, 0600));
  if (!part_) return storage_error(errno, "make the part file of " + in_quotes(item_.path));
  if (older_ && !in_place_ && is_alike(older_->status, item_)) return clone_older();
  return {};
}

// Of what it shares with the older version nothing needs to be copied.
result<void> partial_file::clone_older() {
  if (!place_.options.clone(part_.get(), older_->fd.get())) return {};
  struct stat clone{};
  if (::fstat(part_.get(), &clone) != 0)
    return storage_error(errno, "look at the part file of " + in_quotes(item_.path));
  part_end_ = static_cast<std::uint64_t>(clone.st_size);
  may_reserve_ = false;
  cloned_from_ = claimed_end_;
  return {};
}

// Writing where the file system has set blocks aside costs less. Blocks may come in any order: little is set aside
// beyond what was written, whatever the order.
void partial_file::reserve(std::uint64_t offset, std::uint64_t length) {
  const std::uint64_t step = std::clamp(written_, std::max(least_reserved, length), most_reserved);
  if (!may_reserve_ || offset + length <= reserved_end_ || reserved_ > written_ + step) return;
  const std::uint64_t begin = std::max(reserved_end_, offset);
  const std::uint64_t size = std::min(item_.size - begin, step);
  may_reserve_ = check_room(place_, size) && ::fallocate(part_.get(), FALLOC_FL_KEEP_SIZE, static_cast<off_t>(begin),
                                                         static_cast<off_t>(size)) == 0;
  if (!may_reserve_) return give_back();
  reserved_end_ = begin + size;
  reserved_ += size;
}

// Blocks behind the end of a file go when it is cut where it ends.
void partial_file::give_back() const {
  if (!part_) return;
  [[maybe_unused]] const int failed = ::ftruncate(part_.get(), static_cast<off_t>(part_end_));
}

result<void> partial_file::put_content(std::uint64_t index, byte_view content) {
  if (const result<void> opened = open_part(); !opened) return opened;
  reserve(layout_.offset(index), content.size());
  if (const result<void> written = write_at(part_.get(), layout_.offset(index), content, item_); !written)
    return written;
  part_end_ = std::max(part_end_, layout_.offset(index) + content.size());
  written_ += content.size();
  if (const int failed = window_.on_write(part_.get(), layout_.offset(index), content.size()); failed != 0) {
    remove_files();  // what was read of it would come from memory
    return storage_error(failed, "write " + in_quotes(item_.path));
  }
  return window_.passed_mark() ? check_room(place_, 0) : result<void>{};
}

void partial_file::note_block(std::uint64_t index, const digest& content_digest) {
  note({journal_entry::kind::block, index, layout_.length(index), content_digest});
  resumable_ = true;
}

result<void> partial_file::write(std::uint64_t index, byte_view content, const digest& expected) {
  if (digest_of(content) != expected)
    return error{errc::verify_failed, "block " + std::to_string(index) + " of " + in_quotes(item_.path)};
  if (const result<void> allowed = check_replacing(); !allowed) return allowed;
  if (const result<void> put = put_content(index, content); !put) return put;
  if (in_place_) in_place_->on_changed({index, 1});
  ahead_.on_sent({index, 1});
  note_block(index, expected);
  return {};
}

result<void> partial_file::write_hole(std::uint64_t first, std::uint64_t count) {
  if (const result<void> allowed = check_replacing(); !allowed) return allowed;
  if (const result<void> opened = open_part(); !opened) return opened;
  const std::uint64_t begin = layout_.offset(first);
  const std::uint64_t end = std::min(layout_.offset(first + count), item_.size);
  if (std::exchange(may_reserve_, false) && reserved_end_ > part_end_) give_back();
  // Something is there if an earlier transfer left it, or if it was copied ahead.
  if (begin < part_end_) {
    const auto length = static_cast<off_t>(std::min(end, part_end_) - begin);
    const int failed =
        ::fallocate(part_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(begin), length);
    if (failed != 0) {
      const byte_buffer zeros(layout_.block_size());
      for (std::uint64_t at = begin; at < std::min(end, part_end_); at += zeros.size()) {
        const byte_view piece =
            byte_view{zeros}.first(static_cast<std::size_t>(std::min<std::uint64_t>(zeros.size(), end - at)));
        if (const result<void> written = write_at(part_.get(), at, piece, item_); !written) return written;
      }
    }
  }
  if (in_place_) in_place_->on_changed({first, count});
  ahead_.on_sent({first, count});
  note({journal_entry::kind::hole, first, count, {}});
  resumable_ = true;
  return {};
}

result<void> partial_file::checkpoint() {
  if (unwritten_journal_.empty()) return {};
  const byte_buffer bytes = std::exchange(unwritten_journal_, {});
  struct stat status{};
  if (::fstat(journal_.get(), &status) != 0)
    return storage_error(errno, "write the journal of " + in_quotes(item_.path));
  return write_at(journal_.get(), static_cast<std::uint64_t>(status.st_size), bytes, item_);
}

result<placed> partial_file::commit(std::uint64_t size) {
  if (in_place_) return change_older();
  if (const result<void> opened = open_part(); !opened) return opened.error();
  if (::ftruncate(part_.get(), static_cast<off_t>(size)) != 0)
    return storage_error(errno, "write " + in_quotes(item_.path));
  if (const result<void> set = set_metadata(part_.get(), item_); !set) return set.error();
  if (const result<void> durable = make_durable(place_, part_.get(), item_); !durable) {
    // What the system failed to write it takes for written the next time it is asked.
    remove_files();
    return durable.error();
  }
  parents directories{place_};
  const result<int> parent = directories.open(item_.path);
  if (!parent) return parent.error();
  const result<std::string> name = give_name(place_, part_name_, *parent, item_.path);
  if (!name) return name.error();
  remove_files();
  if (const result<void> durable = directories.sync(); !durable) return durable.error();
  return placed{*name, false};
}

void partial_file::discard() { remove_files(); }

void partial_file::remove_files() {
  if (std::exchange(removed_, true)) return;
  (void)::unlinkat(place_.unfinished.get(), part_name_.c_str(), 0);
  (void)::unlinkat(place_.unfinished.get(), journal_name_.c_str(), 0);
}

}  // namespace tcptools::transfer
