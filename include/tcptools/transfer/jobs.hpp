// What a receiving session asks of its store, and what the store answers. The machine makes jobs and takes results; the
// session carries them to the worker pool and back, one batch at a time and in order.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "tcptools/base/bytes.hpp"
#include "tcptools/base/result.hpp"
#include "tcptools/transfer/digest.hpp"
#include "tcptools/transfer/entry.hpp"
#include "tcptools/transfer/protocol.hpp"
#include "tcptools/transfer/store.hpp"

namespace tcptools::transfer {

// Received bytes and what keeps them in memory.
struct pinned_bytes {
  byte_view bytes;
  std::shared_ptr<const void> owner;
};

namespace jobs {

// store::put. → stored
struct put {
  std::uint32_t id = 0;
  entry item;
  pinned_bytes content;
  digest content_digest;
};
// store::find. → found
struct find {
  std::uint32_t id = 0;
  entry item;
  std::optional<digest> content_digest;  // nothing: by size and time
};
// store::make_directory or make_symlink. → stored
struct make {
  std::uint32_t id = 0;
  entry item;
};
// store::open. → opened
struct open {
  std::uint32_t id = 0;
  entry item;
};
// incoming::claim for some of these blocks, from the first on. → claimed
struct claim {
  std::uint32_t id = 0;
  frames::block_run blocks;
};
// incoming::keep, a digest a block. → kept
struct keep {
  std::uint32_t id = 0;
  std::uint64_t first = 0;
  std::vector<digest> claims;
};
// incoming::write. → written
struct write {
  std::uint32_t id = 0;
  std::uint64_t index = 0;
  pinned_bytes content;
  digest content_digest;
  std::size_t length = 0;   // of the block
  bool compressed = false;  // `content` is a zstd frame that makes it
};
// incoming::write_hole. → written_hole
struct write_hole {
  std::uint32_t id = 0;
  frames::block_run blocks;
};
// incoming::commit, the last that is asked of it. → stored
struct commit {
  std::uint32_t id = 0;
  std::uint64_t size = 0;
};
// incoming::adopt, the last that is asked of it. → stored
struct adopt {
  std::uint32_t id = 0;
};
// The end of this incoming without success. No result.
struct abandon {
  std::uint32_t id = 0;
  bool discard = false;  // nothing of it is worth keeping
};

}  // namespace jobs

using job = std::variant<jobs::put, jobs::find, jobs::make, jobs::open, jobs::claim, jobs::keep, jobs::write,
                         jobs::write_hole, jobs::commit, jobs::adopt, jobs::abandon>;

namespace job_results {

struct stored {
  std::uint32_t id = 0;
  result<placed> outcome;
};
struct found {
  std::uint32_t id = 0;
  result<std::optional<placed>> outcome;
};
struct opened {
  struct file {
    std::uint64_t checked = 0;
    bool adoptable = false;
  };
  std::uint32_t id = 0;
  result<file> outcome;
};
// At least one block, at most as many as were asked for.
struct claimed {
  std::uint32_t id = 0;
  std::uint64_t first = 0;
  result<std::vector<std::optional<digest>>> outcome;
};
// For each block, whether it is still what was claimed.
struct kept {
  std::uint32_t id = 0;
  std::uint64_t first = 0;
  result<std::vector<bool>> outcome;
};
struct written {
  std::uint32_t id = 0;
  std::uint64_t index = 0;
  std::size_t length = 0;
  result<void> outcome;
};
struct written_hole {
  std::uint32_t id = 0;
  frames::block_run blocks;
  result<void> outcome;
};

}  // namespace job_results

using job_result = std::variant<job_results::stored, job_results::found, job_results::opened, job_results::claimed,
                                job_results::kept, job_results::written, job_results::written_hole>;

}  // namespace tcptools::transfer
