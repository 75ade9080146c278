// What a session sees whose key does not entitle to all of the store.
#include <filesystem>
#include <memory>
#include <string>

#include "disk_store_rig.hpp"
#include "support/catch.hpp"
#include "tcptools/transfer/disk_store.hpp"

namespace fs = std::filesystem;
using namespace tcptools::testing;
using namespace tcptools::transfer;
using tcptools::as_bytes;
using tcptools::as_text;
using tcptools::byte_buffer;
using tcptools::errc;
using tcptools::result;

namespace {

std::shared_ptr<store> view_of(const store_rig& rig, const std::string& directory, bool no_replace = false) {
  auto view = rig.store->narrowed({directory, unlimited_bytes, no_replace});
  if (!view) FAIL(view.error().text());
  return std::move(*view);
}

result<placed> put_in(store& where, const entry& item, const std::string& content) {
  const small_file file{&item, as_bytes(content), digest_of(as_bytes(content))};
  return where.put({&file, 1}).at(0);
}
result<placed> put_in(store& where, const std::string& path, const std::string& content) {
  return put_in(where, file_entry(path, content.size()), content);
}

result<placed> send_to(store& where, const std::string& path, const byte_buffer& content) {
  const entry item = file_entry(path, content.size());
  auto file = where.open(item);
  if (!file) return file.error();
  return complete(**file, item, content).outcome;
}

result<placed> stream_to(store& where, const std::string& path, const std::string& content) {
  auto file = where.open(stream_entry(path));
  if (!file) return file.error();
  if (const auto written = (*file)->write(0, as_bytes(content), digest_of(as_bytes(content))); !written)
    return written.error();
  return (*file)->commit(content.size());
}

}  // namespace

TEST_CASE("a view's paths are relative to its directory, and so is what it says") {
  for (const bool fsync : {false, true}) {
    store_options options = quick_options();
    options.fsync = fsync;
    const store_rig rig{options};
    CHECK_FALSE(rig.exists("logs"));
    const auto view = view_of(rig, "logs/web");
    CHECK(is_new(put_in(*view, "a/f", "content"), "a/f"));
    CHECK(rig.read("logs/web/a/f") == "content");
    CHECK(is_new(send_to(*view, "large", noise(some_size, 1)), "large"));
    CHECK(rig.holds("logs/web/large", noise(some_size, 1)));
    CHECK(is_new(stream_to(*view, "s", "stream"), "s"));
    CHECK(rig.read("logs/web/s") == "stream");
    CHECK(is_new(view->make_directory(directory_entry("d")), "d"));
    CHECK(rig.mode("logs/web/d") == 0750);
    CHECK(is_new(view->make_symlink(link_entry("l", "target")), "l"));
    CHECK(fs::read_symlink(rig / "logs/web/l") == "target");
    CHECK(is_unchanged(put_in(*view, "a/f", "content"), "a/f"));
    const auto found = look_up(*view, file_entry("a/f", 7), digest_of(as_bytes("content")));
    CHECK((found && *found));
    CHECK(rig.unfinished() == 0);
    CHECK_FALSE(rig.exists("logs/web/.tcpsend"));
  }
}

TEST_CASE("what is outside of a view's directory cannot be seen") {
  const store_rig rig;
  rig.write("f", "above");
  fs::create_directory(rig / "mine");
  const auto view = view_of(rig, "mine");
  const auto found = look_up(*view, file_entry("f", 5), digest_of(as_bytes("above")));
  REQUIRE(found);
  CHECK_FALSE(*found);
  CHECK(is_new(put_in(*view, "f", "mine"), "f"));
  CHECK(rig.read("f") == "above");
  // The very name of the directory is one like any other inside.
  CHECK(is_new(put_in(*view, "mine/f", "deeper"), "mine/f"));
  CHECK(rig.read("mine/mine/f") == "deeper");
}

TEST_CASE("what was left unfinished outside of a view's directory is not claimed in it") {
  const store_rig rig;
  const byte_buffer content = noise(some_size, 1);
  const entry item = file_entry("f", content.size());
  {
    const auto file = rig.open(item);
    const auto first = block_of(content, 0, smallest_block);
    REQUIRE(file->write(0, first, digest_of(first)));
    REQUIRE(file->checkpoint());
  }
  CHECK(rig.exists(store_rig::part_of("f")));
  const auto view = view_of(rig, "mine");
  CHECK((*view->open(item))->checked() == 0);
  CHECK(rig.open(item)->checked() == 1);
}

