// A source in memory, as disk_source is on disk. Its files can change, be unreadable or end in the middle of being
// sent.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tcptools/transfer/source.hpp"

namespace tcptools::testing {

class memory_source final : public transfer::source {
 public:
  // Bytes of a file that are a hole; they read as zeros.
  struct hole {
    std::uint64_t first = 0;
    std::uint64_t end = 0;
  };

  // Adds an entry at the end. Of files `size` and `allocated` are set; what is in a hole becomes zero.
  void add(transfer::entry item, byte_buffer content = {}, std::vector<hole> holes = {});

  [[nodiscard]] transfer::source_batch next(std::size_t most) override;
  [[nodiscard]] result<std::unique_ptr<transfer::source_file>> open(const transfer::source_item& item) override;
  [[nodiscard]] result<std::unique_ptr<transfer::source_stream>> open_stream(
      const transfer::source_item& item) override;
  [[nodiscard]] result<void> remove(const transfer::source_item& item) override;

  // For tests; an entry's token is its place, from 0.
  [[nodiscard]] std::size_t size() const noexcept { return nodes_.size(); }
  [[nodiscard]] const transfer::entry& item(std::size_t token) const { return nodes_[token].item; }
  // As it was added, whatever became of it.
  [[nodiscard]] const byte_buffer& content(std::size_t token) const { return nodes_[token].offered; }
  [[nodiscard]] bool removed(std::size_t token) const { return nodes_[token].removed; }
  // One byte becomes another one, in holes too.
  void change(std::size_t token, std::size_t offset) {
    node& one = nodes_[token];
    one.now.at(offset) ^= std::byte{0x55};
    std::erase_if(one.holes, [offset](const hole& gap) { return gap.first <= offset && offset < gap.end; });
    one.changed = true;
  }
  [[nodiscard]] bool changed(std::size_t token) const { return nodes_[token].changed; }
  // Everything that is read from it fails.
  void make_unreadable(std::size_t token) { nodes_[token].unreadable = true; }

 private:
  struct node {
    transfer::entry item;
    byte_buffer offered;
    byte_buffer now;
    std::vector<hole> holes;
    bool changed = false;
    bool unreadable = false;
    bool stream_opened = false;
    bool removed = false;
  };

  class file final : public transfer::source_file {
   public:
    explicit file(const node& what) noexcept : node_{what} {}

    [[nodiscard]] result<void> read(std::uint64_t offset, std::span<std::byte> into) override {
      if (node_.unreadable) return error{errc::source_unreadable, "made to fail"};
      if (node_.now.size() < offset + into.size()) return error{errc::source_changed};
      std::copy_n(node_.now.begin() + static_cast<std::ptrdiff_t>(offset), into.size(), into.begin());
      return {};
    }
    [[nodiscard]] bool read_cached(std::uint64_t offset, std::span<std::byte> into) override {
      return read(offset, into).has_value();
    }
    [[nodiscard]] std::uint64_t hole_end(std::uint64_t offset) override {
      for (const hole& gap : node_.holes) {
        if (gap.first <= offset && offset < gap.end) return gap.end;
      }
      return offset;
    }
    [[nodiscard]] result<void> check_unchanged() override {
      if (node_.changed) return error{errc::source_changed};
      return {};
    }

   private:
    const node& node_;
  };

  class stream final : public transfer::source_stream {
   public:
    explicit stream(const node& what) noexcept : node_{what} {}

    [[nodiscard]] result<std::optional<std::size_t>> read_some(std::span<std::byte> into,
                                                               std::chrono::milliseconds /*patience*/) override {
      if (node_.unreadable) return error{errc::source_unreadable, "made to fail"};
      const std::size_t count = std::min(into.size(), node_.now.size() - at_);
      std::copy_n(node_.now.begin() + static_cast<std::ptrdiff_t>(at_), count, into.begin());
      at_ += count;
      return std::optional{count};
    }

   private:
    const node& node_;
    std::size_t at_ = 0;
  };

  std::deque<node> nodes_;  // open files refer to them
  std::size_t next_ = 0;
};

inline void memory_source::add(transfer::entry item, byte_buffer content, std::vector<hole> holes) {
  if (item.kind == transfer::entry_kind::file) {
    item.size = item.allocated = content.size();
    for (const hole& gap : holes) {
      std::fill(content.begin() + static_cast<std::ptrdiff_t>(gap.first),
                content.begin() + static_cast<std::ptrdiff_t>(gap.end), std::byte{0});
      item.allocated -= gap.end - gap.first;
    }
  }
  nodes_.push_back({std::move(item), content, content, std::move(holes)});
}

inline transfer::source_batch memory_source::next(std::size_t most) {
  transfer::source_batch batch;
  for (; next_ < nodes_.size() && batch.items.size() < most; ++next_) {
    transfer::source_item found;
    found.origin = "/memory/" + nodes_[next_].item.path;
    found.item = nodes_[next_].item;
    found.token = next_;
    batch.items.push_back(std::move(found));
  }
  batch.last = next_ == nodes_.size();
  return batch;
}

inline result<std::unique_ptr<transfer::source_file>> memory_source::open(const transfer::source_item& item) {
  const node& one = nodes_.at(item.token);
  if (one.removed) return error{errc::source_missing};
  if (one.unreadable) return error{errc::source_unreadable, "made to fail"};
  if (one.changed) return error{errc::source_changed};
  return std::unique_ptr<transfer::source_file>{std::make_unique<file>(one)};
}

inline result<std::unique_ptr<transfer::source_stream>> memory_source::open_stream(const transfer::source_item& item) {
  node& one = nodes_.at(item.token);
  if (std::exchange(one.stream_opened, true)) return error{errc::source_unreadable, "it was read before"};
  return std::unique_ptr<transfer::source_stream>{std::make_unique<stream>(one)};
}

inline result<void> memory_source::remove(const transfer::source_item& item) {
  node& one = nodes_.at(item.token);
  if (one.changed) return error{errc::source_changed};
  one.removed = true;
  return {};
}

}  // namespace tcptools::testing
