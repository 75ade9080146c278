// A history that is killed, shared, starved and moved.
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>

#include "history_rig.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"
#include "tcptools/base/unique_fd.hpp"
#include "tcptools/chat/history_file.hpp"

namespace fs = std::filesystem;
using namespace tcptools::chat;
using namespace tcptools::testing;
using tcptools::errc;
using tcptools::result;
using tcptools::unique_fd;

namespace {

// A process that commits batches of `size` messages from `first` on until it is killed, and says each one's last id.
class committing_process {
 public:
  committing_process(const std::string& path, std::uint64_t first, std::uint64_t size) {
    int ends[2];
    must(::pipe2(ends, O_CLOEXEC) == 0, "no pipe");
    said_.reset(ends[0]);
    child_ = ::fork();
    must(child_ >= 0, "no process");
    if (child_ == 0) run(path, first, size, ends[1]);
    ::close(ends[1]);
  }
  committing_process(const committing_process&) = delete;
  committing_process& operator=(const committing_process&) = delete;
  ~committing_process() { kill(); }

  // The next id that is said to be on disk; nothing once it was killed and all has been read.
  std::optional<std::uint64_t> next() {
    std::uint64_t id = 0;
    pollfd readable{said_.get(), POLLIN, 0};
    must(::poll(&readable, 1, 30'000) == 1, "the process says nothing");
    if (::read(said_.get(), &id, sizeof id) != sizeof id) return {};
    return id;
  }

  void kill() {
    if (child_ <= 0) return;
    ::kill(child_, SIGKILL);
    (void)::waitpid(child_, nullptr, 0);
    child_ = -1;
  }

 private:
  [[noreturn]] static void run(const std::string& path, std::uint64_t first, std::uint64_t size, int said) {
    try {
      const auto file = open_history(path);
      if (first == 1) must(file->commit(new_room("lobby")).has_value(), "no room");
      for (std::uint64_t id = first;; id += size) {
        const history_batch batch = messages("lobby", id, size, "k");
        must(file->commit(batch).has_value(), "not committed");
        const std::uint64_t last = id + size - 1;
        must(::write(said, &last, sizeof last) == sizeof last, "nobody reads");
      }
    } catch (const std::exception&) {
      ::_exit(1);
    }
  }

  pid_t child_ = -1;
  unique_fd said_;
};

std::uint64_t file_size(const std::string& path) {
  std::error_code missing;
  const std::uintmax_t size = fs::file_size(path, missing);
  return missing ? 0 : size;
}

// As the directory would be found if the process was killed now.
void copy_files(const temp_dir& from, const temp_dir& to) {
  for (const auto& [name, content] : snapshot(from)) {
    if (!name.ends_with(".lock")) to.write(name, content);
  }
}

void in_use(const std::string& path, const std::string& real) {
  const auto second = history_file::open(path);
  must(!second.has_value(), "opened twice");
  must(second.error().code() == errc::busy, "not busy: " + second.error().text());
  must(second.error().text() == "'" + real + "' is in use by another server", second.error().text());
}

// Commits until it fails, and gives that failure.
tcptools::error fill(history_file& file, std::uint64_t& next) {
  for (;;) {
    const result<void> done = file.commit(messages("lobby", next, 500));
    if (!done) return done.error();
    next += 500;
    must(next < 1'000'000, "nothing fails");
  }
}

}  // namespace

TEST_CASE("whatever was acknowledged is there after the process was killed, and nothing is half there") {
  const temp_dir dir;
  const std::string path = dir / "h.db";
  std::uint64_t first = 1;
  for (int round = 0; round < 12; ++round) {
    const std::uint64_t size = round % 3 == 0 ? 1 : 40;
    committing_process process{path, first, size};
    std::uint64_t acknowledged = 0;
    // At a different point of a commit each time.
    for (int batch = 0; batch < 5 + 7 * round; ++batch) acknowledged = process.next().value_or(acknowledged);
    std::this_thread::sleep_for(std::chrono::microseconds{137 * round});
    process.kill();
    while (const auto id = process.next()) acknowledged = *id;

    const auto file = open_history(path);
    const auto contents = file->load();
    REQUIRE(contents);
    REQUIRE(contents->rooms.size() == 1);
    const stored_room& room = contents->rooms[0];
    CHECK(room.next > acknowledged);
    CHECK((room.next - first) % size == 0);
    CHECK(room.messages.size() == room.next - 1);
    CHECK(contents->keys.size() == room.next - 1);
    CHECK(room.messages.back().text == "text " + std::to_string(room.next - 1));
    first = room.next;
  }
  CHECK(sql(path, "PRAGMA integrity_check") == "ok");
}

TEST_CASE("a log that a killed server left behind is read") {
  const temp_dir dir;
  const temp_dir copy;
  const auto file = open_history(dir / "h.db");
  REQUIRE(file->commit(new_room("lobby")));
  REQUIRE(file->commit(messages("lobby", 1, 30, "k")));
  copy_files(dir, copy);
  REQUIRE(file_size(copy / "h.db-wal") > 0);
  if (GENERATE(false, true)) fs::remove(copy / "h.db-shm");
  CHECK(loaded(copy / "h.db") == loaded(*file));
  CHECK(snapshot(copy).size() == 1);
}

TEST_CASE("one server at a time has a history") {
  const temp_dir dir;
  const std::string path = dir / "h.db";
  const std::string link = dir / "link";
  fs::create_symlink("h.db", link);
  auto file = open_history(path);
  REQUIRE(file->commit(new_room("lobby")));
  for (const std::string& name : {path, link}) {
    in_use(name, path);
    in_child([&] { in_use(name, path); });
  }
  // The locks of the first are as they were: whoever else closes the database last must not take its log away.
  in_child([&] { must(sql(path, "SELECT count(*) FROM room") == "1", "not there"); });
  CHECK(file_size(path + "-wal") > 0);
  REQUIRE(file->commit(messages("lobby", 1, 1)));
  file.reset();
  CHECK(loaded(link) == "lobby 0123456789abcdef next 2: 1@1000 <alice> text 1;\n");
}

TEST_CASE("a lock ends with its process") {
  const temp_dir dir;
  const std::string path = dir / "h.db";
  {
    committing_process process{path, 1, 1};
    REQUIRE(process.next() == 1);
    in_use(path, path);
  }
  CHECK(fs::exists(path + ".lock"));
  CHECK(loaded(path).starts_with("lobby"));
  CHECK_FALSE(fs::exists(path + ".lock"));
}

TEST_CASE("somebody may read the database while it is in use, and stay beyond a restart") {
  const temp_dir dir;
  const std::string path = dir / "h.db";
  auto file = open_history(path);
  REQUIRE(file->commit(new_room("lobby")));
  const sqlite_user user{path};
  user("BEGIN");
  CHECK(user("SELECT count(*) FROM message") == "0");
  REQUIRE(file->commit(messages("lobby", 1, 1)));
  CHECK(user("SELECT count(*) FROM message") == "0");
  file.reset();
  file = open_history(path);
  CHECK(loaded(*file) == "lobby 0123456789abcdef next 2: 1@1000 <alice> text 1;\n");
  REQUIRE(file->commit(messages("lobby", 2, 1)));
  user("COMMIT");
  CHECK(user("SELECT count(*) FROM message") == "2");
  file.reset();
  CHECK(file_size(path + "-wal") == 0);
}

TEST_CASE("the log does not grow with what is written") {
  const temp_dir dir;
  const std::string path = dir / "h.db";
  const auto file = open_history(path);
  REQUIRE(file->commit(new_room("lobby")));
  std::uint64_t largest = 0;
  for (std::uint64_t id = 1; id <= 60'000; id += 1000) {
    history_batch batch = messages("lobby", id, 1000);
    for (stored_message& one : batch.messages) one.text.resize(400, '.');
    REQUIRE(file->commit(batch));
    largest = std::max(largest, file_size(path + "-wal"));
  }
  CHECK(file_size(path) > 20'000'000);
  CHECK(largest < 8'000'000);
}

TEST_CASE("a file that may not grow fails commits until it may") {
  const temp_dir dir;
  const std::string path = dir / "h.db";
  in_child([&] {
    const auto file = open_history(path);
    must(file->commit(new_room("lobby")).has_value(), "no room");
    must(::signal(SIGXFSZ, SIG_IGN) != SIG_ERR, "no signal");
    rlimit unlimited{};
    must(::getrlimit(RLIMIT_FSIZE, &unlimited) == 0, "no limit");
    const rlimit small{200'000, unlimited.rlim_max};
    must(::setrlimit(RLIMIT_FSIZE, &small) == 0, "no limit");

    std::uint64_t next = 1;
    for (int time = 0; time < 3; ++time) {
      const tcptools::error failure = fill(*file, next);
      must(failure.code() == errc::storage_full, failure.text());
      must(failure.text().starts_with("cannot write '" + path + "': "), failure.text());
    }
    must(next > 1, "nothing was committed");
    const auto contents = file->load();
    must(contents && contents->rooms[0].next == next, "something is half there");

    must(::setrlimit(RLIMIT_FSIZE, &unlimited) == 0, "no limit");
    must(file->commit(messages("lobby", next, 2)).has_value(), "it still fails");
    must(loaded(*file).starts_with("lobby 0123456789abcdef next " + std::to_string(next + 2) + ":"), "lost");
  });
  const auto contents = open_history(path)->load();
  REQUIRE(contents);
  CHECK(contents->rooms[0].messages.size() == contents->rooms[0].next - 1);
}

TEST_CASE("a full disk fails commits until there is room, and a killed server's history is whole") {
  const temp_dir dir;
  in_child([&] {
    const unsigned flags = ::geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER;
    const bool has_disk = ::unshare(static_cast<int>(flags)) == 0 &&
                          ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                          ::mount("tmpfs", dir.path().c_str(), "tmpfs", 0, "size=1m") == 0;
    if (!has_disk) return;  // not allowed here

    const std::string path = dir / "h.db";
    const std::string other = dir.write("other", std::string(300'000, 'x'));
    auto file = open_history(path);
    must(file->commit(new_room("lobby")).has_value(), "no room");
    std::uint64_t next = 1;
    for (int time = 0; time < 3; ++time) {
      const tcptools::error failure = fill(*file, next);
      must(failure.code() == errc::storage_full, failure.text());
    }
    // A log that cannot be moved into the file is no reason to lose it.
    file.reset();
    file = open_history(path);
    auto contents = file->load();
    must(contents && contents->rooms[0].next == next, "something is lost or half there");

    fs::remove(other);
    must(file->commit(messages("lobby", next, 10)).has_value(), "it still fails");
    file.reset();
    contents = open_history(path)->load();
    must(contents && contents->rooms[0].next == next + 10, "something is lost");
  });
}

TEST_CASE("a history is not made on a full disk") {
  const temp_dir dir;
  in_child([&] {
    must(::signal(SIGXFSZ, SIG_IGN) != SIG_ERR, "no signal");
    const rlimit small{10'000, 10'000};
    must(::setrlimit(RLIMIT_FSIZE, &small) == 0, "no limit");
    const auto file = history_file::open(dir / "h.db");
    must(!file.has_value() && file.error().code() == errc::storage_full, "it was made");
    must(file.error().text() == "cannot make '" + dir / "h.db" + "': File too large", file.error().text());
  });
  CHECK(snapshot(dir).empty());
}

TEST_CASE("nothing is acknowledged that went to a file which is no longer there") {
  const temp_dir dir;
  const std::string path = dir / "h.db";
  const auto file = open_history(path);
  REQUIRE(file->commit(new_room("lobby")));
  fs::rename(path, dir / "old.db");
  if (GENERATE(false, true)) dir.write("h.db", "something else");
  const result<void> done = file->commit(messages("lobby", 1, 1));
  REQUIRE_FALSE(done);
  CHECK(done.error().code() == errc::storage_failed);
  CHECK(done.error().text() == "cannot write '" + path + "': it was removed or replaced, which needs a restart");
}
