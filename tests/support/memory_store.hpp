// A store in memory, as disk_store is on disk: what an interrupted transfer had is kept and claimed by the next one, and a
// path is held by one transfer at a time. Operations can be made to fail and blocks to be damaged. May be used from several
// threads.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tcptools/transfer/store.hpp"

namespace tcptools::transfer::testing {

// What lies under a path.
struct memory_entry {
  entry_kind kind = entry_kind::file;  // a stream becomes a file
  byte_buffer content;
  std::uint16_t mode = 0644;
  timestamp modified;
  std::string target;

  friend bool operator==(const memory_entry&, const memory_entry&) = default;
};

// Set by the store when something is placed in a directory, as a file system does.
inline constexpr timestamp touched{-1, 0};

class memory_store final : public store {
 public:
  explicit memory_store(std::uint64_t largest_file = 1U << 24U) : largest_file_{largest_file} {}

  [[nodiscard]] result<std::unique_ptr<incoming>> open(const entry& item) override;
  [[nodiscard]] std::vector<result<placed>> put(std::span<const small_file> files) override;
  [[nodiscard]] result<std::optional<placed>> find(const entry& item, const digest& content_digest) override;
  [[nodiscard]] result<placed> make_directory(const entry& item) override;
  [[nodiscard]] result<placed> make_symlink(const entry& item) override;
  [[nodiscard]] std::uint64_t largest_file() const override { return largest_file_; }

  // For tests.
  void place(const std::string& path, memory_entry what);
  [[nodiscard]] std::optional<memory_entry> at(const std::string& path) const;
  [[nodiscard]] std::map<std::string, memory_entry> everything() const;
  // How many blocks of interrupted transfers are kept.
  [[nodiscard]] std::size_t kept_blocks() const;
  // The content of what is kept, but not what its journal says of it, changes.
  void spoil_kept_blocks();
  // How often something was asked of the store or of an incoming file.
  [[nodiscard]] std::uint64_t operations() const;
  // The operation of this number (the next one is operations() + 1) fails.
  void fail_operation(std::uint64_t number, errc code);
  // The block or small file of this number, counted from 1 as they are written, arrives damaged.
  void damage_write(std::uint64_t number);

 private:
  friend class memory_incoming;

  struct block {
    byte_buffer content;
    digest as_written;
  };
  // An interrupted transfer.
  struct part {
    unsigned block_log2 = 0;
    std::map<std::uint64_t, block> blocks;
  };

  // All with the lock held.
  [[nodiscard]] std::optional<error> trouble();
  [[nodiscard]] bool arrives_damaged() { return damaged_writes_.contains(++writes_); }
  [[nodiscard]] std::optional<error> conflict(const entry& item) const;
  result<placed> put_in_place(const entry& item, byte_buffer content, bool unchanged);

  mutable std::mutex lock_;
  std::uint64_t largest_file_;
  std::map<std::string, memory_entry> entries_;
  std::map<std::string, part> parts_;
  std::set<std::string> held_;
  std::uint64_t operations_ = 0;
  std::map<std::uint64_t, errc> failures_;
  std::uint64_t writes_ = 0;
  std::set<std::uint64_t> damaged_writes_;
};

class memory_incoming final : public incoming {
 public:
  memory_incoming(memory_store& owner, entry item, memory_store::part found, std::optional<byte_buffer> older);
  ~memory_incoming() override;

  [[nodiscard]] std::uint64_t checked() const override { return checked_; }
  [[nodiscard]] bool adoptable() const override;
  [[nodiscard]] result<std::optional<digest>> claim(std::uint64_t index) override;
  [[nodiscard]] result<bool> keep(std::uint64_t index, const digest& claimed) override;
  [[nodiscard]] result<void> write(std::uint64_t index, byte_view content, const digest& expected) override;
  [[nodiscard]] result<void> write_hole(std::uint64_t first, std::uint64_t count) override;
  [[nodiscard]] result<void> checkpoint() override;
  [[nodiscard]] result<placed> commit(std::uint64_t size) override;
  [[nodiscard]] result<placed> adopt() override;
  void discard() override { worthless_ = true; }

 private:
  [[nodiscard]] byte_view older_block(std::uint64_t index) const;

  memory_store& store_;
  entry item_;
  block_layout layout_;
  memory_store::part found_;  // by an interrupted transfer, not yet kept
  std::optional<byte_buffer> older_;
  std::uint64_t checked_ = 0;
  std::map<std::uint64_t, memory_store::block> written_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> holes_;
  bool worthless_ = false;
  bool placed_ = false;
};

}  // namespace tcptools::transfer::testing
