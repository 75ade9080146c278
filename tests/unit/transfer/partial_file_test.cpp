#include "tcptools/transfer/partial_file.hpp"

#include <sys/stat.h>

#include <filesystem>
#include <initializer_list>
#include <numeric>
#include <string>
#include <vector>

#include "disk_store_rig.hpp"
#include "support/catch.hpp"

namespace fs = std::filesystem;
using namespace tcptools::testing;
using namespace tcptools::transfer;
using tcptools::byte_buffer;
using tcptools::byte_view;
using tcptools::errc;
using tcptools::result;

namespace {

result<void> write(incoming& file, const byte_buffer& content, std::uint64_t index) {
  const byte_view block = block_of(content, index);
  return file.write(index, block, digest_of(block));
}

void write_all(incoming& file, const byte_buffer& content, std::initializer_list<std::uint64_t> blocks) {
  for (const std::uint64_t index : blocks) REQUIRE(write(file, content, index));
}

// A transfer that ends after these blocks.
void interrupt(const store_rig& rig, const byte_buffer& content, std::initializer_list<std::uint64_t> blocks) {
  const auto file = rig.open(file_entry("f", content.size()));
  write_all(*file, content, blocks);
}

// As the receiver's directory would be found if it was killed now.
void copy_unfinished(const store_rig& from, const store_rig& to) {
  fs::copy(from / ".tcpsend", to / ".tcpsend", fs::copy_options::recursive | fs::copy_options::overwrite_existing);
}

}  // namespace

