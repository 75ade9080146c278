// SQLite with owners and results: a database, statements that are prepared once and run often.
#pragma once

#include <sqlite3.h>

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "tcptools/base/result.hpp"

namespace tcptools::chat {

// What a function that failed on `database` with `code` is about: storage_full, storage_read_only, busy (locked by
// another program) or storage_failed, with SQLite's words for it. `error_number` is what that function left in errno,
// which was 0 before: SQLite does not keep the number of a commit that fails.
[[nodiscard]] error sqlite_error(sqlite3* database, int code, int error_number);

// Belongs to a database and must not outlive it.
class sqlite_statement {
 public:
  // Not to be used until one made by prepare() takes its place.
  sqlite_statement() = default;

  // Runs to its end, for what has no rows. Text is used in place, not copied.
  template <class... Values>
  [[nodiscard]] result<void> run(const Values&... values) {
    start(values...);
    const result<bool> row = next();
    if (!row) return row.error();
    end();
    return {};
  }

  // Begins anew. Text in `values` must last until the rows have been read.
  template <class... Values>
  void start(const Values&... values) {
    end();
    int index = 0;
    bound_ = SQLITE_OK;
    (note(bind(++index, values)), ...);
  }

  // Goes to the next row, which the columns are then those of; false after the last one.
  [[nodiscard]] result<bool> next();

  // Lets go of the row it is at; to be called before a transaction ends if rows were not read to the last.
  void end() noexcept { (void)sqlite3_reset(handle_.get()); }

  [[nodiscard]] bool is_null(int column) const noexcept;
  [[nodiscard]] std::int64_t integer(int column) const noexcept { return sqlite3_column_int64(handle_.get(), column); }
  // Until next(), start() or end().
  [[nodiscard]] std::string_view text(int column) const noexcept;

 private:
  friend class sqlite_database;
  struct finalizer {
    void operator()(sqlite3_stmt* handle) const noexcept { (void)sqlite3_finalize(handle); }
  };

  explicit sqlite_statement(sqlite3_stmt* handle) : handle_{handle} {}

  void note(int code) noexcept {
    if (bound_ == SQLITE_OK) bound_ = code;
  }
  int bind(int index, std::string_view text) noexcept;
  int bind(int index, std::integral auto number) noexcept {
    return sqlite3_bind_int64(handle_.get(), index, static_cast<sqlite3_int64>(number));
  }

  std::unique_ptr<sqlite3_stmt, finalizer> handle_;
  int bound_ = SQLITE_OK;
};

class sqlite_database {
 public:
  // `flags` as for sqlite3_open_v2(). For one thread at a time. Nothing in the file can make it run code: schemas are
  // not trusted, triggers and views are off.
  [[nodiscard]] static result<sqlite_database> open(const std::string& name, int flags);

  // Statements without parameters whose rows are of no interest.
  [[nodiscard]] result<void> run(const char* sql) const;
  [[nodiscard]] result<sqlite_statement> prepare(std::string_view sql) const;
  // The first column of the first row as text; empty if there is no row.
  [[nodiscard]] result<std::string> ask(std::string_view sql) const;

  [[nodiscard]] sqlite3* get() const noexcept { return handle_.get(); }

 private:
  struct closer {
    void operator()(sqlite3* handle) const noexcept { (void)sqlite3_close(handle); }
  };

  std::unique_ptr<sqlite3, closer> handle_;
};

}  // namespace tcptools::chat
