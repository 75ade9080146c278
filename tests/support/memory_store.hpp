// A store in memory, as disk_store is on disk: what an interrupted transfer had is kept and claimed by the next one,
// and a path is held by one transfer at a time. Operations can be made to fail and blocks to arrive damaged. A
// precondition that a caller breaks is a std::logic_error. May be used from several threads.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tcptools/transfer/store.hpp"

namespace tcptools::testing {

// What lies under a path.
struct memory_entry {
  transfer::entry_kind kind = transfer::entry_kind::file;  // a stream becomes a file
  byte_buffer content;
  std::uint16_t mode = 0644;
  transfer::timestamp modified;
  std::string target;

  friend bool operator==(const memory_entry&, const memory_entry&) = default;
};

// The time of a directory in which something was placed after it was set.
inline constexpr transfer::timestamp touched{-1, 0};

class memory_store final : public transfer::store {
 public:
  explicit memory_store(std::uint64_t largest_file = 1U << 24U) : largest_file_{largest_file} {}

  [[nodiscard]] result<std::unique_ptr<transfer::incoming>> open(const transfer::entry& item) override;
  [[nodiscard]] std::vector<result<transfer::placed>> put(std::span<const transfer::small_file> files) override;
  [[nodiscard]] std::vector<result<std::optional<transfer::placed>>> find(
      std::span<const transfer::promised_file> files) override;
  [[nodiscard]] result<transfer::placed> make_directory(const transfer::entry& item) override { return make(item); }
  [[nodiscard]] result<transfer::placed> make_symlink(const transfer::entry& item) override { return make(item); }
  [[nodiscard]] std::uint64_t largest_file() const override { return largest_file_; }
  // A store of its own for each directory.
  [[nodiscard]] result<std::shared_ptr<transfer::store>> narrowed(const transfer::session_rights& rights) override {
    const std::scoped_lock lock{lock_};
    std::shared_ptr<memory_store>& view = views_[rights.directory];
    if (!view) view = std::make_shared<memory_store>(largest_file_);
    return std::shared_ptr<transfer::store>{view};
  }

  // For tests.
  [[nodiscard]] std::shared_ptr<memory_store> view(const std::string& directory) const {
    const std::scoped_lock lock{lock_};
    const auto found = views_.find(directory);
    return found == views_.end() ? nullptr : found->second;
  }
  void place(const std::string& path, memory_entry what) {
    const std::scoped_lock lock{lock_};
    entries_[path] = std::move(what);
  }
  [[nodiscard]] std::map<std::string, memory_entry> entries() const {
    const std::scoped_lock lock{lock_};
    return entries_;
  }
  // The blocks that are kept of interrupted transfers.
  [[nodiscard]] std::size_t kept_blocks() const {
    const std::scoped_lock lock{lock_};
    std::size_t blocks = 0;
    for (const auto& [path, one] : parts_) blocks += one.blocks.size();
    return blocks;
  }
  // What is kept changes, but not what its journal says of it.
  void spoil_kept_blocks() {
    const std::scoped_lock lock{lock_};
    for (auto& [path, one] : parts_) {
      for (auto& [index, kept] : one.blocks) kept.content.front() ^= std::byte{1};
    }
  }
  // How often something was asked of the store or of an incoming file.
  [[nodiscard]] std::uint64_t operations() const {
    const std::scoped_lock lock{lock_};
    return operations_;
  }
  // The operation of this number fails; the next one is operations() + 1.
  void fail_operation(std::uint64_t number, errc code) {
    const std::scoped_lock lock{lock_};
    failures_.insert_or_assign(number, code);
  }
  // A disk that hangs: blocks are not written until let_go().
  void hold() {
    const std::scoped_lock lock{hold_lock_};
    is_held_ = true;
  }
  // One that takes long to close a file that is in place.
  void hold_closing() {
    const std::scoped_lock lock{hold_lock_};
    is_closing_held_ = true;
  }
  void let_go() {
    const std::scoped_lock lock{hold_lock_};
    is_held_ = is_closing_held_ = false;
    hold_ended_.notify_all();
  }
  // Somebody waits to write or to close.
  [[nodiscard]] bool is_waited_for() const {
    const std::scoped_lock lock{hold_lock_};
    return held_up_ > 0;
  }
  // How many files that are in place were closed.
  [[nodiscard]] unsigned closed() const {
    const std::scoped_lock lock{hold_lock_};
    return closed_;
  }
  // The block or small file of this number arrives damaged; they are counted from 1 as they are written.
  void damage_write(std::uint64_t number) {
    const std::scoped_lock lock{lock_};
    damaged_writes_.insert(number);
  }

