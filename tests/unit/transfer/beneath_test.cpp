#include "tcptools/transfer/beneath.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"
#include "tcptools/transfer/limits.hpp"
#include "tcptools/transfer/safe_path.hpp"

namespace fs = std::filesystem;
using namespace tcptools::transfer;
using tcptools::errc;
using tcptools::unique_fd;
using tcptools::testing::temp_dir;

namespace {

constexpr int reading = O_RDONLY;
constexpr int making = O_WRONLY | O_CREAT | O_EXCL;

beneath open_root(const std::string& path, resolution how) {
  auto root = beneath::open(path, how);
  REQUIRE(root);
  return std::move(*root);
}

std::string content_of(const unique_fd& file) {
  std::array<char, 64> bytes{};
  const ssize_t got = ::pread(file.get(), bytes.data(), bytes.size(), 0);
  return got < 0 ? "?" : std::string{bytes.data(), static_cast<std::size_t>(got)};
}

bool is_same(const unique_fd& open, const std::string& path) {
  struct stat left{};
  struct stat right{};
  return ::fstat(open.get(), &left) == 0 && ::stat(path.c_str(), &right) == 0 && left.st_ino == right.st_ino &&
         left.st_dev == right.st_dev;
}

// A directory to be opened, beside one that nothing may reach.
struct two_directories {
  temp_dir dir;
  resolution how = resolution::automatic;

  explicit two_directories(resolution chosen) : how{chosen} {
    fs::create_directories(dir / "root");
    dir.write("outside/secret", "secret");
    fs::create_directories(dir / "outside/sub");
  }

  [[nodiscard]] beneath root() const { return open_root(dir / "root", how); }
  void link(const std::string& target, const std::string& name) const {
    fs::create_symlink(target, dir / ("root/" + name));
  }
  // Nothing was made, removed or written there.
  [[nodiscard]] bool outside_is_untouched() const {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& one : fs::recursive_directory_iterator{dir / "outside"}) ++count;
    return count == 2 && dir.read("outside/secret") == "secret";
  }
};

constexpr resolution both[] = {resolution::automatic, resolution::stepwise};

}  // namespace

TEST_CASE("a path is cut at its last slash") {
  CHECK(leaf_of("a") == "a");
  CHECK(parent_of("a").empty());
  CHECK(leaf_of("a/b/c") == "c");
  CHECK(parent_of("a/b/c") == "a/b");
}

TEST_CASE("only a directory can be opened") {
  const temp_dir dir;
  dir.write("file", "x");
  for (const char* name : {"file", "missing"}) {
    const auto root = beneath::open(dir / name);
    REQUIRE_FALSE(root);
    CHECK(root.error().code() == errc::usage);
    CHECK(root.error().text().find(name) != std::string::npos);
  }
  CHECK(beneath::open(dir.path()));
}

TEST_CASE("the directory itself may be named through a link") {
  const temp_dir dir;
  dir.write("real/file", "content");
  fs::create_directory_symlink("real", dir / "link");
  for (const resolution how : both)
    CHECK(content_of(open_root(dir / "link", how).open_file("file", reading)) == "content");
}

TEST_CASE("files are opened and made at any depth") {
  for (const resolution how : both) {
    const temp_dir dir;
    dir.write("a/b/file", "content");
    const beneath root = open_root(dir.path(), how);
    CHECK(content_of(root.open_file("a/b/file", reading)) == "content");
    CHECK(is_same(root.open_file("a/b", reading | O_DIRECTORY), dir / "a/b"));

    const unique_fd made = root.open_file("a/b/new", making, 0600);
    REQUIRE(made);
    CHECK((fs::status(dir / "a/b/new").permissions() & fs::perms::mask) ==
          (fs::perms::owner_read | fs::perms::owner_write));
    CHECK((::fcntl(made.get(), F_GETFD) & FD_CLOEXEC) != 0);

    CHECK_FALSE(root.open_file("a/c/file", reading));
    CHECK(errno == ENOENT);
    CHECK_FALSE(root.open_file("a/b/file/x", reading));
    CHECK(errno == ENOTDIR);
    CHECK_FALSE(root.open_file("a/b/file", making, 0600));
    CHECK(errno == EEXIST);
  }
}

