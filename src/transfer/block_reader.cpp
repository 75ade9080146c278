#include "tcptools/transfer/block_reader.hpp"

#include <algorithm>
#include <utility>

#include "tcptools/transfer/limits.hpp"

namespace tcptools::transfer {
namespace {

// Runs of memory kept for reuse: no more are under way at a time than there are connections, and a few that wait.
constexpr std::size_t memory_kept = limits::most_connections + 5;

// Where the cache lacks one, it lacks more; each try costs what it had of the run.
constexpr unsigned reads_after_miss = 16;

bool may_have_holes(const source_item& item) noexcept { return item.item.allocated < item.item.size; }

// Such a file is read because it was asked for, and no FINISH will say that it stayed what it was.
bool fits_its_offer(const source_item& item) noexcept { return item.item.size <= limits::inline_content; }

// Makes a BLOCK frame of content that lies behind room for the header.
read_block finish_frame(std::uint32_t id, std::uint64_t index, std::span<std::byte> content) {
  const digest content_digest = digest_of(content);
  const auto header = encode_block_header(id, index, content_digest, content.size());
  std::byte* const begin = content.data() - block_header_size;
  std::ranges::copy(header, begin);
  return {index, content_digest, {begin, block_header_size + content.size()}};
}

}  // namespace

frame_memory frame_memory_pool::take(std::size_t size) {
  const auto free =
      std::ranges::find_if(kept_, [size](const kept& one) { return one.size == size && one.bytes.use_count() == 1; });
  if (free != kept_.end()) return free->bytes;
  std::erase_if(kept_, [size](const kept& one) { return one.size != size; });
  frame_memory fresh{new std::byte[size]};
  if (kept_.size() < memory_kept) kept_.push_back({fresh, size});
  return fresh;
}

std::size_t frame_memory_size(const block_layout& layout, frames::block_run blocks) noexcept {
  return static_cast<std::size_t>(blocks.count) * (block_header_size + layout.block_size());
}

read_small block_reader::read_whole(const source_item& item) {
  const auto failed = [](const error& why) { return read_small{why, {}}; };
  result<std::unique_ptr<source_file>> file = source_.open(item);
  if (!file) return failed(file.error());
  byte_buffer content(static_cast<std::size_t>(item.item.size));
  if (const result<void> got = (*file)->read(0, content); !got) return failed(got.error());
  if (const result<void> same = (*file)->check_unchanged(); !same) return failed(same.error());
  const digest content_digest = digest_of(content);
  return {content_digest, std::move(content)};
}

result<source_file*> block_reader::open(std::uint32_t id, const source_item& item) {
  std::unique_ptr<source_file>& file = files_[id];
  if (!file) {
    result<std::unique_ptr<source_file>> opened = source_.open(item);
    if (!opened) return opened.error();
    file = std::move(*opened);
  }
  return file.get();
}

read_run block_reader::read(std::uint32_t id, const source_item& item, const block_layout& layout,
                            frames::block_run blocks, frame_memory memory) {
  read_run run;
  const result<source_file*> file = open(id, item);
  if (!file) {
    run.end = file.error();
    return run;
  }
  const bool has_holes = may_have_holes(item);
  run.memory = std::move(memory);
  std::byte* at = run.memory.get();
  const std::uint64_t end = blocks.first + blocks.count;
  for (std::uint64_t index = blocks.first; index < end;) {
    const std::uint64_t hole_end = has_holes ? (*file)->hole_end(layout.offset(index)) : 0;
    std::uint64_t after = index;
    while (after < end && layout.offset(after) + layout.length(after) <= hole_end) ++after;
    if (after > index) {
      run.pieces.emplace_back(frames::block_run{index, after - index});
      index = after;
      continue;
    }
    const std::span<std::byte> content{at + block_header_size, layout.length(index)};
    if (run.end = (*file)->read(layout.offset(index), content); !run.end) return run;
    run.pieces.emplace_back(finish_frame(id, index, content));
    at += block_header_size + content.size();
    ++index;
  }
  if (fits_its_offer(item)) run.end = (*file)->check_unchanged();
  if (!run.end) run.pieces.clear();
  return run;
}

std::optional<read_run> block_reader::read_cached(std::uint32_t id, const source_item& item, const block_layout& layout,
                                                  frames::block_run blocks, frame_memory memory) {
  if (uncached_ > 0) {
    --uncached_;
    return std::nullopt;
  }
  const auto found = files_.find(id);
  if (found == files_.end() || may_have_holes(item) || fits_its_offer(item)) return std::nullopt;
  read_run run{{}, std::move(memory), {}};
  std::byte* at = run.memory.get();
  for (std::uint64_t index = blocks.first; index < blocks.first + blocks.count; ++index) {
    const std::span<std::byte> content{at + block_header_size, layout.length(index)};
    if (!found->second->read_cached(layout.offset(index), content)) {
      uncached_ = reads_after_miss;
      return std::nullopt;
    }
    run.pieces.emplace_back(finish_frame(id, index, content));
    at += block_header_size + content.size();
  }
  return run;
}

result<void> block_reader::check_unchanged(std::uint32_t id, const source_item& item) {
  const result<source_file*> file = open(id, item);
  if (!file) return file.error();
  return (*file)->check_unchanged();
}

}  // namespace tcptools::transfer