 private:
  friend class memory_incoming;

  void wait_while(const bool& held) {
    std::unique_lock lock{hold_lock_};
    ++held_up_;
    hold_ended_.wait(lock, [&held] { return !held; });
    --held_up_;
  }
  void note_closed() {
    const std::scoped_lock lock{hold_lock_};
    ++closed_;
  }

  mutable std::mutex hold_lock_;
  std::condition_variable hold_ended_;
  bool is_held_ = false;
  bool is_closing_held_ = false;
  int held_up_ = 0;
  unsigned closed_ = 0;

  struct block {
    byte_buffer content;
    transfer::digest as_written;
  };
  // An interrupted transfer.
  struct part {
    unsigned block_log2 = 0;
    std::map<std::uint64_t, block> blocks;
  };

  // All with the lock held.
  [[nodiscard]] std::optional<error> trouble() {
    const auto failure = failures_.find(++operations_);
    return failure == failures_.end() ? std::nullopt : std::optional{error{failure->second, "made to fail"}};
  }
  [[nodiscard]] bool arrives_damaged() { return damaged_writes_.contains(++writes_); }
  [[nodiscard]] std::optional<error> conflict(const transfer::entry& item) const;
  [[nodiscard]] const memory_entry* file_at(const std::string& path) const {
    const auto found = entries_.find(path);
    return found != entries_.end() && found->second.kind == transfer::entry_kind::file ? &found->second : nullptr;
  }
  void put_in_place(const transfer::entry& item, byte_buffer content);
  [[nodiscard]] transfer::placed set_metadata(const transfer::entry& item) {
    entries_[item.path].mode = item.mode;
    entries_[item.path].modified = item.modified;
    return {item.path, true};
  }
  [[nodiscard]] result<transfer::placed> put_one(const transfer::small_file& file);
  [[nodiscard]] result<std::optional<transfer::placed>> find_one(const transfer::promised_file& file);
  [[nodiscard]] result<transfer::placed> make(const transfer::entry& item);

  mutable std::mutex lock_;
  std::uint64_t largest_file_;
  std::map<std::string, memory_entry> entries_;
  std::map<std::string, part> parts_;
  std::set<std::string> held_;  // paths
  std::map<std::string, std::shared_ptr<memory_store>> views_;
  std::uint64_t operations_ = 0;
  std::map<std::uint64_t, errc> failures_;
  std::uint64_t writes_ = 0;
  std::set<std::uint64_t> damaged_writes_;
};

class memory_incoming final : public transfer::incoming {
 public:
  // With the owner's lock held.
  memory_incoming(memory_store& owner, const transfer::entry& item);
  ~memory_incoming() override;

  [[nodiscard]] std::uint64_t checked() const override { return checked_; }
  [[nodiscard]] bool adoptable() const override {
    return found_.blocks.empty() && older_ && older_->size() == item_.size && checked_ > 0;
  }
  [[nodiscard]] result<std::optional<transfer::digest>> claim(std::uint64_t index) override;
  [[nodiscard]] result<bool> keep(std::uint64_t index, const transfer::digest& claimed) override;
  [[nodiscard]] result<void> write(std::uint64_t index, byte_view content, const transfer::digest& expected) override;
  [[nodiscard]] result<void> write_hole(std::uint64_t first, std::uint64_t count) override;
  [[nodiscard]] result<void> checkpoint() override;
  [[nodiscard]] result<transfer::placed> commit(std::uint64_t size) override;
  [[nodiscard]] result<transfer::placed> adopt() override;
  void discard() override { worthless_ = true; }

 private:
  static void require(bool holds, const char* what) {
    if (!holds) throw std::logic_error{what};
  }
  // What an interrupted transfer or an older version has there; nothing if it has another length.
  [[nodiscard]] const memory_store::block* found_block(std::uint64_t index) const;
  [[nodiscard]] std::optional<byte_view> older_block(std::uint64_t index) const;