TEST_CASE("links do not lead out of a view's directory") {
  const store_rig rig;
  rig.write("other/f", "other");
  fs::create_directory(rig / "mine");
  fs::create_directory_symlink("../other", rig / "mine/up");
  fs::create_directory_symlink("../.tcpsend", rig / "mine/own");
  fs::create_directory_symlink("..", rig / "mine/above");
  const auto view = view_of(rig, "mine");
  for (const std::string path : {"up/f", "own/f", "above/f", "above/other/f"}) {
    CAPTURE(path);
    CHECK_FALSE(put_in(*view, path, "other"));
    CHECK_FALSE(send_to(*view, path, noise(some_size, 1)));
    CHECK_FALSE(look_up(*view, file_entry(path, 5), digest_of(as_bytes("other"))));
    CHECK_FALSE(view->make_directory(directory_entry(path)));
    CHECK_FALSE(view->make_symlink(link_entry(path, "x")));
  }
  CHECK_FALSE(view->make_directory(directory_entry("above")));
  CHECK(rig.read("other/f") == "other");
  CHECK(rig.unfinished() == 0);
}

TEST_CASE("links that a session makes do not let it out either") {
  const store_rig rig;
  rig.write("secret", "secret");
  const auto view = view_of(rig, "mine");
  CHECK(view->make_symlink(link_entry("up", "..")));
  CHECK_FALSE(put_in(*view, "up/secret", "changed"));
  CHECK_FALSE(look_up(*view, file_entry("up/secret", 6), digest_of(as_bytes("secret"))));
  CHECK(rig.read("secret") == "secret");
}

TEST_CASE("a directory of a key is not reached through a link") {
  const store_rig rig;
  fs::create_directory(rig / "other");
  fs::create_directory_symlink("other", rig / "mine");
  for (const std::string directory : {"mine", "mine/sub"}) {
    const auto view = rig.store->narrowed({directory, unlimited_bytes, false});
    REQUIRE_FALSE(view);
    CHECK(view.error().text().find("mine") == std::string::npos);
  }
  CHECK(fs::is_empty(rig / "other"));
  rig.write("file", "");
  CHECK_FALSE(rig.store->narrowed({"file", unlimited_bytes, false}));
}

TEST_CASE("of one path there is one lock, whatever it is seen from") {
  const store_rig rig;
  const byte_buffer content = noise(some_size, 1);
  const auto view = view_of(rig, "mine/sub");
  const auto wider = view_of(rig, "mine");
  {
    const auto held = view->open(file_entry("f", content.size()));
    REQUIRE(held);
    CHECK(failed_with(rig.store->open(file_entry("mine/sub/f", content.size())), errc::busy));
    CHECK(failed_with(wider->open(file_entry("sub/f", content.size())), errc::busy));
    CHECK(rig.store->open(file_entry("f", content.size())));
    const auto first = block_of(content, 0, smallest_block);
    REQUIRE((*held)->write(0, first, digest_of(first)));
  }
  // And what was interrupted goes on, since it is the same file.
  CHECK(rig.open(file_entry("mine/sub/f", content.size()))->checked() == 1);
}

TEST_CASE("a view outlives a directory that is replaced, and the next one sees the new one") {
  const store_rig rig;
  const auto view = view_of(rig, "mine");
  CHECK(view_of(rig, "mine") == view);
  CHECK(view_of(rig, "mine", true) != view);
  CHECK(is_new(put_in(*view, "f", "old"), "f"));
  fs::remove_all(rig / "mine");
  CHECK_FALSE(put_in(*view, "f", "new"));
  const auto next = view_of(rig, "mine");
  CHECK(is_new(put_in(*next, "f", "new"), "f"));
  CHECK(rig.read("mine/f") == "new");
}

TEST_CASE("a path that is too long together with its directory is not resumed under a name that is no path") {
  const store_rig rig;
  const std::string directory(200, 'd');
  std::string path;
  while (path.size() + 200 < 4090) path += std::string(199, 'p') + "/";
  path += "f";
  const auto view = view_of(rig, directory);
  CHECK(is_new(send_to(*view, path.substr(200), noise(some_size, 1)), path.substr(200)));
  CHECK(failed_with(view->open(file_entry(path, some_size)), errc::name_rejected));
}

