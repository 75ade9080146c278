// The store on disk: files below one directory, unfinished ones in its .tcpsend. docs/storage.md.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "tcptools/transfer/beneath.hpp"
#include "tcptools/transfer/store.hpp"

namespace tcptools::transfer {

// What becomes of a different file of the same name. An identical one is always recognized and left in place.
enum class conflict_policy : std::uint8_t {
  replace,
  keep_both,  // the new one becomes NAME.1, NAME.2, ...
  refuse,
};

// Makes an empty file share the blocks of another, if the file system can (btrfs, XFS); ioctl_ficlone(2).
[[nodiscard]] bool clone_file(int to, int from) noexcept;

struct store_options {
  conflict_policy on_conflict = conflict_policy::replace;
  bool fsync = true;  // false: "in place" instead of "durable"
  std::uint64_t max_file_size = std::uint64_t{1} << 40U;
  std::uint64_t min_free = std::uint64_t{64} << 20U;  // of the file system, bytes
  resolution paths = resolution::automatic;
  bool in_place = false;       // a large file is written into, not replaced
  bool keep_existing = false;  // what is there already keeps mode and time, too, unless it is a directory made here
  bool (*clone)(int to, int from) noexcept = clone_file;  // another one in tests
};

// Directories below the root of which something is known. Bounded: it may be forgotten. Any thread.
class known_directories {
 public:
  [[nodiscard]] bool contains(const std::string& path);
  void add(const std::string& path);

 private:
  static constexpr std::size_t most = 100'000;

  std::mutex mutex_;
  std::set<std::string> paths_;
};

// What the store and its unfinished files share.
struct store_place {
  beneath root;
  unique_fd unfinished;  // the directory .tcpsend
  store_options options;
  std::string prefix;  // of the root, seen from the directory that .tcpsend is in: "" or "SUB/"
  // They were made durable, with all that is above them; they were made here. Since the store was opened.
  std::unique_ptr<known_directories> durable = std::make_unique<known_directories>();
  std::unique_ptr<known_directories> made = std::make_unique<known_directories>();
};

class disk_store final : public store {
 public:
  // Fails with errc::usage if the directory is missing, is none or cannot be written. Removes what a receiver that was
  // killed left of small files.
  [[nodiscard]] static result<std::unique_ptr<disk_store>> open(const std::filesystem::path& directory,
                                                                store_options options);

  [[nodiscard]] result<std::unique_ptr<incoming>> open(const entry& item) override;
  [[nodiscard]] std::vector<result<placed>> put(std::span<const small_file> files) override;
  [[nodiscard]] std::vector<result<std::optional<placed>>> find(std::span<const promised_file> files) override;
  [[nodiscard]] result<placed> make_directory(const entry& item) override;
  [[nodiscard]] result<placed> make_symlink(const entry& item) override;
  [[nodiscard]] result<std::shared_ptr<store>> narrowed(const session_rights& rights) override;
  [[nodiscard]] std::uint64_t largest_file() const override { return place_.options.max_file_size; }

 private:
  // The path it has now.
  [[nodiscard]] result<std::string> put_symlink(const entry& item, int parent);

  // What a store for these rights, or none, stands on.
  [[nodiscard]] result<store_place> narrow(const std::string& directory, bool no_replace) const;

  explicit disk_store(store_place place) : place_{std::move(place)} {}

  static constexpr std::size_t most_idle_views = 64;

  store_place place_;
  std::mutex views_mutex_;
  std::map<std::pair<std::string, bool>, std::shared_ptr<disk_store>> views_;  // by directory and no_replace
};

}  // namespace tcptools::transfer