  memory_store& store_;
  transfer::entry item_;
  transfer::block_layout layout_;
  memory_store::part found_;  // by an interrupted transfer
  std::optional<byte_buffer> older_;
  std::uint64_t checked_ = 0;
  std::map<std::uint64_t, memory_store::block> written_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> holes_;  // first, count
  bool worthless_ = false;
  bool placed_ = false;
};

inline std::optional<error> memory_store::conflict(const transfer::entry& item) const {
  const auto other = [](const char* what) { return error{errc::conflict, what}; };
  for (std::size_t slash = item.path.find('/'); slash != std::string::npos; slash = item.path.find('/', slash + 1)) {
    const auto above = entries_.find(item.path.substr(0, slash));
    if (above != entries_.end() && above->second.kind != transfer::entry_kind::directory) {
      return other("something on the way is not a directory");
    }
  }
  const auto here = entries_.find(item.path);
  if (here == entries_.end()) return std::nullopt;
  const bool replaceable =
      here->second.kind == item.kind || (item.kind == transfer::entry_kind::stream && file_at(item.path));
  return replaceable ? std::nullopt : std::optional{other("something else has this name")};
}

inline void memory_store::put_in_place(const transfer::entry& item, byte_buffer content) {
  for (std::size_t slash = item.path.find('/'); slash != std::string::npos; slash = item.path.find('/', slash + 1)) {
    memory_entry& above = entries_[item.path.substr(0, slash)];
    above.kind = transfer::entry_kind::directory;
    above.modified = touched;
  }
  const bool becomes_file = item.kind == transfer::entry_kind::stream;
  entries_[item.path] = {becomes_file ? transfer::entry_kind::file : item.kind, std::move(content), item.mode,
                         item.modified, item.target};
}

inline result<transfer::placed> memory_store::put_one(const transfer::small_file& file) {
  if (auto failed = trouble()) return *failed;
  const transfer::entry& item = *file.item;
  if (auto other = conflict(item)) return *other;
  if (held_.contains(item.path)) return error{errc::busy};
  if (arrives_damaged() || transfer::digest_of(file.content) != file.content_digest) return error{errc::verify_failed};
  const memory_entry* const before = file_at(item.path);
  if (before != nullptr && transfer::digest_of(before->content) == file.content_digest) return set_metadata(item);
  put_in_place(item, {file.content.begin(), file.content.end()});
  return transfer::placed{item.path, false};
}

inline std::vector<result<transfer::placed>> memory_store::put(std::span<const transfer::small_file> files) {
  const std::scoped_lock lock{lock_};
  std::vector<result<transfer::placed>> answers;
  for (const transfer::small_file& one : files) answers.push_back(put_one(one));
  return answers;
}

inline result<std::optional<transfer::placed>> memory_store::find_one(const transfer::promised_file& file) {
  if (auto failed = trouble()) return *failed;
  const memory_entry* const before = file_at(file.item->path);
  const bool has_size = before != nullptr && before->content.size() == file.item->size;
  const bool same = has_size && (file.content_digest ? transfer::digest_of(before->content) == file.content_digest
                                                     : before->modified == file.item->modified);
  if (!same) return std::optional<transfer::placed>{};
  return std::optional{set_metadata(*file.item)};
}

inline std::vector<result<std::optional<transfer::placed>>> memory_store::find(
    std::span<const transfer::promised_file> files) {
  const std::scoped_lock lock{lock_};
  std::vector<result<std::optional<transfer::placed>>> answers;
  for (const transfer::promised_file& one : files) answers.push_back(find_one(one));
  return answers;
}

inline result<transfer::placed> memory_store::make(const transfer::entry& item) {
  const std::scoped_lock lock{lock_};
  if (auto failed = trouble()) return *failed;
  if (auto other = conflict(item)) return *other;
  const auto before = entries_.find(item.path);
  if (before != entries_.end() && before->second.target == item.target) return set_metadata(item);
  put_in_place(item, {});
  return transfer::placed{item.path, false};
}

inline result<std::unique_ptr<transfer::incoming>> memory_store::open(const transfer::entry& item) {
  const std::scoped_lock lock{lock_};
  if (auto failed = trouble()) return *failed;
  if (auto other = conflict(item)) return *other;
  if (!held_.insert(item.path).second) return error{errc::busy};
  return std::unique_ptr<transfer::incoming>{std::make_unique<memory_incoming>(*this, item)};
}

inline memory_incoming::memory_incoming(memory_store& owner, const transfer::entry& item)
    : store_{owner}, item_{item}, layout_{item.size, item.block_log2} {
  if (item.kind == transfer::entry_kind::stream) return;
  if (const auto part = store_.parts_.find(item.path); part != store_.parts_.end()) {
    if (part->second.block_log2 == item.block_log2) found_ = std::move(part->second);
    store_.parts_.erase(part);
  }
  if (const memory_entry* const before = store_.file_at(item.path)) older_ = before->content;
  if (older_) checked_ = transfer::block_layout{older_->size(), item.block_log2}.count();
  if (!found_.blocks.empty()) checked_ = std::max(checked_, found_.blocks.rbegin()->first + 1);
  checked_ = std::min(checked_, layout_.count());
}

inline memory_incoming::~memory_incoming() {
  if (placed_) {
    store_.wait_while(store_.is_closing_held_);
    store_.note_closed();
    return;
  }
  const std::scoped_lock lock{store_.lock_};
  store_.held_.erase(item_.path);
  if (worthless_ || item_.kind == transfer::entry_kind::stream) return;
  found_.block_log2 = item_.block_log2;
  for (auto& [index, one] : written_) found_.blocks.insert_or_assign(index, std::move(one));
  if (!found_.blocks.empty()) store_.parts_[item_.path] = std::move(found_);
}

inline const memory_store::block* memory_incoming::found_block(std::uint64_t index) const {
  const auto found = found_.blocks.find(index);
  const bool fits = found != found_.blocks.end() && found->second.content.size() == layout_.length(index);
  return fits ? &found->second : nullptr;
}

inline std::optional<byte_view> memory_incoming::older_block(std::uint64_t index) const {
  const std::size_t length = layout_.length(index);
  if (!older_ || older_->size() < layout_.offset(index) + length) return std::nullopt;
  return byte_view{*older_}.subspan(static_cast<std::size_t>(layout_.offset(index)), length);
}

inline result<std::optional<transfer::digest>> memory_incoming::claim(std::uint64_t index) {
  require(index < checked_, "claim of a block that is not checked");
  const std::scoped_lock lock{store_.lock_};
  if (auto failed = store_.trouble()) return *failed;
  if (const auto* found = found_block(index)) return std::optional{found->as_written};
  if (const auto older = older_block(index)) return std::optional{transfer::digest_of(*older)};
  return std::optional<transfer::digest>{};
}

inline result<bool> memory_incoming::keep(std::uint64_t index, const transfer::digest& claimed) {
  const std::scoped_lock lock{store_.lock_};
  if (auto failed = store_.trouble()) return *failed;
  byte_buffer content;
  if (const auto* found = found_block(index)) {
    content = found->content;
  } else if (const auto older = older_block(index)) {
    content.assign(older->begin(), older->end());
  }
  if (content.empty() || transfer::digest_of(content) != claimed) return false;
  written_[index] = {std::move(content), claimed};
  return true;
}

inline result<void> memory_incoming::write(std::uint64_t index, byte_view content, const transfer::digest& expected) {
  store_.wait_while(store_.is_held_);
  const std::scoped_lock lock{store_.lock_};
  if (auto failed = store_.trouble()) return *failed;
  if (store_.arrives_damaged() || transfer::digest_of(content) != expected) return error{errc::verify_failed};
  written_[index] = {{content.begin(), content.end()}, expected};
  return {};
}

inline result<void> memory_incoming::write_hole(std::uint64_t first, std::uint64_t count) {
  const std::scoped_lock lock{store_.lock_};
  if (auto failed = store_.trouble()) return *failed;
  require(first + count <= layout_.count(), "a hole outside of the file");
  holes_.emplace_back(first, count);
  return {};
}

inline result<void> memory_incoming::checkpoint() {
  const std::scoped_lock lock{store_.lock_};
  if (auto failed = store_.trouble()) return *failed;
  return {};
}

inline result<transfer::placed> memory_incoming::commit(std::uint64_t size) {
  const std::scoped_lock lock{store_.lock_};
  if (auto failed = store_.trouble()) return *failed;
  require(size <= store_.largest_file_, "commit of more than the store takes");
  require(item_.kind == transfer::entry_kind::stream || size == item_.size, "commit of another size than was offered");
  const transfer::block_layout layout{size, item_.block_log2};
  std::uint64_t there = written_.size();
  for (const auto& [first, count] : holes_) there += count;
  require(there == layout.count(), "commit of a file with blocks missing or written twice");
  byte_buffer content(static_cast<std::size_t>(size));
  for (const auto& [index, one] : written_) {
    require(index < layout.count() && one.content.size() == layout.length(index),
            "commit of a block of a wrong length");
    std::copy(one.content.begin(), one.content.end(),
              content.begin() + static_cast<std::ptrdiff_t>(layout.offset(index)));
  }
  store_.put_in_place(item_, std::move(content));
  store_.held_.erase(item_.path);
  placed_ = true;
  return transfer::placed{item_.path, false};
}

inline result<transfer::placed> memory_incoming::adopt() {
  const std::scoped_lock lock{store_.lock_};
  require(adoptable() && written_.empty() && holes_.empty(), "adopt of what is not as it was");
  if (auto failed = store_.trouble()) return *failed;
  store_.held_.erase(item_.path);
  placed_ = true;
  return store_.set_metadata(item_);
}

}  // namespace tcptools::testing
