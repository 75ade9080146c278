#include "sqlite.hpp"

#include <cerrno>

#include "tcptools/base/text.hpp"

namespace tcptools::chat {
namespace {

errc cause_of(int code, int error_number) {
  switch (code & 0xFF) {  // the rest says where it happened
    case SQLITE_FULL:
      return errc::storage_full;
    case SQLITE_READONLY:
      return errc::storage_read_only;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return errc::busy;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN: {
      const errc cause = storage_error(error_number, {}).code();
      if (cause == errc::storage_full || cause == errc::storage_read_only) return cause;
      return errc::storage_failed;
    }
    default:
      return errc::storage_failed;
  }
}

}  // namespace

error sqlite_error(sqlite3* database, int code, int error_number) {
  // What SQLite says last may be about something else, if it has no words of its own for this.
  const bool has_words = database != nullptr && sqlite3_extended_errcode(database) == code;
  std::string text = visible(has_words ? sqlite3_errmsg(database) : sqlite3_errstr(code));
  const bool by_system = (code & 0xFF) == SQLITE_IOERR || (code & 0xFF) == SQLITE_CANTOPEN;
  if (by_system && error_number != 0) text += " (" + os_text(error_number) + ")";
  return error{cause_of(code, error_number), std::move(text)};
}

int sqlite_statement::bind(int index, std::string_view text) noexcept {
  // A null pointer would be NULL.
  const char* const data = text.data() == nullptr ? "" : text.data();
  return sqlite3_bind_text64(handle_.get(), index, data, text.size(), nullptr, SQLITE_UTF8);
}

result<bool> sqlite_statement::next() {
  errno = 0;
  const int code = bound_ == SQLITE_OK ? sqlite3_step(handle_.get()) : bound_;
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) {
    error failure = sqlite_error(sqlite3_db_handle(handle_.get()), code, errno);
    end();
    return failure;
  }
  end();
  return false;
}

bool sqlite_statement::is_null(int column) const noexcept {
  return sqlite3_column_type(handle_.get(), column) == SQLITE_NULL;
}

std::string_view sqlite_statement::text(int column) const noexcept {
  const auto* const data = static_cast<const char*>(sqlite3_column_blob(handle_.get(), column));
  if (data == nullptr) return {};
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), column))};
}

result<sqlite_database> sqlite_database::open(const std::string& name, int flags) {
  sqlite3* handle = nullptr;
  errno = 0;
  const int code = sqlite3_open_v2(name.c_str(), &handle, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  const int error_number = errno;
  sqlite_database opened;
  opened.handle_.reset(handle);
  if (code != SQLITE_OK) return sqlite_error(handle, code, error_number);
  for (const int option : {SQLITE_DBCONFIG_TRUSTED_SCHEMA, SQLITE_DBCONFIG_ENABLE_TRIGGER, SQLITE_DBCONFIG_ENABLE_VIEW})
    (void)sqlite3_db_config(handle, option, 0, nullptr);
  (void)sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  return opened;
}

result<void> sqlite_database::run(const char* sql) const {
  errno = 0;
  const int code = sqlite3_exec(get(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return sqlite_error(get(), code, errno);
  return {};
}

result<sqlite_statement> sqlite_database::prepare(std::string_view sql) const {
  sqlite3_stmt* handle = nullptr;
  errno = 0;
  const int code =
      sqlite3_prepare_v3(get(), sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &handle, nullptr);
  if (code != SQLITE_OK) return sqlite_error(get(), code, errno);
  return sqlite_statement{handle};
}

result<std::string> sqlite_database::ask(std::string_view sql) const {
  result<sqlite_statement> statement = prepare(sql);
  if (!statement) return statement.error();
  const result<bool> row = statement->next();
  if (!row) return row.error();
  return std::string{*row ? statement->text(0) : std::string_view{}};
}

}  // namespace tcptools::chat
