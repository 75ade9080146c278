// The store on disk: files below one directory, unfinished ones in its .tcpsend. docs/storage.md.
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "tcptools/transfer/beneath.hpp"
#include "tcptools/transfer/store.hpp"

namespace tcptools::transfer {

// What becomes of a different file of the same name. An identical one is always recognized and left in place.
enum class conflict_policy : std::uint8_t {
  replace,
  keep_both,  // the new one becomes NAME.1, NAME.2, ...
  refuse,
};

struct store_options {
  conflict_policy on_conflict = conflict_policy::replace;
  bool fsync = true;  // false: "in place" instead of "durable"
  std::uint64_t max_file_size = std::uint64_t{1} << 40U;
  std::uint64_t min_free = std::uint64_t{64} << 20U;  // of the file system, bytes
  resolution paths = resolution::automatic;
};

// Directories below the root that were made durable, with all that is above them, since the store was opened. Any
// thread.
class durable_directories {
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
  std::unique_ptr<durable_directories> durable = std::make_unique<durable_directories>();
};

class disk_store final : public store {
 public:
  // Fails with errc::usage if the directory is missing, is none or cannot be written. Removes what a receiver that was
  // killed left of small files.
  [[nodiscard]] static result<std::unique_ptr<disk_store>> open(const std::filesystem::path& directory,
                                                                store_options options);

  [[nodiscard]] result<std::unique_ptr<incoming>> open(const entry& item) override;
  [[nodiscard]] std::vector<result<placed>> put(std::span<const small_file> files) override;
  [[nodiscard]] result<std::optional<placed>> find(const entry& item, const digest& content_digest) override;
  [[nodiscard]] result<placed> make_directory(const entry& item) override;
  [[nodiscard]] result<placed> make_symlink(const entry& item) override;
  [[nodiscard]] std::uint64_t largest_file() const override { return place_.options.max_file_size; }

 private:
  // The path it has now.
  [[nodiscard]] result<std::string> put_symlink(const entry& item, int parent);

  explicit disk_store(store_place place) : place_{std::move(place)} {}

  store_place place_;
};

}  // namespace tcptools::transfer