TEST_CASE("the directory stays the one that was opened") {
  for (const resolution how : both) {
    const temp_dir dir;
    dir.write("root/file", "old");
    dir.write("other/file", "new");
    const beneath root = open_root(dir / "root", how);
    fs::rename(dir / "root", dir / "moved");
    fs::rename(dir / "other", dir / "root");
    CHECK(content_of(root.open_file("file", reading)) == "old");
  }
}

TEST_CASE("a link out of the directory is never followed") {
  for (const auto& [how, absolute] : {std::pair{resolution::automatic, true}, std::pair{resolution::automatic, false},
                                      std::pair{resolution::stepwise, true}, std::pair{resolution::stepwise, false}}) {
    const two_directories place{how};
    const temp_dir& dir = place.dir;
    fs::create_directories(dir / "root/d");
    place.link(absolute ? dir / "outside/secret" : "../outside/secret", "leaf");
    place.link(absolute ? dir / "outside/new" : "../outside/new", "dangling");
    place.link(absolute ? dir / "outside" : "../outside", "up");
    place.link(absolute ? dir / "outside" : "../../outside", "d/up");
    place.link("up", "via");
    place.link("..", "parent");
    place.link("/", "top");
    const beneath root = place.root();
    CAPTURE(absolute);
    for (const char* path : {"leaf", "up/secret", "d/up/secret", "via/secret", "parent/outside/secret"}) {
      CAPTURE(path);
      CHECK_FALSE(root.open_file(path, reading));
      CHECK((errno == EXDEV || errno == ELOOP || errno == ENOTDIR));
    }
    CHECK_FALSE(root.open_file("top" + (dir / "outside/secret"), reading));
    for (const char* path : {"dangling", "up/new", "d/up/new", "via/new", "parent/outside/new", "up/secret"}) {
      CAPTURE(path);
      CHECK_FALSE(root.open_file(path, O_WRONLY | O_CREAT | O_TRUNC, 0600));
    }
    for (const char* path : {"up/x", "d/up/x", "via/x", "parent/x", "top/x", "up/sub/x", "up/new/x", "dangling/x",
                             "parent/outside/new/x"}) {
      CAPTURE(path);
      std::vector<std::string> made;
      CHECK_FALSE(root.open_parent(path));
      CHECK_FALSE(root.open_parent(path, &made));
      CHECK(made.empty());
      CHECK_FALSE(root.sync_parents(path));
    }
    CHECK(place.outside_is_untouched());
    CHECK_FALSE(fs::exists(dir / "new"));
  }
}

TEST_CASE("a link within the directory is followed by the kernel and refused step by step") {
  const temp_dir dir;
  dir.write("root/real/file", "content");
  fs::create_directories(dir / "root/d");
  fs::create_directory_symlink("real", dir / "root/link");
  fs::create_directory_symlink("../real", dir / "root/d/link");
  fs::create_symlink("real/file", dir / "root/leaf");
  fs::create_directory_symlink(dir / "root/real", dir / "root/absolute");
  for (const char* path : {"link/file", "d/link/file", "leaf"}) {
    CAPTURE(path);
    CHECK(content_of(open_root(dir / "root", resolution::automatic).open_file(path, reading)) == "content");
    CHECK_FALSE(open_root(dir / "root", resolution::stepwise).open_file(path, reading));
    CHECK((errno == ELOOP || errno == ENOTDIR));
  }
  // An absolute target leads out first, wherever it ends.
  for (const resolution how : both) CHECK_FALSE(open_root(dir / "root", how).open_file("absolute/file", reading));

  std::vector<std::string> made;
  const unique_fd parent = open_root(dir / "root", resolution::automatic).open_parent("d/link/x/y/file", &made);
  CHECK(is_same(parent, dir / "root/real/x/y"));
  CHECK_FALSE(made.empty());
  made.clear();
  CHECK_FALSE(open_root(dir / "root", resolution::stepwise).open_parent("d/link/z/file", &made));
  CHECK(made.empty());
  CHECK_FALSE(fs::exists(dir / "root/real/z"));
}

