// What many small files share: how often the store asks for durability is counted where it does.
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "disk_store_rig.hpp"
#include "support/catch.hpp"

using namespace tcptools::testing;
using namespace tcptools::transfer;
using tcptools::as_bytes;
using tcptools::result;

namespace {

struct sync_count {
  int files = 0;
  int directories = 0;
};

thread_local sync_count syncs;

}  // namespace

// Takes the place of the C library's in this program.
extern "C" int fsync(int fd) {
  struct stat status{};
  if (::fstat(fd, &status) == 0) ++(S_ISDIR(status.st_mode) ? syncs.directories : syncs.files);
  return static_cast<int>(::syscall(SYS_fsync, fd));
}

namespace {

std::vector<entry> entries_in(const std::vector<std::string>& directories, int files) {
  std::vector<entry> entries;
  for (const std::string& directory : directories) {
    for (int i = 0; i < files; ++i) entries.push_back(file_entry(directory + "/" + std::to_string(i), 7));
  }
  return entries;
}

store_options durable() {
  store_options options = quick_options();
  options.fsync = true;
  return options;
}

}  // namespace

TEST_CASE("small files are made durable one by one, their directories once") {
  store_rig rig{durable()};
  const std::vector<entry> entries = entries_in({"a", "b"}, 40);
  std::vector<small_file> files;
  files.reserve(entries.size());
  for (const entry& one : entries) files.push_back({&one, as_bytes("content"), digest_of(as_bytes("content"))});

  syncs = {};
  for (const result<placed>& one : rig.store->put(files)) CHECK(one);
  CHECK(syncs.files == 80);
  CHECK(syncs.directories == 4);  // each, and the one above it, as both are new

  SECTION("a directory that is known is made durable alone") {
    const entry more = file_entry("a/more", 7);
    const std::vector<small_file> fresh{{&more, as_bytes("content"), digest_of(as_bytes("content"))}};
    syncs = {};
    for (const result<placed>& one : rig.store->put(fresh)) CHECK(one);
    CHECK(syncs.files == 1);
    CHECK(syncs.directories == 1);
  }
  SECTION("so are those that are found, and their directories not again") {
    std::vector<promised_file> promised;
    promised.reserve(files.size());
    for (const small_file& one : files) promised.push_back({one.item, one.content_digest});
    syncs = {};
    for (const auto& one : rig.store->find(promised)) {
      REQUIRE(one);
      CHECK(one->has_value());
    }
    CHECK(syncs.files == 80);
    CHECK(syncs.directories == 0);
  }
  SECTION("those that are found by their time are not, but their directories once") {
    rig.reopen();
    std::vector<promised_file> promised;
    promised.reserve(files.size());
    for (const small_file& one : files) promised.push_back({one.item, std::nullopt});
    for (const int directories : {4, 0}) {
      syncs = {};
      for (const auto& one : rig.store->find(promised)) {
        REQUIRE(one);
        CHECK(one->has_value());
      }
      CHECK(syncs.files == 0);
      CHECK(syncs.directories == directories);
    }
  }
  SECTION("looking for what is not there makes nothing, and makes nothing durable") {
    const entry missing = file_entry("c/0", 7);
    syncs = {};
    const auto found = look_up(*rig.store, missing, digest_of(as_bytes("content")));
    REQUIRE(found);
    CHECK_FALSE(found->has_value());
    CHECK_FALSE(rig.exists("c"));
    CHECK(syncs.files + syncs.directories == 0);
  }
}

TEST_CASE("the answers of files that are looked for together are in their order") {
  const store_rig rig;
  REQUIRE(rig.put("a/0", "content"));
  REQUIRE(rig.put("b/1", "content"));
  const std::vector<entry> entries{file_entry("a/0", 7), file_entry("a/1", 7), file_entry("b/0", 7),
                                   file_entry("b/1", 7)};
  std::vector<promised_file> promised;
  promised.reserve(entries.size());
  for (const entry& one : entries) promised.push_back({&one, digest_of(as_bytes("content"))});
  std::vector<bool> found;
  for (const auto& one : rig.store->find(promised)) {
    REQUIRE(one);
    found.push_back(one->has_value());
  }
  CHECK(found == std::vector<bool>{true, false, false, true});
}
