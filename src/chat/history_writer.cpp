#include "history_writer.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "history_rows.hpp"
#include "tcptools/base/text.hpp"
#include "tcptools/chat/names.hpp"

namespace tcptools::chat {
namespace {

// What a commit deletes at most of forgotten messages, and of keys, beyond twice what it adds.
constexpr std::uint64_t most_deleted = 1000;

error does_not_fit(std::string_view what, std::string_view name) {
  return error{errc::storage_failed, std::string{what} + " " + in_quotes(name)};
}

// Only what callers tell apart.
error of_commit(error failure) {
  const bool known = failure.code() == errc::storage_full || failure.code() == errc::storage_read_only;
  return known ? std::move(failure) : error{errc::storage_failed, failure.text()};
}

}  // namespace

result<history_writer> history_writer::prepare(sqlite_database& database) {
  history_writer writer{database};
  if (const result<void> prepared = writer.prepare_statements(); !prepared) return prepared.error();
  if (const result<void> found = writer.find_unswept(); !found) return found.error();
  return writer;
}

result<void> history_writer::prepare_statements() {
  const std::pair<sqlite_statement*, std::string_view> all[] = {
      {&begin_, "BEGIN IMMEDIATE"},
      {&commit_, "COMMIT"},
      {&rollback_, "ROLLBACK"},
      {&add_room_, "INSERT INTO room(name, epoch, oldest, next, sum) VALUES(?1, ?2, 1, 1, ?3)"},
      {&find_room_, "SELECT id, epoch, oldest, next FROM room WHERE name = ?1"},
      {&change_room_, "UPDATE room SET oldest = ?2, next = ?3, sum = ?4 WHERE id = ?1"},
      {&forget_room_, "DELETE FROM room WHERE name = ?1"},
      {&add_message_, "INSERT INTO message(room, id, time, sender, text, sum) VALUES(?1, ?2, ?3, ?4, ?5, ?6)"},
      {&find_forgotten_,
       "SELECT m.id, r.oldest FROM message m JOIN room r ON r.id = m.room WHERE m.room = ?1 AND m.id < r.oldest "
       "ORDER BY m.id LIMIT 1"},
      {&forget_messages_, "DELETE FROM message WHERE room = ?1 AND id < ?2"},
      {&add_key_, "INSERT OR REPLACE INTO key(room, key, id, time, sum) VALUES(?1, ?2, ?3, ?4, ?5)"},
      {&forget_keys_,
       "DELETE FROM key WHERE time <= "
       "coalesce((SELECT time FROM key WHERE time < ?1 ORDER BY time LIMIT 1 OFFSET ?2), ?1 - 1)"},
  };
  for (const auto& [statement, sql] : all) {
    result<sqlite_statement> made = database_->prepare(sql);
    if (!made) return made.error();
    *statement = std::move(*made);
  }
  return {};
}

result<void> history_writer::find_unswept() {
  result<sqlite_statement> rooms = database_->prepare("SELECT id FROM room");
  if (!rooms) return rooms.error();
  for (;;) {
    const result<bool> row = rooms->next();
    if (!row) return row.error();
    if (!*row) return {};
    unswept_.insert(rooms->integer(0));
  }
}

result<void> history_writer::commit(const history_batch& batch) {
  if (const result<void> begun = begin_.run(); !begun) return of_commit(begun.error());
  swept_.clear();
  result<void> done = apply(batch);
  if (done) done = commit_.run();
  if (!done) {
    // SQLite ends some transactions that fail by itself.
    if (sqlite3_get_autocommit(database_->get()) == 0) (void)rollback_.run();
    return of_commit(done.error());
  }
  for (const std::int64_t room : swept_) unswept_.erase(room);
  return {};
}

result<void> history_writer::apply(const history_batch& batch) {
  room_rows rooms;
  if (const result<void> done = change_rooms(batch); !done) return done;
  if (const result<void> done = add_messages(batch, rooms); !done) return done;
  if (const result<void> done = prune(batch, rooms); !done) return done;
  for (const auto& [name, room] : rooms) {
    if (!room) continue;
    const std::uint32_t sum = room_sum(name, room->epoch, room->oldest, room->next);
    if (const result<void> done = change_room_.run(room->key, room->oldest, room->next, sum); !done) return done;
  }
  const std::uint64_t most = most_deleted + 2 * batch.messages.size();
  if (const result<void> done = sweep(most); !done) return done;
  return forget_keys_.run(batch.keys_from, most);
}

result<void> history_writer::change_rooms(const history_batch& batch) {
  for (const std::string& name : batch.forgotten) {
    if (const result<void> done = forget_room_.run(name); !done) return done;
  }
  for (const auto& [name, epoch] : batch.rooms) {
    if (canonical_room(name) != name || !is_epoch(epoch)) return does_not_fit("no room may be called", name);
    if (const result<void> done = add_room_.run(name, epoch, room_sum(name, epoch, 1, 1)); !done) return done;
  }
  return {};
}

result<void> history_writer::add_messages(const history_batch& batch, room_rows& rooms) {
  for (const stored_message& one : batch.messages) {
    const result<room_row*> found = find(rooms, one.room);
    if (!found) return found.error();
    room_row* const room = *found;
    if (room == nullptr) return does_not_fit("there is a message for the unknown room", one.room);
    if (one.id != room->next || one.id >= largest_id)
      return does_not_fit("there is a gap before message " + std::to_string(one.id) + " of the room", one.room);
    const bool good = is_sender(one.from) && is_message_text(one.text) && (one.key.empty() || is_key(one.key));
    if (!good) return does_not_fit("there is a message that cannot be kept in the room", one.room);

    const std::uint32_t sum = message_sum(room->key, one.id, one.time, one.from, one.text);
    result<void> done = add_message_.run(room->key, one.id, one.time, one.from, one.text, sum);
    if (!done) return done;
    room->next = one.id + 1;
    if (one.key.empty()) continue;
    done = add_key_.run(room->key, one.key, one.id, one.time, key_sum(room->key, one.key, one.id, one.time));
    if (!done) return done;
  }
  return {};
}

result<void> history_writer::prune(const history_batch& batch, room_rows& rooms) {
  for (const auto& [name, oldest] : batch.pruned) {
    const result<room_row*> found = find(rooms, name);
    if (!found) return found.error();
    room_row* const room = *found;
    if (room == nullptr) continue;  // forgotten as a whole since
    room->oldest = std::clamp(oldest, room->oldest, room->next);
    unswept_.insert(room->key);
  }
  return {};
}

result<void> history_writer::sweep(std::uint64_t most) {
  for (const std::int64_t room : unswept_) {
    if (most == 0) break;
    find_forgotten_.start(room);
    const result<bool> row = find_forgotten_.next();
    if (!row) return row.error();
    if (!*row) {
      swept_.insert(room);
      continue;
    }
    const std::int64_t first = find_forgotten_.integer(0);
    const std::int64_t oldest = find_forgotten_.integer(1);
    find_forgotten_.end();
    const std::int64_t until = std::min(oldest, first + static_cast<std::int64_t>(most));
    if (const result<void> done = forget_messages_.run(room, until); !done) return done;
    if (until == oldest) swept_.insert(room);
    most -= static_cast<std::uint64_t>(until - first);
  }
  return {};
}

result<history_writer::room_row*> history_writer::find(room_rows& rooms, std::string_view name) {
  const auto [at, is_new] = rooms.try_emplace(name);
  if (is_new) {
    find_room_.start(name);
    const result<bool> row = find_room_.next();
    if (!row) return row.error();
    if (*row) {
      at->second = room_row{find_room_.integer(0), std::string{find_room_.text(1)},
                            static_cast<std::uint64_t>(find_room_.integer(2)),
                            static_cast<std::uint64_t>(find_room_.integer(3))};
    }
    find_room_.end();
  }
  return at->second ? &*at->second : nullptr;
}

}  // namespace tcptools::chat
