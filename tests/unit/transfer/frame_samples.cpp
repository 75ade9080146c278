#include "frame_samples.hpp"

namespace tcptools::testing {
namespace {

using namespace transfer;

transfer::entry some_entry(entry_kind kind) {
  transfer::entry item;
  item.kind = kind;
  item.mode = 0640;
  item.modified = {-2, 999'999'999};
  item.path = "d/é";
  if (kind == entry_kind::file || kind == entry_kind::stream) item.block_log2 = 16;
  if (kind == entry_kind::stream) item.size = unknown_size;
  return item;
}

frames::offer sample_offer(entry_kind kind, std::uint64_t size = 0, std::uint64_t allocated = 0) {
  frames::offer offer{0x01020304, some_entry(kind), {}};
  if (kind == entry_kind::file) offer.item.size = size;
  offer.item.allocated = allocated;
  return offer;
}

std::vector<frame_sample> make_samples() {
  static const byte_buffer content = from_hex("61 62 63");
  // Mode, seconds and nanoseconds of some_entry().
  const std::string times = "01A0 FFFFFFFFFFFFFFFE 3B9AC9FF";
  const std::string path = "0004 64 2F C3 A9";
  const std::string first_digest = "00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F";
  const std::string second_digest = "10 11 12 13 14 15 16 17 18 19 1A 1B 1C 1D 1E 1F";

  frames::offer inlined = sample_offer(entry_kind::file, 3, 2);
  inlined.body = frames::inlined{counting_digest(0), content};
  frames::offer empty = sample_offer(entry_kind::file);
  empty.body = frames::inlined{counting_digest(0), {}};
  frames::offer promised = sample_offer(entry_kind::file, 3, 3);
  promised.body = frames::promised{counting_digest(0)};
  frames::offer small_by_time = sample_offer(entry_kind::file, 3, 3);
  small_by_time.body = frames::promised{};
  frames::offer by_time = sample_offer(entry_kind::file, 0x0102030405, 0x0102030404);
  by_time.body = frames::promised{};
  frames::offer link = sample_offer(entry_kind::symlink);
  link.item.target = "../x";
  session_id session{};
  for (std::size_t i = 0; i < session.size(); ++i) session[i] = static_cast<std::byte>(i);

  std::vector<frame_sample> all;
  const auto add = [&](std::string name, transfer::frame value, const std::string& hex) {
    all.push_back({std::move(name), std::move(value), from_hex(hex)});
  };
  join_secret secret{};
  for (std::size_t i = 0; i < secret.size(); ++i) secret[i] = static_cast<std::byte>(0x10 + i);
  add("HELLO", frames::hello{1, 2, session}, "01 00 0000 00000014 0001 0002" + first_digest);
  add("HELLO that wants more connections", frames::hello{1, 2, session, 7},
      "01 00 0000 00000019 0001 0002" + first_digest + "0002 0001 07");
  add("HELLO that offers compression", frames::hello{1, 2, session, 0, true},
      "01 00 0000 00000019 0001 0002" + first_digest + "0001 0001 01");
  add("HELLO with the quick check", frames::hello{1, 2, session, 0, false, true},
      "01 00 0000 00000018 0001 0002" + first_digest + "0003 0000");
  add("HELLO with all extensions", frames::hello{1, 2, session, 7, true, true},
      "01 00 0000 00000022 0001 0002" + first_digest + "0001 0001 01 0002 0001 07 0003 0000");
  add("JOIN", frames::join{session, secret}, "08 00 0000 00000020" + first_digest + second_digest);
  add("FENCE", frames::fence{0x01020304}, "09 00 0000 00000004 01020304");
  add("OFFER of an open file", sample_offer(entry_kind::file, 0x0102030405, 0x0102030404),
      "02 00 0000 0000002A 01020304 01 10" + times + "0000000102030405 0000000102030404" + path);
  add("OFFER of a directory", sample_offer(entry_kind::directory),
      "02 00 0000 0000002A 01020304 02 00" + times + "0000000000000000 0000000000000000" + path);
  add("OFFER of a link", link,
      "02 00 0000 0000002E 01020304 03 00" + times + "0000000000000000 0000000000000000" + path + "2E 2E 2F 78");
  add("OFFER of a stream", sample_offer(entry_kind::stream),
      "02 00 0000 0000002A 01020304 04 10" + times + "FFFFFFFFFFFFFFFF 0000000000000000" + path);
  add("OFFER with content", inlined,
      "02 01 0000 0000003D 01020304 01 10" + times + "0000000000000003 0000000000000002" + path + first_digest +
          "616263");
  add("OFFER of an empty file", empty,
      "02 01 0000 0000003A 01020304 01 10" + times + "0000000000000000 0000000000000000" + path + first_digest);
  add("OFFER with a promise", promised,
      "02 02 0000 0000003A 01020304 01 10" + times + "0000000000000003 0000000000000003" + path + first_digest);
  add("OFFER of a small file by time", small_by_time,
      "02 04 0000 0000002A 01020304 01 10" + times + "0000000000000003 0000000000000003" + path);
  add("OFFER of a file by time", by_time,
      "02 04 0000 0000002A 01020304 01 10" + times + "0000000102030405 0000000102030404" + path);
  add("BLOCK", frames::block{0x01020304, 0x0A0B0C, counting_digest(0), content},
      "03 00 0000 0000001F 01020304 00000000000A0B0C" + first_digest + "616263");
  add("BLOCK that is compressed", frames::block{0x01020304, 0x0A0B0C, counting_digest(0), content, true},
      "03 01 0000 0000001F 01020304 00000000000A0B0C" + first_digest + "616263");
  add("HOLE", frames::hole{0x01020304, {0x0A0B, 0x0C0D}},
      "04 00 0000 00000014 01020304 0000000000000A0B 0000000000000C0D");
  add("KEEP", frames::keep{0x01020304, {0x0A0B, 0x0C0D}},
      "05 00 0000 00000014 01020304 0000000000000A0B 0000000000000C0D");
  add("FINISH", frames::finish{0x01020304, 0x0102030405060708, counting_digest(16)},
      "06 00 0000 0000001C 01020304 0102030405060708" + second_digest);
  add("CANCEL", frames::cancel{0x01020304, wire_code::source_changed, "é!"},
      "07 00 0000 00000009 01020304 000E C3 A9 21");
  add("BYE", frames::bye{}, "0E 00 0000 00000000");
  add("ERROR", frames::error{wire_code::violation, "no"}, "0F 00 0000 00000004 0001 6E 6F");
  add("ERROR without text", frames::error{wire_code{0xABCD}, ""}, "0F 00 0000 00000002 ABCD");
  add("WELCOME", frames::welcome{1, 0x10000, 0x0400, 0x0102030405060708},
      "21 00 0000 00000012 0001 00010000 00000400 0102030405060708");
  add("WELCOME that allows more connections", frames::welcome{1, 0x0102, 5, 6, frames::grant{7, secret}},
      "21 00 0000 00000027 0001 00000102 00000005 0000000000000006 0002 0011 07" + second_digest);
  add("WELCOME that chooses compression", frames::welcome{1, 0x0304, 5, 6, std::nullopt, true},
      "21 00 0000 00000017 0001 00000304 00000005 0000000000000006 0001 0001 01");
  add("WELCOME that chooses the quick check", frames::welcome{1, 0x0304, 5, 6, std::nullopt, false, true},
      "21 00 0000 00000016 0001 00000304 00000005 0000000000000006 0003 0000");
  add("ACCEPT", frames::accept{0x01020304, 0x0A0B}, "22 00 0000 0000000C 01020304 0000000000000A0B");
  add("HAVE of nothing", frames::have{0x01020304, {0x0A0B, 0x0C0D}, {}},
      "23 00 0000 00000010 01020304 0000000000000A0B 00000C0D");
  add("HAVE of two blocks", frames::have{0x01020304, {0x0A0B, 2}, {counting_digest(0), counting_digest(16)}},
      "23 01 0000 00000030 01020304 0000000000000A0B 00000002" + first_digest + second_digest);
  add("NEED", frames::need{0x01020304, {0x0A0B, 0x0C0D}},
      "24 00 0000 00000014 01020304 0000000000000A0B 0000000000000C0D");
  add("DELIVERED", frames::delivered{0x01020304, false, ""}, "25 00 0000 00000004 01020304");
  add("DELIVERED elsewhere", frames::delivered{0x01020304, true, "é"}, "25 01 0000 00000006 01020304 C3 A9");
  add("REFUSE", frames::refuse{0x01020304, wire_code::storage_full, "full"},
      "26 00 0000 0000000A 01020304 0009 66 75 6C 6C");
  add("PROGRESS", frames::progress{0x01020304, 0x0102030405060708}, "27 00 0000 0000000C 01020304 0102030405060708");
  return all;
}

}  // namespace

byte_buffer from_hex(std::string_view text) {
  static constexpr std::string_view digits = "0123456789ABCDEF";
  byte_buffer out;
  unsigned value = 0;
  bool half = false;
  for (const char c : text) {
    const std::size_t digit = digits.find(c);
    if (digit == std::string_view::npos) continue;
    value = value << 4U | static_cast<unsigned>(digit);
    if (half) out.push_back(static_cast<std::byte>(value));
    half = !half;
  }
  return out;
}

byte_buffer encoded(const transfer::frame& value) {
  byte_buffer out;
  encode(value, out);
  return out;
}

transfer::digest counting_digest(unsigned from) {
  transfer::digest value;
  for (std::byte& one : value.bytes) one = static_cast<std::byte>(from++);
  return value;
}

const std::vector<frame_sample>& frame_samples() {
  static const std::vector<frame_sample> all = make_samples();
  return all;
}

}  // namespace tcptools::testing
