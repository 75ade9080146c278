// The steps that all kinds of entries share on their way to their name: is there room, what is there already, metadata,
// the name itself.
#pragma once

#include <sys/stat.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "tcptools/base/result.hpp"
#include "tcptools/base/unique_fd.hpp"
#include "tcptools/transfer/disk_store.hpp"
#include "tcptools/transfer/entry.hpp"

namespace tcptools::transfer {

// Something that has an entry's name already, or with keep-both the newest of NAME, NAME.1, ...
struct named_version {
  std::string path;
  struct stat status{};
};

// A regular file among these, open.
struct older_version {
  std::string path;
  unique_fd fd;
  struct stat status{};
};

// Fails with errc::storage_full if fewer than min_free bytes would be left after `more` bytes.
[[nodiscard]] result<void> check_room(const store_place& place, std::uint64_t more);

// Nothing where there is none. Fails with errc::conflict if a directory has the name itself.
[[nodiscard]] result<std::optional<named_version>> newest_version(const store_place& place, int parent,
                                                                  const std::string& path);

// Nothing where there is none. Fails as newest_version() does, and with the policy `refuse` if what is there cannot be
// identical to what is offered.
[[nodiscard]] result<std::optional<older_version>> find_older(const store_place& place, const entry& item);
// The same in the directory that the path's last component is in; -1: it is missing.
[[nodiscard]] result<std::optional<older_version>> find_older(const store_place& place, int parent, const entry& item);
// The same in two steps: a regular file is looked at, and opened if it still is one.
[[nodiscard]] result<std::optional<named_version>> look_at_older(const store_place& place, int parent,
                                                                 const entry& item);
[[nodiscard]] std::optional<older_version> open_older(int parent, named_version found);

// What the policy `refuse` says.
[[nodiscard]] error is_there_already(const std::string& path);

// It is the same file, with the same content as far as its size and times tell.
[[nodiscard]] bool is_unchanged(int fd, const struct stat& before);
// errc::busy: it is not.
[[nodiscard]] error changed_meanwhile(const std::string& path);

// Mode and time of an open file, unless they are right already.
[[nodiscard]] result<void> set_metadata(int fd, const entry& item);

// The same for what was there before, unless the store is to leave that as it is.
[[nodiscard]] result<void> touch(const store_place& place, int fd, const entry& item);
[[nodiscard]] result<void> touch(const store_place& place, const older_version& older, const entry& item);

// fsync, unless the store is told not to.
[[nodiscard]] result<void> make_durable(const store_place& place, int fd, const entry& item);

// Takes a file's lock without waiting; `failed` leaves errno.
enum class lock_state : std::uint8_t { ours, taken, failed };
[[nodiscard]] lock_state lock_file(int fd);

// This open file is the one that has this name.
[[nodiscard]] bool is_file_of(int fd, int directory, const std::string& name);

// A file of .tcpsend that is removed unless it gets its name. Locked, so that nobody takes it for an orphan.
class temporary_file {
 public:
  [[nodiscard]] static result<temporary_file> create(const store_place& place);

  temporary_file(temporary_file&& other) noexcept = default;
  temporary_file& operator=(temporary_file&&) = delete;
  ~temporary_file();

  [[nodiscard]] int get() const noexcept { return fd_.get(); }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  // Mode and time. Called once.
  [[nodiscard]] result<void> set_metadata(const entry& item) const;
  // It has been renamed.
  void release() noexcept { name_.clear(); }

 private:
  temporary_file(int directory, unique_fd fd, std::string name)
      : directory_{directory}, fd_{std::move(fd)}, name_{std::move(name)} {}

  int directory_;
  unique_fd fd_;
  std::string name_;
};

// A name in .tcpsend that nobody has.
[[nodiscard]] std::string temporary_name();

// Fails with errc::name_rejected if this open directory is .tcpsend, to which a link may lead.
[[nodiscard]] result<void> check_not_own(const store_place& place, int directory, std::string_view path);

// Opens the directory that this path's last component is in. With `made` missing directories are made, and it is set if
// there were any. Fails as check_not_own() and storage_error() say; nothing if it is missing and not to be made.
[[nodiscard]] result<unique_fd> open_parent(const store_place& place, std::string_view path, bool* made = nullptr);

// Directories that many files of one batch go to: each is opened once, and made durable once.
class parents {
 public:
  enum class purpose : std::uint8_t { place, leave };  // something in them is changed, or is to be durable as it is

  explicit parents(const store_place& place) noexcept : place_{place} {}

  // Of this path, until the next is opened; missing directories are made.
  [[nodiscard]] result<int> open(std::string_view path, purpose what = purpose::place);
  // The same to look into; nothing is made, or made durable, for that. -1: it is missing.
  [[nodiscard]] result<int> look(std::string_view path);
  // Everything in them is durable, and their own names are. Does nothing without fsync.
  [[nodiscard]] result<void> sync();

 private:
  struct directory {
    unique_fd fd;
    bool looked_at_only = false;
    bool changed = false;
    std::string path_in_it;
  };

  directory* find(std::string_view above);
  int add(std::string_view above, directory one);
  void sync_open();

  const store_place& place_;
  std::map<std::string, directory, std::less<>> open_;
  std::optional<error> failed_;
};

// What has been there before survives a power cut: its directory is durable.
[[nodiscard]] result<void> make_name_durable(const store_place& place, const std::string& path);

// Gives a file of .tcpsend its name, as the policy has it; the name it got.
[[nodiscard]] result<std::string> give_name(const store_place& place, const std::string& unfinished, int parent,
                                            const std::string& path);

// Removes the temporary files of receivers that are gone.
void remove_orphans(const store_place& place);

// Reads exactly, at an offset. False: the file ended, or errno.
[[nodiscard]] bool read_at(int fd, std::uint64_t offset, std::span<std::byte> into);
// Writes all, at an offset.
[[nodiscard]] result<void> write_at(int fd, std::uint64_t offset, byte_view content, const entry& item);

}  // namespace tcptools::transfer
