// Histories for tests: batches in one line, contents as text, and what others do to the file.
#pragma once

#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <exception>
#include <filesystem>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"
#include "tcptools/base/text.hpp"
#include "tcptools/chat/history_file.hpp"

namespace tcptools::testing {

inline constexpr const char* some_epoch = "0123456789abcdef";
inline constexpr const char* other_epoch = "fedcba9876543210";

// How tests fail from within a function that has no assertions (in another process).
inline void must(bool good, const std::string& what) {
  if (!good) throw std::runtime_error{what};
}

inline std::unique_ptr<chat::history_file> open_history(const std::string& path) {
  auto file = chat::history_file::open(path);
  must(file.has_value(), file ? "" : file.error().text());
  return std::move(*file);
}

// A batch of a new room.
inline chat::history_batch new_room(const std::string& name, const std::string& epoch = some_epoch) {
  chat::history_batch batch;
  batch.rooms.push_back({name, epoch});
  return batch;
}

// Messages first, first + 1, ... of a room, at the times 1000 * id.
inline chat::history_batch messages(const std::string& room, std::uint64_t first, std::uint64_t count,
                                    const std::string& key = {}) {
  chat::history_batch batch;
  for (std::uint64_t id = first; id < first + count; ++id) {
    batch.messages.push_back({room, id, static_cast<chat::wall_time>(1000 * id), "alice", "text " + std::to_string(id),
                              key.empty() ? key : key + std::to_string(id)});
  }
  return batch;
}

// "lobby 0123456789abcdef next 3: 1@1000 <alice> hi; 2@2000 <bob> ho;\nkey lobby k 1@1000\n"
inline std::string show(const chat::history_contents& contents) {
  std::string text;
  for (const chat::stored_room& room : contents.rooms) {
    text += room.name + " " + room.epoch + " next " + std::to_string(room.next) + ":";
    for (const chat::stored_message& one : room.messages) {
      text += " " + std::to_string(one.id) + "@" + std::to_string(one.time) + " <" + one.from + "> " +
              visible(one.text) + (one.room.empty() && one.key.empty() ? ";" : "; room and key");
    }
    text += "\n";
  }
  for (const chat::stored_key& one : contents.keys) {
    text += "key " + one.room + " " + visible(one.key) + " " + std::to_string(one.id) + "@" + std::to_string(one.time) +
            "\n";
  }
  return text;
}

inline std::string loaded(chat::history_file& file) {
  const auto contents = file.load();
  must(contents.has_value(), contents ? "" : contents.error().text());
  return show(*contents);
}

inline std::string loaded(const std::string& path) { return loaded(*open_history(path)); }

// What somebody does with the program sqlite3: gives the first column of the first row.
class sqlite_user {
 public:
  explicit sqlite_user(const std::string& path) {
    must(sqlite3_open(path.c_str(), &database_) == SQLITE_OK, "cannot open " + path);
  }
  sqlite_user(const sqlite_user&) = delete;
  sqlite_user& operator=(const sqlite_user&) = delete;
  ~sqlite_user() { sqlite3_close(database_); }

  std::string operator()(const std::string& sql) const {
    std::string first;
    const auto take = [](void* into, int count, char** columns, char** /*names*/) {
      auto& text = *static_cast<std::string*>(into);
      if (text.empty() && count > 0 && columns[0] != nullptr) text = columns[0];
      return 0;
    };
    const int code = sqlite3_exec(database_, sql.c_str(), take, &first, nullptr);
    must(code == SQLITE_OK, sqlite3_errmsg(database_));
    return first;
  }

 private:
  sqlite3* database_ = nullptr;
};

inline std::string sql(const std::string& path, const std::string& statements) { return sqlite_user{path}(statements); }

// Everything in a directory: contents of files by their names.
inline std::map<std::string, std::string> snapshot(const temp_dir& dir) {
  std::map<std::string, std::string> files;
  for (const auto& one : std::filesystem::directory_iterator{dir.path()}) {
    const std::string name = one.path().filename().string();
    files[name] = std::filesystem::is_regular_file(one.symlink_status()) ? dir.read(name) : "(no file)";
  }
  return files;
}

// Runs in a process of its own; what it throws is thrown here.
template <class Function>
void in_child(Function function) {
  int ends[2];
  must(::pipe(ends) == 0, "no pipe");
  const pid_t child = ::fork();
  must(child >= 0, "no process");
  if (child == 0) {
    std::string failure;
    try {
      function();
    } catch (const std::exception& caught) {
      failure = caught.what();
    }
    const bool told = ::write(ends[1], failure.data(), failure.size()) == static_cast<ssize_t>(failure.size());
    ::_exit(told ? 0 : 1);
  }
  ::close(ends[1]);
  std::string failure(4096, '\0');
  const ssize_t count = ::read(ends[0], failure.data(), failure.size());
  ::close(ends[0]);
  int status = 0;
  must(::waitpid(child, &status, 0) == child, "the process is gone");
  failure.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  must(failure.empty(), failure);
  must(status == 0, "the process ended with status " + std::to_string(status));
}

// Some rooms, messages and keys.
inline void make_some(const std::string& path) {
  const auto file = open_history(path);
  must(file->commit(new_room("lobby")).has_value(), "not committed");
  must(file->commit(new_room("other", other_epoch)).has_value(), "not committed");
  must(file->commit(messages("lobby", 1, 6, "k")).has_value(), "not committed");
  chat::history_batch batch = messages("other", 1, 3, "k");
  batch.messages[1].text = std::string(6000, 'x');  // more than a page holds
  batch.pruned = {{"lobby", 3}};
  must(file->commit(batch).has_value(), "not committed");
}

// Why the file is refused, having made sure that it and what is beside it are as they were.
inline error refusal(const temp_dir& dir, const std::string& path) {
  const auto before = snapshot(dir);
  const auto file = chat::history_file::open(path);
  must(!file.has_value(), "it was opened");
  must(snapshot(dir) == before, "something changed: " + file.error().text());
  must(file.error().text().find('\n') == std::string::npos, "more than one line");
  return file.error();
}

inline std::string refused(const temp_dir& dir, const std::string& path, errc cause = errc::conflict) {
  const error why = refusal(dir, path);
  CHECK(why.code() == cause);
  return why.text();
}

// 0 where there is none.
inline std::uint64_t file_size(const std::string& path) {
  std::error_code missing;
  const std::uintmax_t size = std::filesystem::file_size(path, missing);
  return missing ? 0 : size;
}

}  // namespace tcptools::testing
