// Whole sending runs, machine against machine: whatever order things happen in and whatever goes wrong, every entry has
// one outcome, and what was delivered is what was sent.
#include "support/simulation.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/frames.hpp"
#include "support/stride.hpp"

using tcptools::as_bytes;
using tcptools::byte_buffer;
using tcptools::errc;
using namespace tcptools::testing;
using namespace tcptools::transfer;

namespace {

// What is sent, and where to.
struct world {
  memory_source source;
  memory_store store{1U << 20U};
  std::map<std::string, memory_entry> before;  // what the store had

  // An older version, or something else under the same name.
  void place(const std::string& path, memory_entry what) {
    store.place(path, what);
    before.emplace(path, std::move(what));
  }
  void place(const std::string& path, byte_buffer content) {
    place(path, {entry_kind::file, std::move(content), 0600, {}, {}});
  }

  [[nodiscard]] memory_entry expected(std::size_t token) const {
    const entry& item = source.item(token);
    const bool is_content = item.kind == entry_kind::file || item.kind == entry_kind::stream;
    return {is_content ? entry_kind::file : item.kind, source.content(token), item.mode, item.modified, item.target};
  }
};

// Every entry has one outcome. Those that were delivered are there as they were sent; of others there is what was there
// before, or what was sent, and nothing between.
void check(const world& the, const simulation& run) {
  const auto entries = the.store.entries();
  for (std::size_t token = 0; token < the.source.size(); ++token) {
    const std::string& path = the.source.item(token).path;
    CAPTURE(path);
    REQUIRE(run.outcomes()[token].size() == 1);
    const auto found = entries.find(path);
    const memory_entry sent = the.expected(token);
    if (run.outcomes()[token].front().outcome) {
      REQUIRE(found != entries.end());
      REQUIRE((found->second == sent));
    } else if (found != entries.end()) {
      const auto before = the.before.find(path);
      const bool as_before = before != the.before.end() && found->second.content == before->second.content;
      REQUIRE((as_before || found->second.content == sent.content));
    }
  }
}

[[nodiscard]] std::size_t count_failures(const simulation& run) {
  return static_cast<std::size_t>(
      std::ranges::count_if(run.outcomes(), [](const auto& all) { return !all.empty() && !all.front().outcome; }));
}

[[nodiscard]] bool delivered(const simulation& run, std::size_t token) {
  return run.outcomes()[token].front().outcome.has_value();
}

[[nodiscard]] errc reason(const simulation& run, std::size_t token) {
  return run.outcomes()[token].front().outcome.error().code();
}

const byte_buffer material = noise(8 * smallest_block, 42);

byte_buffer some_content(dice& luck, std::size_t size) {
  const auto start = material.begin() + static_cast<std::ptrdiff_t>(luck.below(material.size() - size));
  return {start, start + static_cast<std::ptrdiff_t>(size)};
}

std::size_t random_size(dice& luck) {
  if (luck.one_in(2)) return static_cast<std::size_t>(luck.below(3000));
  constexpr std::size_t sizes[] = {0,
                                   1,
                                   smallest_block - 1,
                                   smallest_block,
                                   smallest_block + 1,
                                   2 * smallest_block,
                                   2 * smallest_block + 99,
                                   3 * smallest_block + 1};
  return sizes[luck.below(std::size(sizes))];
}

void place_older_version(world& the, dice& luck, const std::string& path, byte_buffer content) {
  switch (luck.below(8)) {
    case 0:
      the.place(path, {entry_kind::directory, {}, 0700, {}, {}});
      return;
    case 1:
      content.resize(static_cast<std::size_t>(luck.below(content.size() + 1)));
      break;
    case 2:
      content.resize(content.size() + 1 + static_cast<std::size_t>(luck.below(smallest_block)));
      break;
    case 3:
    case 4:
      if (!content.empty()) content[luck.below(content.size())] ^= std::byte{1};
      break;
    case 5:  // the same, and the same time
      the.place(path, {entry_kind::file, std::move(content), 0600, file_entry(path, 0).modified, {}});
      return;
    default:
      break;  // the same
  }
  the.place(path, std::move(content));
}

void add_file(world& the, dice& luck, const std::string& path) {
  byte_buffer content = some_content(luck, random_size(luck));
  std::vector<memory_source::hole> holes;
  if (!content.empty() && luck.one_in(3)) {
    const std::uint64_t first = luck.below(content.size());
    const std::uint64_t end = luck.one_in(2) ? content.size() : first + luck.below(content.size() - first) + 1;
    holes.push_back({luck.one_in(2) ? 0 : first, end});
  }
  the.source.add(file_entry(path, 0), content, holes);
  if (luck.one_in(2)) place_older_version(the, luck, path, the.source.content(the.source.size() - 1));
}

// A few entries in one directory or two.
void add_tree(world& the, dice& luck) {
  const std::uint64_t count = 1 + luck.below(6);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string path = (luck.one_in(2) ? "d/" : "d/e/") + std::to_string(i);
    const std::uint64_t kind = luck.below(10);
    if (kind == 0) {
      the.source.add(link_entry(path, "../" + path));
    } else if (kind == 1) {
      the.source.add(stream_entry(path), some_content(luck, random_size(luck)));
    } else {
      add_file(the, luck, path);
    }
  }
  the.source.add(directory_entry("d/e"));
  the.source.add(directory_entry("d"));
}

