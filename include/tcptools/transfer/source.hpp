// What is sent: the sender's side of the operating system, behind an interface with an in-memory fake for tests.
// disk_source is the real one. All functions block; the sender calls them on the worker pool, one at a time per object.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tcptools/base/bytes.hpp"
#include "tcptools/base/result.hpp"
#include "tcptools/transfer/entry.hpp"

namespace tcptools::transfer {

// What tells a file from another of the same name, size and modification time, and from itself after a change that
// hides.
struct file_identity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  timestamp changed;  // ctime

  friend bool operator==(const file_identity&, const file_identity&) = default;
};

// One thing to send, as it was found.
struct source_item {
  std::string origin;  // where it is on this side, as the user knows it
  entry item;
  file_identity identity;
  std::uint64_t token = 0;  // the source's own handle for it
};

// What a walk found where it could not find an entry: a file that cannot be read, a link that is skipped.
struct source_trouble {
  std::string origin;
  error what;
  bool only_a_warning = false;  // does not count as a file that was not delivered
};

struct source_batch {
  std::vector<source_item> items;
  std::vector<source_trouble> troubles;
  bool last = false;  // there is nothing after this batch
};

// A file that is open for reading.
class source_file {
 public:
  source_file() = default;
  source_file(const source_file&) = delete;
  source_file& operator=(const source_file&) = delete;
  virtual ~source_file() = default;

  // Fills `into` from `offset` bytes into the file. Fails with errc::source_changed if the file ends before, with
  // errc::source_unreadable otherwise.
  [[nodiscard]] virtual result<void> read(std::uint64_t offset, std::span<std::byte> into) = 0;

  // The same from memory alone: false, and nothing is known of `into`, where that is not possible without waiting.
  [[nodiscard]] virtual bool read_cached(std::uint64_t offset, std::span<std::byte> into) = 0;

  // Where the hole at `offset` ends, or `offset` itself if there is data. The end of the file counts as data.
  [[nodiscard]] virtual std::uint64_t hole_end(std::uint64_t offset) = 0;

  // Fails with errc::source_changed unless the file is, in size, times and identity, what it was when it was offered. A
  // success means that nothing was written since open(), except through a memory mapping that was dirty by then; for
  // files that fit their offer (limits::inline_content) also except within one tick of the file system's clock, which
  // is too coarse to show it. open() lets that tick pass for larger files.
  [[nodiscard]] virtual result<void> check_unchanged() = 0;
};

// Input of unknown length, read once from start to end.
class source_stream {
 public:
  source_stream() = default;
  source_stream(const source_stream&) = delete;
  source_stream& operator=(const source_stream&) = delete;
  virtual ~source_stream() = default;

  // At most `into.size()` bytes, at least one; 0 at the end; nothing if none came within `patience`.
  [[nodiscard]] virtual result<std::optional<std::size_t>> read_some(std::span<std::byte> into,
                                                                     std::chrono::milliseconds patience) = 0;
};

class source {
 public:
  source() = default;
  source(const source&) = delete;
  source& operator=(const source&) = delete;
  virtual ~source() = default;

  // The next entries, at most `most`, children before their directory. A batch may be empty, since a call looks at no
  // more than `most` names. Called until `last`.
  [[nodiscard]] virtual source_batch next(std::size_t most) = 0;

  // Fails with errc::source_missing, source_unreadable, or source_changed (it is not the file that next() found).
  [[nodiscard]] virtual result<std::unique_ptr<source_file>> open(const source_item& item) = 0;
  // In addition, an item's stream can be opened only once: what was read from it is gone.
  [[nodiscard]] virtual result<std::unique_ptr<source_stream>> open_stream(const source_item& item) = 0;

  // Removes a delivered file or link from this side. Fails with errc::source_changed, and removes nothing, if it is no
  // longer the one that was sent. Directories and streams stay.
  [[nodiscard]] virtual result<void> remove(const source_item& item) = 0;
};

}  // namespace tcptools::transfer
