#include "history_schema.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string_view>
#include <utility>

#include "sqlite.hpp"
#include "tcptools/base/text.hpp"
#include "tcptools/base/unique_fd.hpp"

namespace tcptools::chat {
namespace {

constexpr std::uint32_t application_id = 0x54637043;  // "TcpC"
constexpr std::uint32_t schema_version = 1;

// `oldest` is the oldest message that is not forgotten; what is before it is deleted bit by bit. `sum` is over the rest
// of its row, or NULL for a row that was edited by hand.
constexpr std::array schema{
    "CREATE TABLE room(\n"
    "  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, epoch TEXT NOT NULL,\n"
    "  oldest INTEGER NOT NULL, next INTEGER NOT NULL, sum INTEGER\n"
    ") STRICT",
    "CREATE TABLE message(\n"
    "  room INTEGER NOT NULL REFERENCES room ON DELETE CASCADE,\n"
    "  id INTEGER NOT NULL, time INTEGER NOT NULL, sender TEXT NOT NULL, text TEXT NOT NULL, sum INTEGER,\n"
    "  PRIMARY KEY(room, id)\n"
    ") STRICT, WITHOUT ROWID",
    "CREATE TABLE key(\n"
    "  room INTEGER NOT NULL REFERENCES room ON DELETE CASCADE,\n"
    "  key TEXT NOT NULL, id INTEGER NOT NULL, time INTEGER NOT NULL, sum INTEGER,\n"
    "  PRIMARY KEY(room, key)\n"
    ") STRICT, WITHOUT ROWID",
    "CREATE INDEX key_by_time ON key(time)",
};

// https://www.sqlite.org/fileformat2.html, 1.3: where numbers (big-endian) and versions are in a database's header.
constexpr std::size_t sqlite_header_size = 100;
constexpr std::string_view sqlite_magic{"SQLite format 3\0", 16};
constexpr std::size_t write_version_at = 18;
constexpr std::size_t read_version_at = 19;
constexpr std::size_t user_version_at = 60;
constexpr std::size_t application_id_at = 68;
constexpr char version_with_wal = 2;

std::uint32_t number_at(std::string_view header, std::size_t at) {
  std::uint32_t number = 0;
  for (const char c : header.substr(at, 4)) number = number << 8U | static_cast<unsigned char>(c);
  return number;
}

error not_a_history(const std::string& path, std::string_view why) {
  return error{errc::conflict, in_quotes(path) + " is not a chat history: " + std::string{why}};
}

error is_damaged(const std::string& path, std::string_view how) {
  return error{errc::storage_failed,
               "the chat history " + in_quotes(path) + " is damaged (" + visible(how) + "): put a copy in its place"};
}

// Descriptors of the database must be closed before SQLite opens it: closing one ends all locks of the process on it.
result<void> check_header(const std::string& path) {
  const unique_fd file{::open(path.c_str(), O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)};
  if (!file) return storage_error(errno, "cannot open " + in_quotes(path));
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return storage_error(errno, "cannot read " + in_quotes(path));
  if (!S_ISREG(status.st_mode)) return not_a_history(path, "it is not a file");
  if (status.st_size == 0) return not_a_history(path, "it is empty; remove it to begin a new one");

  std::array<char, sqlite_header_size> buffer{};
  const ssize_t count = ::pread(file.get(), buffer.data(), buffer.size(), 0);
  if (count < 0) return storage_error(errno, "cannot read " + in_quotes(path));
  const std::string_view header{buffer.data(), static_cast<std::size_t>(count)};
  if (header.size() < sqlite_header_size || !header.starts_with(sqlite_magic))
    return not_a_history(path, "it is no SQLite database");
  if (number_at(header, application_id_at) != application_id)
    return not_a_history(path, "it is another program's database");
  const std::uint32_t version = number_at(header, user_version_at);
  if (version == 0) return is_damaged(path, "it has no version");
  if (version > schema_version) {
    return error{errc::version_unsupported, "the chat history " + in_quotes(path) + " is of version " +
                                                std::to_string(version) + ", this program knows version " +
                                                std::to_string(schema_version) + ": update it"};
  }
  return {};
}

bool is_there(const std::string& path) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0;
}

// https://www.sqlite.org/uri.html, 3: what would not be taken for a part of the path.
std::string as_uri(std::string_view path) {
  std::string uri = "file://";
  for (const char c : path) {
    switch (c) {
      case '%':
        uri += "%25";
        break;
      case '?':
        uri += "%3f";
        break;
      case '#':
        uri += "%23";
        break;
      default:
        uri += c;
    }
  }
  return uri;
}

// How a database is opened so that looking at it leaves no trace.
enum class look : std::uint8_t {
  at_file,  // there is no write-ahead log: nothing but the file is read
  alone,    // with the log, whose index is kept in memory; nobody else may have the file open
  beside,   // with the log, whose index another program has made
};

result<sqlite_database> open_to_look(const std::string& path, look how) {
  if (how == look::at_file)
    return sqlite_database::open(as_uri(path) + "?immutable=1", SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
  result<sqlite_database> database = sqlite_database::open(path, SQLITE_OPEN_READWRITE);
  if (!database) return database;
  // Otherwise the last one to close moves the log into the file.
  (void)sqlite3_db_config(database->get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  const char* const quiet =
      how == look::alone ? "PRAGMA query_only = ON; PRAGMA locking_mode = EXCLUSIVE" : "PRAGMA query_only = ON";
  if (const result<void> set = database->run(quiet); !set) return set.error();
  return database;
}

// Empty if it has our tables and nothing else (but for SQLite's own), otherwise what is wrong.
result<std::string> find_foreign_schema(sqlite_database& database) {
  result<sqlite_statement> entries =
      database.prepare("SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'");
  if (!entries) return entries.error();
  std::size_t known = 0;
  for (;;) {
    const result<bool> row = entries->next();
    if (!row) return row.error();
    if (!*row) break;
    if (std::ranges::find(schema, entries->text(1)) == schema.end())
      return in_quotes(entries->text(0)) + " in it is not a history's";
    ++known;
  }
  return std::string{known == schema.size() ? "" : "tables are missing"};
}

result<void> check_content(const std::string& path, look how) {
  // The words for what is wrong, or why it could not be found out.
  const auto find = [&]() -> result<std::string> {
    result<sqlite_database> database = open_to_look(path, how);
    if (!database) return database.error();
    result<std::string> wrong = find_foreign_schema(*database);
    if (!wrong || !wrong->empty()) return wrong;
    wrong = database->ask("PRAGMA integrity_check(1)");
    if (wrong && *wrong == "ok") wrong->clear();
    return wrong;
  };
  const result<std::string> wrong = find();
  if (wrong) return wrong->empty() ? result<void>{} : is_damaged(path, *wrong);
  switch (wrong.error().code()) {
    case errc::busy:
      return error{errc::busy, in_quotes(path) + " is in use by another program"};
    case errc::storage_failed:
      return is_damaged(path, wrong.error().text());
    default:
      return wrong.error().in("cannot read " + in_quotes(path));
  }
}

// A whole database, as bytes of a file.
result<std::string> empty_history() {
  result<sqlite_database> memory = sqlite_database::open(":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  if (!memory) return memory.error();
  std::string sql = "PRAGMA application_id = " + std::to_string(application_id) +
                    "; PRAGMA user_version = " + std::to_string(schema_version) + ";";
  for (const char* const statement : schema) sql += statement + std::string{";"};
  if (const result<void> made = memory->run(sql.c_str()); !made) return made.error();

  sqlite3_int64 size = 0;
  const std::unique_ptr<unsigned char, decltype(&sqlite3_free)> bytes{
      sqlite3_serialize(memory->get(), "main", &size, 0), &sqlite3_free};
  if (bytes == nullptr) return sqlite_error(nullptr, SQLITE_NOMEM, 0);
  std::string content(static_cast<std::size_t>(size), '\0');
  std::copy_n(bytes.get(), content.size(), content.begin());
  content[write_version_at] = content[read_version_at] = version_with_wal;
  return content;
}

bool write_whole(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t count = ::write(fd, content.data(), content.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    content.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

bool sync_directory_of(const std::string& path) {
  const std::string directory = std::filesystem::path{path}.parent_path().string();
  const unique_fd fd{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  return fd && (::fsync(fd.get()) == 0 || errno == EINVAL);  // where directories need no such thing
}

}  // namespace

result<std::string> resolve_history(const std::string& path) {
  const auto resolved = [](const std::string& existing) {
    return std::unique_ptr<char, decltype(&std::free)>{::realpath(existing.c_str(), nullptr), &std::free};
  };
  std::string whole;
  if (const auto file = resolved(path)) {
    whole = file.get();
  } else if (errno != ENOENT) {
    return storage_error(errno, "cannot open " + in_quotes(path));
  } else if (is_there(path)) {
    return error{errc::usage, in_quotes(path) + " is a link that leads nowhere"};
  } else {
    const std::filesystem::path named{path};
    if (!named.has_filename()) return error{errc::usage, in_quotes(path) + " does not name a file"};
    const std::string above = named.has_parent_path() ? named.parent_path().string() : ".";
    const auto directory = resolved(above);
    if (!directory) return error{errc::usage, "there is no directory " + in_quotes(above)};
    whole = (std::filesystem::path{directory.get()} / named.filename()).string();
  }

  struct stat status{};
  if (::stat(whole.c_str(), &status) == 0 && !S_ISREG(status.st_mode))
    return not_a_history(path, S_ISDIR(status.st_mode) ? "it is a directory" : "it is not a file");
  const sqlite3_vfs* const system = sqlite3_vfs_find(nullptr);
  if (system == nullptr || std::cmp_greater(whole.size() + std::string_view{"-journal"}.size(), system->mxPathname))
    return error{errc::usage, in_quotes(path) + " is too long a path for a database"};
  return whole;
}

result<void> make_history(const std::string& path) {
  const result<std::string> content = empty_history();
  if (!content) return content.error();
  const std::string temporary = path + "." + std::to_string(::getpid()) + ".tmp";
  // Left by a server with this number that was killed here: in containers numbers come again.
  (void)::unlink(temporary.c_str());
  const unique_fd file{::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)};
  if (!file) return storage_error(errno, "cannot make " + in_quotes(temporary));
  if (!write_whole(file.get(), *content) || ::fsync(file.get()) != 0 ||
      ::renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) != 0) {
    const int failed = errno;
    (void)::unlink(temporary.c_str());
    return storage_error(failed, "cannot make " + in_quotes(path));
  }
  if (!sync_directory_of(path)) return storage_error(errno, "cannot make " + in_quotes(path) + " durable");
  return {};
}

result<void> check_history(const std::string& path) {
  if (const result<void> header = check_header(path); !header) return header;
  if (const std::string journal = path + "-journal"; is_there(journal)) {
    return error{errc::conflict, "another program left a change of " + in_quotes(path) + " unfinished (" +
                                     in_quotes(journal) + "): open it with sqlite3 once"};
  }
  if (!is_there(path + "-wal")) return check_content(path, look::at_file);
  result<void> checked = check_content(path, look::alone);
  if (!checked && checked.error().code() == errc::busy) checked = check_content(path, look::beside);
  return checked;
}

}  // namespace tcptools::chat