// What one connection says about these entries, if everything in them is sent, with some room for what is sent again.
std::uint64_t generous_words(const world& the) {
  std::uint64_t bytes = 1000;
  for (std::size_t token = 0; token < the.source.size(); ++token) {
    const std::size_t size = the.source.content(token).size();
    const bool grows = the.source.item(token).kind == entry_kind::stream;
    bytes += 500 + size * (grows ? 12 : 1) + size / smallest_block * 100;
  }
  return bytes;
}

// Two bits of the byte there, and one where a sanitizer makes everything slow.
std::vector<unsigned> bits_to_flip(std::uint64_t at) {
  if (stride > 1) return {static_cast<unsigned>(at % 8)};
  return {static_cast<unsigned>(at % 8), static_cast<unsigned>((at + 3) % 8)};
}

// All kinds of entries, in few bytes. What is promised is there with the same time, if that is what is asked for.
void add_one_of_each(world& the, bool quick_check = false) {
  the.source.add(file_entry("same", 0), noise(30, 1));
  the.place("same", noise(30, 1));
  the.source.add(file_entry("d/promised", 0), noise(40, 2));
  if (quick_check) the.place("d/promised", {entry_kind::file, noise(40, 2), 0600, file_entry("", 0).modified, {}});
  the.source.add(file_entry("d/new", 0), noise(50, 3));
  the.source.add(link_entry("d/link", "new"));
  the.source.add(file_entry("empty", 0));
  the.source.add(stream_entry("stream"), noise(70, 4));
  the.source.add(file_entry("changed", 0), noise(60, 5));
  the.place("changed", noise(60, 6));
  the.source.add(directory_entry("d"));
}

}  // namespace

TEST_CASE("simulated runs end well whatever happens when") {
  for (std::uint64_t seed = 1; seed <= 2500; seed += stride) {
    CAPTURE(seed);
    dice luck{seed * 7919};
    world the;
    add_tree(the, luck);
    hazards what;
    what.cuts = luck.one_in(2) ? static_cast<unsigned>(luck.below(4)) : 0;
    what.kept_blocks_spoil = luck.one_in(8);
    what.compresses = seed % 3 == 0;
    what.quick_check = seed % 2 == 0;
    // A stream has no content but what is read of it, so it cannot be said to change.
    const std::size_t victim = luck.below(the.source.size());
    if (luck.one_in(5) && the.source.item(victim).kind == entry_kind::file) what.changed_source = victim;
    const bool storage_fails = luck.one_in(6);
    if (storage_fails)
      the.store.fail_operation(1 + luck.below(30), luck.one_in(2) ? errc::storage_full : errc::storage_failed);
    const bool damage = luck.one_in(4);
    if (damage) the.store.damage_write(1 + luck.below(10));
    receive_machine::settings settings;
    if (luck.one_in(4))
      settings = {static_cast<std::uint32_t>(1 + luck.below(3)), static_cast<std::uint32_t>(1 + luck.below(2)), 0};

    simulation run{the.source, the.store, seed, what};
    run.run(settings);
    check(the, run);
    REQUIRE(run.connections() <= what.cuts + 1);
    REQUIRE(run.words() <= run.connections() * generous_words(the) + (damage ? smallest_block + 36 : 0));

    // What failed had a reason to.
    for (std::size_t token = 0; token < the.source.size(); ++token) {
      if (delivered(run, token)) continue;
      const auto before = the.before.find(the.source.item(token).path);
      const bool in_the_way = before != the.before.end() && before->second.kind == entry_kind::directory;
      const bool is_stream = the.source.item(token).kind == entry_kind::stream;
      CAPTURE(the.source.item(token).path, reason(run, token));
      switch (reason(run, token)) {
        case errc::conflict:
          REQUIRE(in_the_way);
          break;
        case errc::source_changed:
          REQUIRE(the.source.changed(token));
          break;
        case errc::connection_lost:
          REQUIRE((is_stream && run.connections() > 1));
          break;
        case errc::verify_failed:
          REQUIRE(damage);
          break;
        default:
          REQUIRE(storage_fails);
          break;
      }
    }
  }
}

