// What tcpsend does for every block and every frame.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "tcptools/base/bytes.hpp"
#include "tcptools/transfer/digest.hpp"
#include "tcptools/transfer/protocol.hpp"

namespace tcptools::transfer {
namespace {

byte_buffer noise(std::size_t size) {
  byte_buffer made(size);
  std::uint32_t state = 1;
  for (std::byte& octet : made) {
    state = state * 1'664'525 + 1'013'904'223;
    octet = static_cast<std::byte>(state >> 24);
  }
  return made;
}

void digest_content(benchmark::State& state) {
  const byte_buffer content = noise(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(digest_of(content));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(digest_content)->Arg(64 << 10)->Arg(1 << 20);

frame small_file(byte_view content) {
  frames::offer offered;
  offered.id = 1;
  offered.item.block_log2 = 16;
  offered.item.path = "folder/file.txt";
  offered.item.size = content.size();
  offered.body = frames::inlined{digest_of(content), content};
  return offered;
}

frame keep_run() { return frames::keep{1, {1000, 100}}; }

// Over and over into one buffer, as sessions do.
void encode_frame(benchmark::State& state, const frame& what) {
  byte_buffer out;
  for (auto _ : state) {
    out.clear();
    encode(what, out);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(out.size()));
}

void decode_frame(benchmark::State& state, const frame& what) {
  byte_buffer encoded;
  encode(what, encoded);
  for (auto _ : state) {
    auto step = decode(encoded);
    if (!step || !step->value) throw std::logic_error{"does not decode"};
    benchmark::DoNotOptimize(step->value);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(encoded.size()));
}

const byte_buffer block_content = noise(64 << 10);
const byte_buffer small_content = noise(4096);

BENCHMARK_CAPTURE(encode_frame, offer_4k, small_file(small_content));
BENCHMARK_CAPTURE(decode_frame, offer_4k, small_file(small_content));
BENCHMARK_CAPTURE(encode_frame, keep, keep_run());
BENCHMARK_CAPTURE(decode_frame, keep, keep_run());
BENCHMARK_CAPTURE(decode_frame, block_64k, frames::block{1, 7, digest_of(block_content), block_content});

void encode_block_head(benchmark::State& state) {
  const auto content_digest = digest_of(small_content);
  for (auto _ : state) benchmark::DoNotOptimize(encode_block_header(1, 7, content_digest, 1 << 20));
}
BENCHMARK(encode_block_head);

}  // namespace
}  // namespace tcptools::transfer
