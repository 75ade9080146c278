// What tcpchat does for every message.
#include <benchmark/benchmark.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "tcptools/base/bytes.hpp"
#include "tcptools/chat/memory_use.hpp"
#include "tcptools/chat/protocol.hpp"
#include "tcptools/chat/room_log.hpp"

namespace tcptools::chat {
namespace {

constexpr wall_time some_time = 1'700'000'000'000;
const std::string some_text(128, 'x');

std::string_view without_end(std::string_view line) { return line.substr(0, line.size() - 1); }

void decode_request(benchmark::State& state) {
  std::string line;
  append_line(line, request{requests::send{some_text, "lobby", {}, {}}}, "17");
  for (auto _ : state) benchmark::DoNotOptimize(parse_request(without_end(line)));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(decode_request);

void encode_message(benchmark::State& state) {
  std::string out;
  for (auto _ : state) {
    out.clear();
    append_message(out, "lobby", 1'234'567, some_time, "alice", some_text);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(encode_message);

void decode_event(benchmark::State& state) {
  std::string line;
  append_message(line, "lobby", 1'234'567, some_time, "alice", some_text);
  for (auto _ : state) benchmark::DoNotOptimize(parse_event(without_end(line)));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(decode_event);

// Messages are written into a full log, which forgets as many, and read by one reader, 64 at a time.
void append_and_read(benchmark::State& state) {
  constexpr int at_once = 64;
  memory_use use;
  room_log log{use, "lobby", "00000000000000aa", 1, {}};
  for (int i = 0; i < 10'000; ++i) log.append(some_time, "alice", some_text);
  line_log::cursor reader = log.structured().cursor_at(log.structured().head());
  std::array<byte_view, 16> pieces{};
  for (auto _ : state) {
    for (int i = 0; i < at_once; ++i) log.append(some_time, "alice", some_text);
    while (reader.at() < reader.head()) {
      const std::size_t count = reader.pieces(reader.head(), pieces);
      std::size_t bytes = 0;
      for (std::size_t i = 0; i < count; ++i) bytes += pieces[i].size();
      benchmark::DoNotOptimize(pieces);
      reader.advance(bytes);
    }
  }
  state.SetItemsProcessed(state.iterations() * at_once);
}
BENCHMARK(append_and_read);

}  // namespace
}  // namespace tcptools::chat
