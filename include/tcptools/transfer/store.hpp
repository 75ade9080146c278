// Where received entries go: the receiver's side of the operating system, behind an interface with an in-memory fake
// for tests. disk_store is the real one. All functions block; sessions call them on the worker pool.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tcptools/base/bytes.hpp"
#include "tcptools/base/result.hpp"
#include "tcptools/transfer/digest.hpp"
#include "tcptools/transfer/entry.hpp"
#include "tcptools/transfer/session_rights.hpp"

namespace tcptools::transfer {

// An entry that is in place under its name, durable where the store was asked for that.
struct placed {
  std::string path;        // relative to the store; differs from the entry's where conflicts keep both
  bool unchanged = false;  // an identical file was there: only mode and time were set
};

// A file or stream on its way in. Used by one job at a time. Its destructor keeps what a later transfer can resume
// (nothing, of a stream). The lock is let go of by the destructor, or before, once the file is in place.
class incoming {
 public:
  incoming() = default;
  incoming(const incoming&) = delete;
  incoming& operator=(const incoming&) = delete;
  virtual ~incoming() = default;

  // How many blocks, counted from the first, claim() can be asked about. 0 for a stream.
  [[nodiscard]] virtual std::uint64_t checked() const = 0;

  // Every block's claim comes from an older version of the file, which has the offered size: if all blocks are to be
  // kept, adopt() is enough.
  [[nodiscard]] virtual bool adoptable() const = 0;

  // The digest of what is there for a block: as the journal of an interrupted transfer has it (unread, keep() verifies
  // it), or computed from the older version. Nothing where there is nothing usable. May copy the block, for a keep() to
  // come, and fails only if that does: then write() would. Precondition: index < checked().
  [[nodiscard]] virtual result<std::optional<digest>> claim(std::uint64_t index) = 0;

  // Makes a block part of the new content as it was claimed: read, verified, and copied if it comes from the older
  // version, unless claim() has done that already; where the older version is changed in place, it stays there, and
  // commit() looks whether it is still what was claimed. False: it is no longer what was claimed; the block counts as
  // missing.
  [[nodiscard]] virtual result<bool> keep(std::uint64_t index, const digest& claimed) = 0;

  // The content of a block. Fails with errc::verify_failed, and writes nothing, if it is not what `expected` says. A
  // stream's last block may be written again, longer.
  [[nodiscard]] virtual result<void> write(std::uint64_t index, byte_view content, const digest& expected) = 0;

  // `count` blocks from `first` are zero bytes; stored as holes where the file system has them.
  [[nodiscard]] virtual result<void> write_hole(std::uint64_t first, std::uint64_t count) = 0;

  // What was written so far is known to a later resumption even if this process dies now. Cheap; called after every
  // few batches.
  [[nodiscard]] virtual result<void> checkpoint() = 0;

  // Metadata, durability and the name, in this order, or the changes in place. Precondition: every block of `size`
  // bytes was written or kept.
  [[nodiscard]] virtual result<placed> commit(std::uint64_t size) = 0;

  // The older version is the offered file: sets its mode and time. Precondition: adoptable(), and nothing was written.
  [[nodiscard]] virtual result<placed> adopt() = 0;

  // Nothing of this transfer is worth keeping.
  virtual void discard() = 0;
};

// A file that came whole, with its offer. The views outlive the call.
struct small_file {
  const entry* item = nullptr;
  byte_view content;
  digest content_digest;  // of `content`; verified by put()
};

// A file that is offered by its digest alone or, without one, by its size and time. The view outlives the call.
struct promised_file {
  const entry* item = nullptr;
  std::optional<digest> content_digest;
};

class store {
 public:
  store() = default;
  store(const store&) = delete;
  store& operator=(const store&) = delete;
  virtual ~store() = default;

  // Preconditions for all: the entry's path passed check_path(). Errors are those a sender is told: busy (another
  // transfer of the same path holds the lock), conflict, too_large, name_rejected, storage_*.

  // For kinds file (not empty) and stream.
  [[nodiscard]] virtual result<std::unique_ptr<incoming>> open(const entry& item) = 0;

  // One answer a file, in order. Files of one call share their directory syncs; none is reported before it is durable.
  [[nodiscard]] virtual std::vector<result<placed>> put(std::span<const small_file> files) = 0;

  // Files that are there already and have this size and content, or this size and time, whatever is in them: their mode
  // and time are set. Nothing, if there is none. One answer a file, in order; they share their directories as in put().
  [[nodiscard]] virtual std::vector<result<std::optional<placed>>> find(std::span<const promised_file> files) = 0;

  [[nodiscard]] virtual result<placed> make_directory(const entry& item) = 0;
  [[nodiscard]] virtual result<placed> make_symlink(const entry& item) = 0;

  // This store as a session with these rights may see it: below their directory alone, which is made if it is missing,
  // and without replacing anything where they say so. Of one path there is one lock, whatever it is seen from. It may
  // outlive this store.
  [[nodiscard]] virtual result<std::shared_ptr<store>> narrowed(const session_rights& rights) = 0;

  // Files larger than this are refused; what WELCOME announces.
  [[nodiscard]] virtual std::uint64_t largest_file() const = 0;
};

}  // namespace tcptools::transfer