TEST_CASE("a file is made of blocks in any order and appears complete") {
  for (const bool fsync : {false, true}) {
    store_options options = quick_options();
    options.fsync = fsync;
    const store_rig rig{options};
    const byte_buffer content = noise(some_size, 1);
    const auto file = rig.open(file_entry("d/f", some_size));
    CHECK(file->checked() == 0);
    CHECK_FALSE(file->adoptable());
    write_all(*file, content, {4, 0, 2, 3});
    REQUIRE(file->checkpoint());
    write_all(*file, content, {1});
    CHECK_FALSE(rig.exists("d"));
    CHECK(rig.unfinished() == 2);
    CHECK(is_new(file->commit(some_size), "d/f"));
    CHECK(rig.holds("d/f", content));
    CHECK(rig.mode("d/f") == 0640);
    CHECK(rig.modified("d/f") == timestamp{1'700'000'000, 5});
    CHECK(rig.unfinished() == 0);
  }
}

TEST_CASE("only permission bits of a large file are taken over") {
  const store_rig rig;
  entry item = file_entry("f", some_size);
  item.mode = 06755;
  REQUIRE(rig.send(item, noise(some_size, 1)).outcome);
  CHECK(rig.mode("f") == 0755);
}

TEST_CASE("nobody else can read what is unfinished") {
  const store_rig rig;
  interrupt(rig, noise(some_size, 1), {0});
  CHECK(rig.mode(".tcpsend") == 0700);
  CHECK(rig.mode(rig.part_of("f")) == 0600);
  CHECK(rig.mode(rig.journal_of("f")) == 0600);
}

TEST_CASE("a damaged block is not written") {
  const store_rig rig;
  const byte_buffer content = noise(some_size, 1);
  const auto file = rig.open(file_entry("f", some_size));
  REQUIRE(write(*file, content, 0));
  CHECK(failed_with(file->write(0, block_of(content, 1), digest_of(block_of(content, 0))), errc::verify_failed));
  write_all(*file, content, {1, 2, 3, 4});
  REQUIRE(file->commit(some_size));
  CHECK(rig.holds("f", content));
}

TEST_CASE("an interrupted transfer is continued") {
  store_rig rig;
  const byte_buffer content = noise(some_size, 1);
  interrupt(rig, content, {0, 3});
  REQUIRE(rig.unfinished() == 2);
  CHECK_FALSE(rig.exists("f"));
  if (GENERATE(false, true)) rig.reopen();

  auto file = rig.open(file_entry("f", some_size));
  CHECK(file->checked() == 4);
  CHECK_FALSE(file->adoptable());
  CHECK(*file->claim(0) == digest_of(block_of(content, 0)));
  CHECK_FALSE(*file->claim(1));
  CHECK_FALSE(*file->claim(2));
  CHECK(*file->claim(3) == digest_of(block_of(content, 3)));
  file.reset();

  const completed rest = rig.send(file_entry("f", some_size), content);
  CHECK(rest.kept == 2);
  CHECK(rest.sent == 3);
  CHECK(is_new(rest.outcome, "f"));
  CHECK(rig.holds("f", content));
  CHECK(rig.unfinished() == 0);
}

TEST_CASE("a transfer may be interrupted after every block") {
  store_rig rig;
  const byte_buffer content = noise(some_size, 1);
  for (std::uint64_t index = 0; index < 5; ++index) {
    const auto file = rig.open(file_entry("f", some_size));
    REQUIRE(file->checked() == index);
    for (std::uint64_t before = 0; before < index; ++before) {
      const auto kept = file->keep(before, digest_of(block_of(content, before)));
      REQUIRE(kept);
      CHECK(*kept);
    }
    REQUIRE(write(*file, content, index));
  }
  const completed rest = rig.send(file_entry("f", some_size), content);
  CHECK(rest.kept == 5);
  CHECK(is_new(rest.outcome, "f"));
  CHECK(rig.holds("f", content));
}

TEST_CASE("what was noted is found even if the receiver is killed") {
  const store_rig rig;
  const store_rig next;
  const byte_buffer content = noise(some_size, 1);
  const auto file = rig.open(file_entry("f", some_size));
  write_all(*file, content, {0, 1});
  REQUIRE(file->checkpoint());
  write_all(*file, content, {2});
  copy_unfinished(rig, next);
  const completed rest = next.send(file_entry("f", some_size), content);
  CHECK(rest.kept == 2);
  CHECK(next.holds("f", content));
}

TEST_CASE("a block that was written over and not noted is not kept as what it was") {
  const store_rig rig;
  const store_rig next;
  const byte_buffer old = noise(some_size, 1);
  const byte_buffer content = noise(some_size, 2);
  interrupt(rig, old, {0, 1, 2});
  const auto file = rig.open(file_entry("f", some_size));
  write_all(*file, content, {0});
  REQUIRE(file->write_hole(1, 1));
  copy_unfinished(rig, next);

  const auto after = next.open(file_entry("f", some_size));
  for (const std::uint64_t index : {0U, 1U}) {
    const auto claimed = after->claim(index);
    REQUIRE(claimed);
    REQUIRE(*claimed);
    CHECK(*claimed == digest_of(block_of(old, index)));
    const auto kept = after->keep(index, **claimed);
    REQUIRE(kept);
    CHECK_FALSE(*kept);
  }
  const auto kept = after->keep(2, digest_of(block_of(old, 2)));
  REQUIRE(kept);
  CHECK(*kept);
}

TEST_CASE("a block is kept only as what it is") {
  const store_rig rig;
  const byte_buffer content = noise(some_size, 1);
  interrupt(rig, content, {0, 1});
  const auto file = rig.open(file_entry("f", some_size));
  const auto wrong = file->keep(0, digest_of(block_of(content, 1)));
  REQUIRE(wrong);
  CHECK_FALSE(*wrong);
  const auto absent = file->keep(1, digest{});
  REQUIRE(absent);
  CHECK_FALSE(*absent);
  write_all(*file, content, {0, 1, 2, 3, 4});
  CHECK(is_new(file->commit(some_size), "f"));
  CHECK(rig.holds("f", content));
}

TEST_CASE("another transfer of the path keeps what fits and nothing else") {
  const store_rig rig;
  const byte_buffer old = noise(some_size, 1);
  interrupt(rig, old, {0, 1, 2, 3, 4});
  byte_buffer content = old;
  std::uint64_t kept = 0;
  SECTION("one block differs") {
    content[smallest_block] ^= std::byte{1};
    kept = 4;
  }
  SECTION("longer: the block that was the last one is another") {
    content = noise(some_size + smallest_block, 1);
    kept = 4;
  }
  SECTION("shorter, within the last block") {
    content.resize(some_size - 1);
    kept = 4;
  }
  SECTION("shorter by blocks") {
    content.resize(smallest_block + 50);
    kept = 1;
  }
  SECTION("shorter by blocks, to the end of one") {
    content.resize(2 * smallest_block);
    kept = 2;
  }
  SECTION("nothing in common") { content = noise(some_size, 2); }
  const completed rest = rig.send(file_entry("f", content.size()), content);
  CHECK(rest.kept == kept);
  CHECK(is_new(rest.outcome, "f"));
  CHECK(rig.holds("f", content));
  CHECK(rig.unfinished() == 0);
}

TEST_CASE("with other blocks a transfer begins anew") {
  const store_rig rig;
  const byte_buffer content = noise(some_size, 1);
  interrupt(rig, content, {0, 1, 2});
  const entry item = file_entry("f", some_size, 17);
  CHECK(rig.open(item)->checked() == 0);
  interrupt(rig, content, {0, 1, 2});
  const completed all = rig.send(item, content);
  CHECK(all.kept == 0);
  CHECK(rig.holds("f", content));
}

TEST_CASE("files of other paths have other places") {
  const store_rig rig;
  interrupt(rig, noise(some_size, 1), {0});
  for (const char* path : {"F", "d/f", "f.part"}) CHECK(rig.open(file_entry(path, some_size))->checked() == 0);
}

TEST_CASE("the journal of another path is worth nothing") {
  const store_rig rig;
  const byte_buffer content = noise(some_size, 1);
  interrupt(rig, content, {0, 1});
  fs::rename(rig / rig.part_of("f"), rig / rig.part_of("g"));
  fs::rename(rig / rig.journal_of("f"), rig / rig.journal_of("g"));
  const auto file = rig.open(file_entry("g", some_size));
  CHECK(file->checked() == 0);
  CHECK(is_new(complete(*file, file_entry("g", some_size), content).outcome, "g"));
  CHECK(rig.holds("g", content));
}

TEST_CASE("a transfer of which nothing came leaves nothing") {
  const store_rig rig;
  {
    const auto file = rig.open(file_entry("f", some_size));
  }
  CHECK(rig.unfinished() == 0);
}

TEST_CASE("a transfer that is discarded leaves nothing") {
  const store_rig rig;
  const byte_buffer content = noise(some_size, 1);
  interrupt(rig, content, {0, 1});
  {
    const auto file = rig.open(file_entry("f", some_size));
    write_all(*file, content, {2});
    file->discard();
    CHECK(rig.unfinished() == 0);
  }
  CHECK(rig.unfinished() == 0);
  CHECK(rig.open(file_entry("f", some_size))->checked() == 0);
}

TEST_CASE("a path is received by one session at a time") {
  const store_rig rig;
  const auto other = disk_store::open(rig / "", rig.options);
  REQUIRE(other);
  const entry item = file_entry("f", some_size);
  const byte_buffer content = noise(some_size, 1);
  auto file = rig.open(item);
  CHECK(failed_with((*other)->open(item), errc::busy));
  CHECK(failed_with(rig.store->open(item), errc::busy));
  CHECK(failed_with((*other)->open(file_entry("f", 100'000)), errc::busy));
  CHECK((*other)->open(file_entry("g", some_size)));
  REQUIRE(write(*file, content, 0));
  CHECK(failed_with((*other)->open(item), errc::busy));

  SECTION("until it ends early") {
    file.reset();
    const auto next = (*other)->open(item);
    REQUIRE(next);
    CHECK((*next)->checked() == 1);
  }
  SECTION("until it is discarded") {
    file->discard();
    file.reset();
    const auto next = (*other)->open(item);
    REQUIRE(next);
    CHECK((*next)->checked() == 0);
  }
  SECTION("until it is complete") {
    CHECK(complete(*file, item, content).outcome);
    file.reset();
    const auto next = (*other)->open(item);
    REQUIRE(next);
    CHECK((*next)->adoptable());
  }
}

TEST_CASE("a link in the place of the part file or the journal is not followed") {
  const byte_buffer content = noise(some_size, 1);
  for (const bool is_journal : {false, true}) {
    for (const bool begun : {false, true}) {
      for (const std::string target : {"/absolute", "../../outside", "../../new"}) {
        CAPTURE(is_journal, begun, target);
        const store_rig rig;
        rig.dir.write("outside", "not to be touched");
        const std::string name = is_journal ? rig.journal_of("f") : rig.part_of("f");
        if (begun) {
          interrupt(rig, content, {0, 1});
          fs::remove(rig / name);
        }
        fs::create_symlink(target == "/absolute" ? rig.dir / "outside" : target, rig / name);

        entry item = file_entry("f", some_size);
        item.mode = 0700;
        if (auto file = rig.store->open(item)) {
          for (std::uint64_t index = 0; index < 5; ++index) {
            if (index < (*file)->checked()) {
              const auto claimed = (*file)->claim(index);
              if (claimed && *claimed) (void)(*file)->keep(index, **claimed);
            }
            (void)write(**file, content, index);
            (void)(*file)->write_hole(index, 1);
          }
          (void)(*file)->checkpoint();
          (void)(*file)->commit(some_size);
        }
        CHECK(rig.dir.read("outside") == "not to be touched");
        CHECK(fs::status(rig.dir / "outside").permissions() != fs::perms::owner_all);
        CHECK_FALSE(fs::exists(rig.dir / "new"));
        CHECK_FALSE(rig.exists("f"));
      }
    }
  }
}

TEST_CASE("a file that could not be put in its place is kept for the next transfer") {
  const store_rig rig;
  const byte_buffer content = noise(some_size, 1);
  {
    const auto file = rig.open(file_entry("f", some_size));
    fs::create_directory(rig / "f");
    CHECK(failed_with(complete(*file, file_entry("f", some_size), content).outcome, errc::conflict));
  }
  fs::remove(rig / "f");
  const completed again = rig.send(file_entry("f", some_size), content);
  CHECK(again.kept == 5);
  CHECK(rig.holds("f", content));
}

TEST_CASE("a journal that was begun often stays right") {
  const store_rig rig;
  byte_buffer content;
  for (unsigned round = 0; round < 30; ++round) {
    content = noise(some_size, round % 3);
    interrupt(rig, content, {round % 5, (round + 2) % 5});
  }
  const completed rest = rig.send(file_entry("f", some_size), content);
  CHECK(rest.kept >= 2);
  CHECK(is_new(rest.outcome, "f"));
  CHECK(rig.holds("f", content));
}
