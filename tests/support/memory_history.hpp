// A history in memory, as history_file is on disk: commits are recorded, applied, and can be made to fail. A batch that
// does not fit to what is there is a std::logic_error, for the machine under test has made it. May be used from several
// threads.
#pragma once

#include <algorithm>
#include <cstddef>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "tcptools/chat/history_store.hpp"

namespace tcptools::testing {

class memory_history final : public chat::history_store {
 public:
  memory_history() = default;
  // One that a server has left.
  explicit memory_history(chat::history_contents contents) : contents_{std::move(contents)} {}

  [[nodiscard]] result<void> commit(const chat::history_batch& batch) override;

  // The next `times` commits fail, each with nothing done; 0: none does any more.
  void fail(errc cause, std::size_t times = 1) {
    const std::scoped_lock lock{lock_};
    cause_ = cause;
    failures_ = times;
  }

  // All batches that were committed, and those that failed.
  [[nodiscard]] std::vector<chat::history_batch> committed() const { return locked(committed_); }
  [[nodiscard]] std::vector<chat::history_batch> refused() const { return locked(refused_); }
  // What the next server would load.
  [[nodiscard]] chat::history_contents contents() const { return locked(contents_); }

 private:
  template <class Value>
  Value locked(const Value& value) const {
    const std::scoped_lock lock{lock_};
    return value;
  }

  static std::logic_error misfit(const std::string& what, const std::string& room) {
    return std::logic_error{"memory_history: " + what + " in room '" + room + "'"};
  }

  static auto find(chat::history_contents& contents, std::string_view name) {
    return std::ranges::find(contents.rooms, name, &chat::stored_room::name);
  }
  static void add(chat::history_contents& contents, const chat::stored_message& message);
  static void sort_keys(chat::history_contents& contents);

  mutable std::mutex lock_;
  chat::history_contents contents_;
  std::vector<chat::history_batch> committed_;
  std::vector<chat::history_batch> refused_;
  errc cause_ = errc::storage_failed;
  std::size_t failures_ = 0;
};

inline result<void> memory_history::commit(const chat::history_batch& batch) {
  const std::scoped_lock lock{lock_};
  if (failures_ > 0) {
    --failures_;
    refused_.push_back(batch);
    return error{cause_};
  }

  chat::history_contents next = contents_;
  for (const std::string& name : batch.forgotten) {
    std::erase_if(next.rooms, [&](const chat::stored_room& room) { return room.name == name; });
    std::erase_if(next.keys, [&](const chat::stored_key& key) { return key.room == name; });
  }
  for (const auto& [name, epoch] : batch.rooms) {
    if (find(next, name) != next.rooms.end()) throw misfit("it is there already:", name);
    next.rooms.push_back({name, epoch, 1, {}});
  }
  for (const chat::stored_message& message : batch.messages) add(next, message);
  for (const auto& [name, oldest] : batch.pruned) {
    const auto room = find(next, name);
    if (room == next.rooms.end()) continue;
    std::erase_if(room->messages, [before = oldest](const chat::stored_message& one) { return one.id < before; });
  }
  std::erase_if(next.keys, [&](const chat::stored_key& key) { return key.time < batch.keys_from; });
  sort_keys(next);
  contents_ = std::move(next);
  committed_.push_back(batch);
  return {};
}

inline void memory_history::add(chat::history_contents& contents, const chat::stored_message& message) {
  const auto room = find(contents, message.room);
  if (room == contents.rooms.end()) throw misfit("there is no such room, for message", message.room);
  if (message.id != room->next) throw misfit("gap before message " + std::to_string(message.id), message.room);
  if (message.from.empty() || message.text.empty()) throw misfit("message without sender or text", message.room);
  ++room->next;
  room->messages.push_back({{}, message.id, message.time, message.from, message.text, {}});
  if (message.key.empty()) return;
  std::erase_if(contents.keys,
                [&](const chat::stored_key& key) { return key.room == message.room && key.key == message.key; });
  contents.keys.push_back({message.room, message.key, message.id, message.time});
}

// By time, then in the order of rooms and ids.
inline void memory_history::sort_keys(chat::history_contents& contents) {
  const auto order = [&](const chat::stored_key& key) {
    return std::tuple{key.time, find(contents, key.room) - contents.rooms.begin(), key.id, key.key};
  };
  std::ranges::sort(contents.keys, {}, order);
}

}  // namespace tcptools::testing