TEST_CASE("links of the kernel itself are not followed") {
  for (const resolution how : both) {
    if (!fs::exists("/proc/self/root")) return;
    const beneath proc = open_root("/proc/self", how);
    CHECK_FALSE(proc.open_file("root/etc", reading));
    CHECK_FALSE(proc.open_file("cwd", reading));
    CHECK_FALSE(proc.open_parent("root/x"));
  }
}

TEST_CASE("links around in a circle end") {
  for (const resolution how : both) {
    const two_directories place{how};
    place.link("b", "a");
    place.link("a", "b");
    std::vector<std::string> made;
    CHECK_FALSE(place.root().open_file("a", reading));
    CHECK_FALSE(place.root().open_parent("a/x", &made));
    CHECK(made.empty());
  }
}

TEST_CASE("dots that would lead out do not, though paths with them never come this far") {
  const two_directories place{resolution::automatic};
  fs::create_directories(place.dir / "root/d");
  const beneath root = place.root();
  for (const char* path : {"../outside/secret", "d/../../outside/secret", "..", "d/../.."}) {
    CAPTURE(path);
    CHECK_FALSE(root.open_file(path, reading));
    CHECK(errno == EXDEV);
  }
  std::vector<std::string> made;
  CHECK_FALSE(root.open_parent("../outside/x", &made));
  CHECK_FALSE(root.open_parent("../outside/new/x", &made));
  CHECK(made.empty());
  CHECK(place.outside_is_untouched());
}

TEST_CASE("an absolute path leads nowhere, though none comes this far") {
  for (const resolution how : both) {
    const two_directories place{how};
    CHECK_FALSE(place.root().open_file(place.dir / "outside/secret", reading));
  }
}

TEST_CASE("missing directories are made where that is asked for, and told") {
  for (const resolution how : both) {
    const temp_dir dir;
    const beneath root = open_root(dir.path(), how);
    CHECK_FALSE(root.open_parent("a/b/c/file"));
    CHECK(errno == ENOENT);
    CHECK_FALSE(fs::exists(dir / "a"));

    std::vector<std::string> made;
    CHECK(is_same(root.open_parent("a/b/c/file", &made), dir / "a/b/c"));
    CHECK(made == std::vector<std::string>{"a", "a/b", "a/b/c"});
    CHECK(root.sync_parents("a/b/c/file"));
    made.clear();
    CHECK(is_same(root.open_parent("a/b/c/file", &made), dir / "a/b/c"));
    CHECK(made.empty());
    CHECK(is_same(root.open_parent("a/b/c/d/file", &made), dir / "a/b/c/d"));
    CHECK_FALSE(made.empty());
    made.clear();
    const unique_fd itself = root.open_parent("file", &made);
    CHECK(is_same(itself, dir.path().string()));
    CHECK(itself.get() != root.get());
    CHECK(made.empty());
    CHECK(root.sync_parents("file"));
  }
}

TEST_CASE("a file on the way to a parent stays what it is") {
  for (const resolution how : both) {
    const temp_dir dir;
    dir.write("a", "content");
    const beneath root = open_root(dir.path(), how);
    std::vector<std::string> made;
    for (const char* path : {"a/file", "a/b/file"}) {
      CHECK_FALSE(root.open_parent(path, &made));
      CHECK(errno == ENOTDIR);
    }
    CHECK(made.empty());
    CHECK(dir.read("a") == "content");
  }
}

TEST_CASE("the directories of the longest path can be made") {
  std::string path(255, 'd');
  for (int i = 0; i < 14; ++i) path += "/" + std::string(255, 'd');
  path += "/" + std::string(253, 'd') + "/f/g";
  REQUIRE(path.size() == limits::path + 1);
  for (const resolution how : both) {
    const temp_dir dir;
    const beneath root = open_root(dir.path(), how);
    const std::string_view longest = std::string_view{path}.substr(0, path.size() - 1);
    std::vector<std::string> made;
    CHECK(root.open_parent(longest, &made));
    CHECK_FALSE(made.empty());
    CHECK(root.sync_parents(longest));
    CHECK_FALSE(root.open_file(parent_of(longest), making, 0600));
    CHECK(errno == EEXIST);
  }
}

