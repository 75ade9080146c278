// A disk_store on a directory of its own, and what a session does with it.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/frames.hpp"
#include "support/temp_dir.hpp"
#include "tcptools/transfer/disk_store.hpp"

namespace tcptools::testing {

// Four blocks and a part of a fifth.
inline constexpr std::size_t some_size = 4 * smallest_block + 100;

// Nothing is waited for, and a full disk is no obstacle.
inline transfer::store_options quick_options(
    transfer::conflict_policy on_conflict = transfer::conflict_policy::replace) {
  transfer::store_options options;
  options.on_conflict = on_conflict;
  options.fsync = false;
  options.min_free = 0;
  return options;
}

// How many blocks of a transfer were there already, and how it ended.
struct completed {
  std::uint64_t kept = 0;
  std::uint64_t sent = 0;
  result<transfer::placed> outcome = error{errc::cancelled};
};

// The rest of a transfer, as a sender of `content` makes it: what is claimed rightly is kept, the rest sent.
inline completed complete(transfer::incoming& file, const transfer::entry& item, const byte_buffer& content) {
  completed all;
  const transfer::block_layout layout{content.size(), item.block_log2};
  for (std::uint64_t index = 0; index < layout.count(); ++index) {
    const byte_view block = block_of(content, index, layout.block_size());
    const transfer::digest wanted = transfer::digest_of(block);
    if (index < file.checked()) {
      const auto claimed = file.claim(index);
      REQUIRE(claimed);
      if (*claimed == wanted) {
        const auto kept = file.keep(index, wanted);
        REQUIRE(kept);
        if (*kept) {
          ++all.kept;
          continue;
        }
      }
    }
    ++all.sent;
    if (const auto written = file.write(index, block, wanted); !written) {
      all.outcome = written.error();
      return all;
    }
  }
  REQUIRE(file.checkpoint());
  all.outcome = file.commit(content.size());
  return all;
}

// What a store has of one file that is promised; without a digest, by its size and time.
inline result<std::optional<transfer::placed>> look_up(transfer::store& store, const transfer::entry& item,
                                                       const std::optional<transfer::digest>& content_digest) {
  const transfer::promised_file file{&item, content_digest};
  std::vector<result<std::optional<transfer::placed>>> outcomes = store.find({&file, 1});
  REQUIRE(outcomes.size() == 1);
  return std::move(outcomes[0]);
}

// Changes a file where it is, as others do.
inline void overwrite(const std::string& path, std::uint64_t offset, const std::string& content) {
  std::fstream file{path, std::ios::binary | std::ios::in | std::ios::out};
  file.seekp(static_cast<std::streamoff>(offset));
  file << content;
}

class store_rig {
 public:
  explicit store_rig(transfer::store_options chosen = quick_options()) : options{chosen} {
    std::filesystem::create_directory(dir / "in");
    reopen();
  }

  // The receiver is started anew.
  void reopen() {
    store.reset();
    auto opened = transfer::disk_store::open(dir / "in", options);
    REQUIRE(opened);
    store = std::move(*opened);
  }
  void use(transfer::conflict_policy on_conflict) {
    options.on_conflict = on_conflict;
    reopen();
  }

  [[nodiscard]] result<transfer::placed> put(const transfer::entry& item, byte_view content) const {
    const transfer::small_file file{&item, content, transfer::digest_of(content)};
    std::vector<result<transfer::placed>> outcomes = store->put({&file, 1});
    REQUIRE(outcomes.size() == 1);
    return std::move(outcomes[0]);
  }
  [[nodiscard]] result<transfer::placed> put(const std::string& path, const std::string& content) const {
    return put(file_entry(path, content.size()), as_bytes(content));
  }
  [[nodiscard]] std::unique_ptr<transfer::incoming> open(const transfer::entry& item) const {
    auto file = store->open(item);
    if (!file) FAIL(file.error().text());
    return std::move(*file);
  }
  // A file of any size in one session.
  [[nodiscard]] completed send(const transfer::entry& item, const byte_buffer& content) const {
    const auto file = open(item);
    return complete(*file, item, content);
  }

  // Paths in the receiver's directory.
  [[nodiscard]] std::string operator/(const std::string& relative) const { return dir / ("in/" + relative); }
  [[nodiscard]] std::string read(const std::string& relative) const { return dir.read("in/" + relative); }
  [[nodiscard]] bool holds(const std::string& relative, const byte_buffer& content) const {
    return read(relative) == as_text(content);
  }
  std::string write(const std::string& relative, std::string_view content) const {
    return dir.write("in/" + relative, content);
  }
  [[nodiscard]] bool exists(const std::string& relative) const {
    return std::filesystem::exists(std::filesystem::symlink_status(*this / relative));
  }
  [[nodiscard]] struct stat status(const std::string& relative) const {
    struct stat found{};
    if (::lstat((*this / relative).c_str(), &found) != 0) FAIL("no " << relative);
    return found;
  }
  [[nodiscard]] unsigned mode(const std::string& relative) const { return status(relative).st_mode & 07777U; }
  [[nodiscard]] transfer::timestamp modified(const std::string& relative) const {
    const struct stat found = status(relative);
    return {found.st_mtim.tv_sec, static_cast<std::uint32_t>(found.st_mtim.tv_nsec)};
  }

  // The names of what is unfinished.
  [[nodiscard]] static std::string part_of(const std::string& path) { return key_of(path) + ".part"; }
  [[nodiscard]] static std::string journal_of(const std::string& path) { return key_of(path) + ".journal"; }
  [[nodiscard]] std::size_t unfinished() const {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& one : std::filesystem::directory_iterator{*this / ".tcpsend"}) ++count;
    return count;
  }

  temp_dir dir;
  transfer::store_options options;
  std::unique_ptr<transfer::disk_store> store;

 private:
  [[nodiscard]] static std::string key_of(const std::string& path) {
    return ".tcpsend/" + transfer::to_text(transfer::digest_of(as_bytes(path)));
  }
};

// A new file, or a different one in the place of another.
inline bool is_new(const result<transfer::placed>& outcome, const std::string& path) {
  return outcome && outcome->path == path && !outcome->unchanged;
}
// An identical one was there.
inline bool is_unchanged(const result<transfer::placed>& outcome, const std::string& path) {
  return outcome && outcome->path == path && outcome->unchanged;
}
template <class Outcome>
bool failed_with(const Outcome& outcome, errc code) {
  return !outcome && outcome.error().code() == code;
}

}  // namespace tcptools::testing