TEST_CASE("a simulated run that is cut after every byte is finished by the next connection") {
  const bool quick_check = GENERATE(false, true);
  const auto run_one = [quick_check](hazards what) {
    world the;
    add_one_of_each(the, quick_check);
    what.quick_check = quick_check;
    simulation run{the.source, the.store, 11, what};
    run.run();
    check(the, run);
    for (std::size_t token = 0; token < the.source.size(); ++token) {
      const bool lost = !delivered(run, token);
      CAPTURE(the.source.item(token).path, lost ? reason(run, token) : errc::cancelled);
      REQUIRE((!lost ||
               (the.source.item(token).kind == entry_kind::stream && reason(run, token) == errc::connection_lost)));
    }
    return std::pair{run.words(), run.answers()};
  };
  const auto [words, answers] = run_one({});
  REQUIRE(words > 500);
  for (std::uint64_t at = 0; at <= words; ++at) {
    CAPTURE(at);
    hazards what;
    what.cut_after_words = at;
    run_one(what);
  }
  for (std::uint64_t at = 0; at <= answers; ++at) {
    CAPTURE(at);
    hazards what;
    what.cut_after_answers = at;
    run_one(what);
  }
}

TEST_CASE("a simulated run in which any one operation of the store fails") {
  const auto code = GENERATE(errc::storage_full, errc::storage_failed, errc::verify_failed);
  std::uint64_t operations = 0;
  for (std::uint64_t number = 0; number <= operations; ++number) {
    CAPTURE(number);
    world the;
    add_one_of_each(the);
    the.source.add(file_entry("large", 0), noise(2 * smallest_block + 5, 7), {{smallest_block, 2 * smallest_block}});
    the.place("large", noise(2 * smallest_block + 5, 8));
    the.source.add(file_entry("kept", 0), noise(2 * smallest_block + 5, 9));
    byte_buffer nearly = noise(2 * smallest_block + 5, 9);
    nearly.back() ^= std::byte{1};
    the.place("kept", nearly);
    if (number > 0) the.store.fail_operation(number, code);
    simulation run{the.source, the.store, 5};
    run.run();
    check(the, run);
    REQUIRE(run.connections() == 1);
    REQUIRE(count_failures(run) <= (number == 0 ? 0U : 1U));
    for (std::size_t token = 0; token < the.source.size(); ++token) {
      if (!delivered(run, token)) REQUIRE(reason(run, token) == code);
    }
    if (number == 0) operations = the.store.operations();
  }
  CHECK(operations > 30);
}

