// A history whose server is killed.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <exception>
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
