// What becomes of a different entry of the same name, with each policy.
#include <filesystem>
#include <string>
#include <vector>

#include "disk_store_rig.hpp"
#include "support/catch.hpp"
#include "tcptools/transfer/disk_store.hpp"

namespace fs = std::filesystem;
using namespace tcptools::testing;
using namespace tcptools::transfer;
using tcptools::as_bytes;
using tcptools::byte_buffer;
using tcptools::byte_view;
using tcptools::errc;
using tcptools::result;

namespace {

constexpr conflict_policy all_policies[] = {conflict_policy::replace, conflict_policy::keep_both,
                                            conflict_policy::refuse};

result<placed> send_stream(const store_rig& rig, const std::string& path, const std::string& content) {
  auto file = rig.store->open(stream_entry(path));
  if (!file) return file.error();
  if (const auto written = (*file)->write(0, as_bytes(content), digest_of(as_bytes(content))); !written)
    return written.error();
  return (*file)->commit(content.size());
}

result<placed> send_large(const store_rig& rig, const std::string& path, const byte_buffer& content) {
  const entry item = file_entry(path, content.size());
  auto file = rig.store->open(item);
  if (!file) return file.error();
  return complete(**file, item, content).outcome;
}

}  // namespace

TEST_CASE("replace: a different file takes the place of the old one") {
  const store_rig rig;
  rig.write("f", "old");
  CHECK(is_new(rig.put("f", "new"), "f"));
  CHECK(rig.read("f") == "new");
  CHECK(is_new(rig.put("f", "longer"), "f"));
  CHECK(is_new(send_large(rig, "f", noise(100'000, 1)), "f"));
  CHECK(is_new(send_large(rig, "f", noise(70'000, 2)), "f"));
  CHECK(rig.holds("f", noise(70'000, 2)));
  CHECK(is_new(send_stream(rig, "f", "stream"), "f"));
  CHECK(rig.read("f") == "stream");
  CHECK(rig.unfinished() == 0);
}

TEST_CASE("replace: who has the old file open keeps it") {
  const store_rig rig;
  rig.write("f", "old");
  fs::create_hard_link(rig / "f", rig / "other");
  CHECK(is_new(rig.put("f", "new"), "f"));
  CHECK(rig.read("other") == "old");
}

TEST_CASE("keep both: the new one gets the next number") {
  const store_rig rig{quick_options(conflict_policy::keep_both)};
  CHECK(is_new(rig.put("d/f", "one"), "d/f"));
  CHECK(is_new(rig.put("d/f", "two"), "d/f.1"));
  CHECK(is_new(rig.put("d/f", "three"), "d/f.2"));
  CHECK(rig.read("d/f") == "one");
  CHECK(rig.read("d/f.1") == "two");
  CHECK(rig.read("d/f.2") == "three");

  const byte_buffer large = noise(100'000, 1);
  CHECK(is_new(send_large(rig, "d/f", large), "d/f.3"));
  CHECK(rig.holds("d/f.3", large));
  CHECK(rig.modified("d/f.3") == timestamp{1'700'000'000, 5});
  CHECK(is_new(send_stream(rig, "d/f", "stream"), "d/f.4"));
  CHECK(is_new(rig.store->make_symlink(link_entry("d/f", "x")), "d/f.5"));
  CHECK(fs::read_symlink(rig / "d/f.5") == "x");
  CHECK(rig.unfinished() == 0);
}

TEST_CASE("keep both: a gap is filled, and nothing in the way of a number is lost") {
  const store_rig rig{quick_options(conflict_policy::keep_both)};
  rig.write("f", "one");
  rig.write("f.2", "other");
  CHECK(is_new(rig.put("f", "two"), "f.1"));
  CHECK(is_new(rig.put("f", "three"), "f.3"));
  CHECK(rig.read("f.2") == "other");
  fs::create_symlink("nothing", rig / "f.4");
  CHECK(is_new(rig.put("f", "five"), "f.5"));
  CHECK(fs::is_symlink(rig / "f.4"));
}

TEST_CASE("keep both: a directory that has the name of a number is passed over") {
  const store_rig rig{quick_options(conflict_policy::keep_both)};
  rig.write("f", "one");
  fs::create_directory(rig / "f.1");
  CHECK(is_new(rig.put("f", "two"), "f.2"));
  CHECK(is_new(send_large(rig, "f", noise(100'000, 1)), "f.3"));
}

TEST_CASE("keep both: an identical newest version is recognized") {
  const store_rig rig{quick_options(conflict_policy::keep_both)};
  const byte_buffer large = noise(100'000, 1);
  REQUIRE(rig.put("f", "one"));
  CHECK(is_unchanged(rig.put("f", "one"), "f"));
  REQUIRE(rig.put("f", "two"));
  CHECK(is_unchanged(rig.put("f", "two"), "f.1"));
  const auto found = look_up(*rig.store, file_entry("f", 3), digest_of(as_bytes("two")));
  REQUIRE(found);
  REQUIRE(*found);
  CHECK((*found)->path == "f.1");

  REQUIRE(is_new(send_large(rig, "f", large), "f.2"));
  const auto file = rig.open(file_entry("f", large.size()));
  REQUIRE(file->adoptable());
  REQUIRE(file->checked() == 2);
  CHECK(*file->claim(1) == digest_of(block_of(large, 1)));
  CHECK(is_unchanged(file->adopt(), "f.2"));
  CHECK_FALSE(rig.exists("f.3"));
}

TEST_CASE("keep both: an identical link is recognized, numbered or not") {
  const store_rig rig{quick_options(conflict_policy::keep_both)};
  CHECK(is_new(rig.store->make_symlink(link_entry("l", "one")), "l"));
  CHECK(is_unchanged(rig.store->make_symlink(link_entry("l", "one")), "l"));
  CHECK(is_new(rig.store->make_symlink(link_entry("l", "two")), "l.1"));
  CHECK(is_unchanged(rig.store->make_symlink(link_entry("l", "two")), "l.1"));
  CHECK_FALSE(rig.exists("l.2"));
}

TEST_CASE("keep both: two files of one name in one batch are both there") {
  const store_rig rig{quick_options(conflict_policy::keep_both)};
  const entry item = file_entry("f", 1);
  const std::vector<small_file> files{{&item, as_bytes("a"), digest_of(as_bytes("a"))},
                                      {&item, as_bytes("b"), digest_of(as_bytes("b"))}};
  const auto outcomes = rig.store->put(files);
  REQUIRE(outcomes.size() == 2);
  CHECK(is_new(outcomes[0], "f"));
  CHECK(is_new(outcomes[1], "f.1"));
  CHECK(rig.read("f") == "a");
  CHECK(rig.read("f.1") == "b");
}

TEST_CASE("keep both: what appeared during the transfer is kept as well") {
  const store_rig rig{quick_options(conflict_policy::keep_both)};
  const byte_buffer content = noise(100'000, 1);
  const auto file = rig.open(file_entry("f", content.size()));
  rig.write("f", "meanwhile");
  CHECK(is_new(complete(*file, file_entry("f", content.size()), content).outcome, "f.1"));
  CHECK(rig.read("f") == "meanwhile");
}

TEST_CASE("keep both: a name that has no room for a number is refused, and the file stays") {
  const store_rig rig{quick_options(conflict_policy::keep_both)};
  const std::string name(255, 'n');
  REQUIRE(rig.put(name, "one"));
  CHECK_FALSE(rig.put(name, "two"));
  CHECK(rig.read(name) == "one");
  CHECK(rig.unfinished() == 0);
}

TEST_CASE("refuse: a different file stays") {
  const store_rig rig{quick_options(conflict_policy::refuse)};
  CHECK(is_new(rig.put("f", "one"), "f"));
  CHECK(failed_with(rig.put("f", "two"), errc::conflict));
  CHECK(failed_with(rig.put("f", "longer"), errc::conflict));
  CHECK(failed_with(rig.put("f", ""), errc::conflict));
  CHECK(failed_with(look_up(*rig.store, file_entry("f", 6), digest{}), errc::conflict));
  CHECK(failed_with(rig.store->open(file_entry("f", 100'000)), errc::conflict));
  CHECK(failed_with(rig.store->open(stream_entry("f")), errc::conflict));
  CHECK(failed_with(rig.store->make_symlink(link_entry("f", "x")), errc::conflict));
  fs::create_symlink("f", rig / "l");
  CHECK(failed_with(rig.put("l", "one"), errc::conflict));
  CHECK(failed_with(rig.store->make_symlink(link_entry("l", "x")), errc::conflict));
  CHECK(rig.read("f") == "one");
  CHECK(fs::read_symlink(rig / "l") == "f");
  CHECK(rig.unfinished() == 0);
}

TEST_CASE("refuse: an identical entry is recognized") {
  const store_rig rig{quick_options(conflict_policy::refuse)};
  REQUIRE(rig.put("f", "one"));
  CHECK(is_unchanged(rig.put("f", "one"), "f"));
  const auto found = look_up(*rig.store, file_entry("f", 3), digest_of(as_bytes("one")));
  REQUIRE(found);
  CHECK(*found);
  const auto other = look_up(*rig.store, file_entry("f", 3), digest_of(as_bytes("two")));
  REQUIRE(other);
  CHECK_FALSE(*other);
  REQUIRE(rig.store->make_symlink(link_entry("l", "x")));
  CHECK(is_unchanged(rig.store->make_symlink(link_entry("l", "x")), "l"));
  REQUIRE(rig.store->make_directory(directory_entry("d")));
  CHECK(is_unchanged(rig.store->make_directory(directory_entry("d")), "d"));

  const byte_buffer large = noise(100'000, 1);
  REQUIRE(is_new(send_large(rig, "large", large), "large"));
  const auto file = rig.open(file_entry("large", large.size()));
  REQUIRE(file->adoptable());
  CHECK(is_unchanged(file->adopt(), "large"));
}

TEST_CASE("refuse: a different file of the same size is refused when it shows, at the latest at the end") {
  const store_rig rig{quick_options(conflict_policy::refuse)};
  const byte_buffer old = noise(100'000, 1);
  REQUIRE(is_new(send_large(rig, "f", old), "f"));
  CHECK(failed_with(send_large(rig, "f", noise(100'000, 2)), errc::conflict));
  CHECK(rig.holds("f", old));
}

TEST_CASE("refuse: what appeared during the transfer stays") {
  const store_rig rig{quick_options(conflict_policy::refuse)};
  const byte_buffer content = noise(100'000, 1);
  const auto file = rig.open(file_entry("f", content.size()));
  const auto stream = rig.open(stream_entry("f"));
  rig.write("f", "meanwhile");
  CHECK(failed_with(complete(*file, file_entry("f", content.size()), content).outcome, errc::conflict));
  CHECK(failed_with(stream->commit(0), errc::conflict));
  CHECK(rig.read("f") == "meanwhile");
}

TEST_CASE("whatever the policy, nothing takes the place of a directory") {
  for (const conflict_policy policy : all_policies) {
    const store_rig rig{quick_options(policy)};
    rig.write("d/f", "content");
    CHECK(failed_with(rig.put("d", "x"), errc::conflict));
    CHECK(failed_with(rig.store->make_symlink(link_entry("d", "x")), errc::conflict));
    CHECK(failed_with(send_stream(rig, "d", "x"), errc::conflict));
    CHECK(failed_with(send_large(rig, "d", noise(100'000, 1)), errc::conflict));
    CHECK(rig.read("d/f") == "content");
  }
}

TEST_CASE("whatever the policy, a directory that appeared during the transfer stays") {
  for (const conflict_policy policy : {conflict_policy::replace, conflict_policy::refuse}) {
    const store_rig rig{quick_options(policy)};
    const auto stream = rig.open(stream_entry("d"));
    const auto file = rig.open(file_entry("d", 100'000));
    rig.write("d/f", "content");
    CHECK(failed_with(stream->commit(0), errc::conflict));
    CHECK(failed_with(complete(*file, file_entry("d", 100'000), noise(100'000, 1)).outcome, errc::conflict));
    CHECK(rig.read("d/f") == "content");
  }
}