TEST_CASE("no-replace: what is there stays, however it is offered") {
  store_rig rig;
  const byte_buffer old = noise(some_size, 1);
  byte_buffer changed = old;
  changed.back() ^= std::byte{1};
  rig.write("large", std::string{as_text(old)});
  rig.write("small", "old");
  fs::create_symlink("old", rig / "link");
  const auto view = view_of(rig, "", true);
  CHECK(failed_with(put_in(*view, "small", "new"), errc::conflict));
  CHECK(failed_with(put_in(*view, "small", "longer"), errc::conflict));
  CHECK(failed_with(stream_to(*view, "small", "old"), errc::conflict));
  CHECK(failed_with(send_to(*view, "large", noise(some_size + 1, 1)), errc::conflict));
  CHECK(failed_with(send_to(*view, "small", noise(some_size, 1)), errc::conflict));
  CHECK(failed_with(view->make_symlink(link_entry("link", "new")), errc::conflict));
  CHECK(failed_with(put_in(*view, "link", "new"), errc::conflict));
  CHECK(rig.unfinished() == 0);
  CHECK(failed_with(send_to(*view, "large", changed), errc::conflict));
  CHECK(rig.read("small") == "old");
  CHECK(rig.holds("large", old));
  CHECK(fs::read_symlink(rig / "link") == "old");
  CHECK(is_new(put_in(*view, "new", "new"), "new"));
  CHECK(is_new(send_to(*view, "another", changed), "another"));
}

TEST_CASE("no-replace: a file that comes to be there meanwhile stays") {
  const store_rig rig;
  const byte_buffer content = noise(some_size, 1);
  const entry item = file_entry("f", content.size());
  const auto view = view_of(rig, "", true);
  auto file = view->open(item);
  REQUIRE(file);
  rig.write("f", "meanwhile");
  CHECK(failed_with(complete(**file, item, content).outcome, errc::conflict));
  CHECK(rig.read("f") == "meanwhile");
}

TEST_CASE("no-replace: an identical file is delivered, and is left as it is") {
  const store_rig rig;
  const byte_buffer content = noise(some_size, 1);
  REQUIRE(rig.send(file_entry("large", content.size()), content).outcome);
  REQUIRE(rig.put("small", "same"));
  const auto view = view_of(rig, "", true);
  entry small = file_entry("small", 4);
  entry large = file_entry("large", content.size());
  for (entry* const one : {&small, &large}) {
    one->mode = 0777;
    one->modified = {1'000'000, 0};
  }
  CHECK(is_unchanged(put_in(*view, small, "same"), "small"));
  const auto found = look_up(*view, small, digest_of(as_bytes("same")));
  CHECK((found && *found));
  const auto file = view->open(large);
  REQUIRE(file);
  REQUIRE((*file)->adoptable());
  CHECK(is_unchanged((*file)->adopt(), "large"));
  for (const std::string path : {"small", "large"}) {
    CHECK(rig.mode(path) == 0640);
    CHECK(rig.modified(path) == timestamp{1'700'000'000, 5});
  }
}

TEST_CASE("no-replace: a directory keeps its mode unless it was made for this key") {
  const store_rig rig;
  fs::create_directory(rig / "old");
  const unsigned before = rig.mode("old");
  const auto view = view_of(rig, "", true);
  entry item = directory_entry("old");
  item.mode = 0700;
  CHECK(is_unchanged(view->make_directory(item), "old"));
  CHECK(rig.mode("old") == before);
  CHECK(is_new(put_in(*view, "new/sub/f", "x"), "new/sub/f"));
  for (const std::string path : {"new/sub", "new"}) {
    item.path = path;
    CHECK(view->make_directory(item));
    CHECK(rig.mode(path) == 0700);
  }
}

TEST_CASE("no-replace: who keeps both goes on keeping both, and who refuses refuses") {
  store_rig rig;
  rig.write("f", "old");
  rig.use(conflict_policy::keep_both);
  CHECK(is_new(put_in(*view_of(rig, "", true), "f", "new"), "f.1"));
  rig.use(conflict_policy::refuse);
  CHECK(failed_with(put_in(*view_of(rig, "", true), "f", "other"), errc::conflict));
  CHECK(rig.read("f") == "old");
}
