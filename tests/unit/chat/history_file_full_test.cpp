// A history that may not grow, and one that does not grow without need.
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>

#include "history_rig.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"
#include "tcptools/chat/history_file.hpp"

namespace fs = std::filesystem;
using namespace tcptools::chat;
using namespace tcptools::testing;
using tcptools::errc;
using tcptools::result;

namespace {

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