TEST_CASE("nothing outside is reached while a directory is swapped for a link out") {
  for (const resolution how : both) {
    const two_directories place{how};
    const temp_dir& dir = place.dir;
    dir.write("root/swap/secret", "inside");
    place.link("../outside", "link");
    const beneath root = place.root();

    // swap is now a directory with a harmless file in it, now a link to the other one.
    std::atomic<bool> stop{false};
    std::thread swapper{[&stop, directory = dir / "root"] {
      const std::string one = directory + "/swap";
      const std::string other = directory + "/link";
      while (!stop) (void)::renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE);
    }};
    unsigned opened = 0;
    unsigned refused = 0;
    std::optional<std::string> wrong;
    for (int i = 0; i < 20'000 && !wrong; ++i) {
      const unique_fd file = root.open_file("swap/secret", reading);
      file ? ++opened : ++refused;
      if (file && content_of(file) != "inside") wrong = content_of(file);
      std::vector<std::string> made;
      const unique_fd parent = root.open_parent("swap/made/x", i % 16 == 0 ? &made : nullptr);
      if (!made.empty() && fs::exists(dir / "outside/made")) wrong = "a directory was made outside";
      const unique_fd fresh = root.open_file("swap/new", O_WRONLY | O_CREAT, 0600);
    }
    stop = true;
    swapper.join();
    CHECK(wrong.value_or("") == "");
    CHECK(opened > 0);
    CHECK(refused > 0);
    CHECK(place.outside_is_untouched());
  }
}

TEST_CASE("nothing outside is reached while a file is swapped for a link out") {
  for (const resolution how : both) {
    const two_directories place{how};
    const temp_dir& dir = place.dir;
    dir.write("root/file", "inside");
    place.link(dir / "outside/secret", "link");
    const beneath root = place.root();
    std::atomic<bool> stop{false};
    std::thread swapper{[&stop, directory = dir / "root"] {
      const std::string one = directory + "/file";
      const std::string other = directory + "/link";
      while (!stop) (void)::renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE);
    }};
    unsigned opened = 0;
    unsigned wrong = 0;
    for (int i = 0; i < 20'000; ++i) {
      const unique_fd file = root.open_file("file", i % 2 == 0 ? O_RDONLY : O_RDWR);
      if (!file) continue;
      ++opened;
      if (content_of(file) != "inside") ++wrong;
    }
    stop = true;
    swapper.join();
    CHECK(opened > 0);
    CHECK(wrong == 0);
    CHECK(place.outside_is_untouched());
  }
}

TEST_CASE("a narrower root is made where it is missing") {
  for (const resolution how : both) {
    const temp_dir dir;
    const beneath root = open_root(dir.path(), how);
    const auto narrow = root.narrowed("a/b");
    REQUIRE(narrow);
    CHECK(fs::is_directory(dir / "a/b"));
    CHECK(narrow->open_file("f", making, 0600));
    CHECK(fs::exists(dir / "a/b/f"));
    const auto again = root.narrowed("a/b");
    REQUIRE(again);
    CHECK(content_of(again->open_file("f", reading)).empty());
  }
}

TEST_CASE("nothing leads out of a narrower root, nor into another than the one that is meant") {
  for (const resolution how : both) {
    const two_directories place{how};
    const temp_dir& dir = place.dir;
    dir.write("root/secret", "secret");
    fs::create_directory(dir / "root/mine");
    fs::create_symlink("../secret", dir / "root/mine/up");
    fs::create_symlink("../../outside/secret", dir / "root/mine/out");
    fs::create_directory_symlink("..", dir / "root/mine/above");
    fs::create_directory_symlink("mine", dir / "root/link");
    const beneath root = place.root();
    const auto narrow = root.narrowed("mine");
    REQUIRE(narrow);
    for (const char* path : {"up", "out", "above/secret"}) {
      CAPTURE(path);
      CHECK_FALSE(narrow->open_file(path, reading));
    }
    CHECK_FALSE(root.narrowed("link"));
    CHECK_FALSE(root.narrowed("mine/above"));
    CHECK_FALSE(root.narrowed("mine/above/new"));
    CHECK_FALSE(root.narrowed("secret"));
    CHECK(place.outside_is_untouched());
    CHECK_FALSE(fs::exists(dir / "root/new"));
  }
}
