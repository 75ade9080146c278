#include "history_reader.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "history_rows.hpp"
#include "tcptools/base/text.hpp"
#include "tcptools/chat/names.hpp"

namespace tcptools::chat {
namespace {

struct loaded_room {
  std::size_t index = 0;  // in history_contents::rooms
  std::uint64_t oldest = 1;
};
using loaded_rooms = std::unordered_map<std::int64_t, loaded_room>;

error wrong_in(std::string_view room, std::string_view what) {
  return error{errc::storage_failed, "room " + in_quotes(room) + ": " + std::string{what}};
}

bool is_sum(const sqlite_statement& row, int column, std::uint32_t sum) {
  return row.is_null(column) || row.integer(column) == std::int64_t{sum};
}

// Every row of the statement, until one has an error.
template <class Function>
result<void> for_each_row(sqlite_database& database, std::string_view sql, Function function) {
  result<sqlite_statement> rows = database.prepare(sql);
  if (!rows) return rows.error();
  for (;;) {
    const result<bool> row = rows->next();
    if (!row) return row.error();
    if (!*row) return {};
    if (const result<void> taken = function(*rows); !taken) return taken;
  }
}

result<void> read_rooms(sqlite_database& database, history_contents& contents, loaded_rooms& rooms) {
  const auto take = [&](const sqlite_statement& row) -> result<void> {
    stored_room room{
        std::string{row.text(1)}, std::string{row.text(2)}, static_cast<std::uint64_t>(row.integer(4)), {}};
    const auto oldest = static_cast<std::uint64_t>(row.integer(3));
    if (canonical_room(room.name) != room.name) return wrong_in(room.name, "no room may have this name");
    if (!is_epoch(room.epoch)) return wrong_in(room.name, "its epoch is not 16 hexadecimal digits in small letters");
    if (oldest < 1 || oldest > room.next || room.next > largest_id)
      return wrong_in(room.name, "its numbers do not go together");
    if (!is_sum(row, 5, room_sum(room.name, room.epoch, oldest, room.next)))
      return wrong_in(room.name, "its checksum is wrong");
    rooms.emplace(row.integer(0), loaded_room{contents.rooms.size(), oldest});
    contents.rooms.push_back(std::move(room));
    return {};
  };
  return for_each_row(database, "SELECT id, name, epoch, oldest, next, sum FROM room ORDER BY id", take);
}

result<void> read_messages(sqlite_database& database, history_contents& contents, const loaded_rooms& rooms) {
  const auto take = [&](const sqlite_statement& row) -> result<void> {
    const auto found = rooms.find(row.integer(0));
    if (found == rooms.end()) return error{errc::storage_failed, "there are messages that belong to no room"};
    stored_room& room = contents.rooms[found->second.index];
    const std::uint64_t expected = found->second.oldest + room.messages.size();
    const auto id = static_cast<std::uint64_t>(row.integer(1));
    if (row.integer(1) >= 0 && id < found->second.oldest) return {};  // forgotten, only not yet deleted
    const auto wrong = [&](std::string_view what) {
      return wrong_in(room.name, "message " + std::to_string(id) + " " + std::string{what});
    };
    if (id >= room.next) return wrong("was never sent");
    if (id != expected) return wrong_in(room.name, "message " + std::to_string(expected) + " is missing");
    stored_message message{{}, id, row.integer(2), std::string{row.text(3)}, std::string{row.text(4)}, {}};
    if (!is_sum(row, 5, message_sum(row.integer(0), id, message.time, message.from, message.text)))
      return wrong("has a wrong checksum");
    if (!is_sender(message.from)) return wrong("has a sender that nobody can be");
    if (!is_message_text(message.text)) return wrong("has a text that is not allowed");
    room.messages.push_back(std::move(message));
    return {};
  };
  result<void> read =
      for_each_row(database, "SELECT room, id, time, sender, text, sum FROM message ORDER BY room, id", take);
  if (!read) return read;
  for (const auto& [key, one] : rooms) {
    const stored_room& room = contents.rooms[one.index];
    const std::uint64_t end = one.oldest + room.messages.size();
    if (end != room.next) return wrong_in(room.name, "message " + std::to_string(end) + " is missing");
  }
  return {};
}

result<void> read_keys(sqlite_database& database, history_contents& contents, const loaded_rooms& rooms) {
  const auto take = [&](const sqlite_statement& row) -> result<void> {
    const auto found = rooms.find(row.integer(0));
    if (found == rooms.end()) return error{errc::storage_failed, "there are keys that belong to no room"};
    const stored_room& room = contents.rooms[found->second.index];
    stored_key key{room.name, std::string{row.text(1)}, static_cast<std::uint64_t>(row.integer(2)), row.integer(3)};
    const bool good = is_key(key.key) && key.id >= 1 && key.id < room.next &&
                      is_sum(row, 4, key_sum(row.integer(0), key.key, key.id, key.time));
    if (!good) return wrong_in(room.name, "the key " + in_quotes(key.key) + " is not as it was");
    contents.keys.push_back(std::move(key));
    return {};
  };
  return for_each_row(database, "SELECT room, key, id, time, sum FROM key ORDER BY time, room, id, key", take);
}

}  // namespace

result<history_contents> read_history(sqlite_database& database) {
  // One moment of it, should somebody be editing.
  if (const result<void> begun = database.run("BEGIN"); !begun) return begun.error();
  history_contents contents;
  loaded_rooms rooms;
  result<void> read = read_rooms(database, contents, rooms);
  if (read) read = read_messages(database, contents, rooms);
  if (read) read = read_keys(database, contents, rooms);
  const result<void> ended = database.run("ROLLBACK");
  if (!read) return read.error();
  if (!ended) return ended.error();
  return contents;
}

}  // namespace tcptools::chat