TEST_CASE("a simulated run in which any one bit is flipped delivers nothing that was not sent") {
  const bool quick_check = GENERATE(false, true);
  const auto run_one = [quick_check](std::optional<hazards::flip> flip) {
    world the;
    add_one_of_each(the, quick_check);
    hazards what;
    what.flipped = flip;
    what.quick_check = quick_check;
    simulation run{the.source, the.store, 3, what};
    run.run();
    // A flip in a path, a mode or a time makes another offer that is as good. So it is content that is compared: what
    // was delivered is there, under whatever name, and nothing is there that is neither sent nor older.
    const auto entries = the.store.entries();
    const auto holds = [&](const byte_buffer& content) {
      return std::ranges::any_of(entries, [&](const auto& one) { return one.second.content == content; });
    };
    for (std::size_t token = 0; token < the.source.size(); ++token) {
      CAPTURE(the.source.item(token).path);
      REQUIRE(run.outcomes()[token].size() == 1);
      if (delivered(run, token)) REQUIRE(holds(the.source.content(token)));
    }
    for (const auto& [path, found] : entries) {
      CAPTURE(path);
      bool known = false;
      for (std::size_t token = 0; token < the.source.size(); ++token)
        known |= found.content == the.source.content(token);
      for (const auto& [old_path, older] : the.before) known |= found.content == older.content;
      REQUIRE(known);
    }
    return std::pair{run.words(), run.answers()};
  };
  const auto [words, answers] = run_one(std::nullopt);
  for (const bool in_answers : {false, true}) {
    for (std::uint64_t at = 0; at < (in_answers ? answers : words); ++at) {
      for (const unsigned bit : bits_to_flip(at)) {
        CAPTURE(in_answers, at, bit);
        run_one(hazards::flip{in_answers, at, bit});
      }
    }
  }
}

TEST_CASE("a simulated run in which any one bit of a compressed block is flipped") {
  const byte_buffer varied = text_like(smallest_block + 5000, 1);
  const auto run_one = [&](std::optional<hazards::flip> flip) {
    world the;
    the.source.add(file_entry("f", 0), varied);
    the.source.add(file_entry("g", 0), byte_buffer(2 * smallest_block, std::byte{'x'}));
    hazards what;
    what.flipped = flip;
    what.compresses = true;
    simulation run{the.source, the.store, 4, what};
    run.run();
    const auto entries = the.store.entries();
    for (std::size_t token = 0; token < the.source.size(); ++token) {
      REQUIRE(run.outcomes()[token].size() == 1);
      const auto is_sent = [&](const auto& one) { return one.second.content == the.source.content(token); };
      if (delivered(run, token)) REQUIRE(std::ranges::any_of(entries, is_sent));
    }
    return run.words();
  };
  const std::uint64_t words = run_one(std::nullopt);
  for (std::uint64_t at = 0; at < words; at += 1 + at / 100) {
    for (const unsigned bit : bits_to_flip(at)) {
      CAPTURE(at, bit);
      run_one(hazards::flip{false, at, bit});
    }
  }
}

TEST_CASE("an interrupted simulated run goes on where it was") {
  const std::size_t size = 7 * smallest_block + 9;
  world the;
  the.source.add(file_entry("f", 0), noise(size, 1));
  hazards what;
  what.cut_after_words = size * 3 / 4;
  simulation run{the.source, the.store, GENERATE(1U, 2U, 3U, 4U), what};
  run.run();
  check(the, run);
  CHECK(run.connections() == 2);
  CHECK(run.words() < size + 2 * smallest_block + run.lost_bytes());
  CHECK(the.store.kept_blocks() == 0);
}

TEST_CASE("what is there already is not sent again, holes and all") {
  world the;
  the.source.add(file_entry("plain", 0), noise(3 * smallest_block + 9, 1));
  the.source.add(file_entry("sparse", 0), noise(4 * smallest_block, 2), {{smallest_block, 3 * smallest_block}});
  for (int i = 0; i < 20; ++i) the.source.add(file_entry("small" + std::to_string(i), 0), noise(1000, 3));
  for (std::size_t token = 0; token < the.source.size(); ++token)
    the.place(the.source.item(token).path, the.source.content(token));
  simulation run{the.source, the.store, GENERATE(1U, 2U, 3U, 4U)};
  run.run();
  check(the, run);
  for (const auto& all : run.outcomes()) CHECK(all.front().outcome->unchanged);
  CHECK(run.words() < 25'000);  // some small files travel before the first answer comes
}

TEST_CASE("of a file that changed in one place one block is sent") {
  const std::size_t size = 7 * smallest_block + 9;
  world the;
  the.source.add(file_entry("f", 0), noise(size, 1));
  byte_buffer older = noise(size, 1);
  older[3 * smallest_block + 5] ^= std::byte{1};
  the.place("f", older);
  simulation run{the.source, the.store, GENERATE(1U, 2U, 3U, 4U)};
  run.run();
  check(the, run);
  CHECK(run.words() < smallest_block + 1000);
}
