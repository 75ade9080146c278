// Batches as transactions.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string_view>

#include "sqlite.hpp"
#include "tcptools/base/result.hpp"
#include "tcptools/chat/history_store.hpp"

namespace tcptools::chat {

class history_writer {
 public:
  // `database` is a history of our version, and outlives this.
  [[nodiscard]] static result<history_writer> prepare(sqlite_database& database);

  // As history_store::commit(). What does not fit to what is there (a gap between ids, an unknown room) fails too.
  [[nodiscard]] result<void> commit(const history_batch& batch);

 private:
  struct room_row {
    std::int64_t key = 0;
    std::string epoch;
    std::uint64_t oldest = 1;
    std::uint64_t next = 1;
  };
  // Those that a batch speaks of, as they will be after it; nothing for those that are not there.
  using room_rows = std::map<std::string_view, std::optional<room_row>>;

  explicit history_writer(sqlite_database& database) : database_{&database} {}

  [[nodiscard]] result<void> prepare_statements();
  [[nodiscard]] result<void> find_unswept();
  [[nodiscard]] result<void> apply(const history_batch& batch);
  [[nodiscard]] result<void> change_rooms(const history_batch& batch);
  [[nodiscard]] result<void> add_messages(const history_batch& batch, room_rows& rooms);
  [[nodiscard]] result<void> prune(const history_batch& batch, room_rows& rooms);
  [[nodiscard]] result<void> sweep(std::uint64_t most);
  [[nodiscard]] result<room_row*> find(room_rows& rooms, std::string_view name);

  sqlite_database* database_;
  sqlite_statement begin_, commit_, rollback_;
  sqlite_statement add_room_, find_room_, change_room_, forget_room_;
  sqlite_statement add_message_, find_forgotten_, forget_messages_;
  sqlite_statement add_key_, forget_keys_;
  // Rooms that may still hold forgotten messages: as of the last commit, and those that the one under way is done with.
  std::set<std::int64_t> unswept_;
  std::set<std::int64_t> swept_;
};

}  // namespace tcptools::chat
