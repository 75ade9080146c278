// Every bound of the transfer wing in one place. docs/protocol.md gives the same numbers with their reasons.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace tcptools::transfer::limits {

using namespace std::chrono_literals;

// Paths and texts, bytes.
inline constexpr std::size_t path = 4096;
inline constexpr std::size_t component = 255;
inline constexpr std::size_t link_target = 4095;
inline constexpr std::size_t text = 512;

// Blocks.
inline constexpr unsigned smallest_block_log2 = 16;
inline constexpr unsigned usual_block_log2 = 20;  // larger ones only where a file would have too many blocks
inline constexpr unsigned largest_block_log2 = 24;
inline constexpr std::uint64_t blocks_per_file = 1U << 20U;
inline constexpr std::size_t inline_content = 1U << 16U;      // a file up to this size travels with its offer
inline constexpr std::uint64_t preferred_blocks = 1U << 14U;  // a sender takes larger blocks to stay below this
inline constexpr unsigned stream_block_log2 = usual_block_log2;

// Frames, bytes of payload.
inline constexpr std::size_t hello_frame = 4096;
inline constexpr std::size_t offer_frame = 71'680;
inline constexpr std::size_t optional_frame = 65'536;
inline constexpr std::uint32_t digests_per_have = 4096;

// What one conversation may have under way, and how many connections carry it.
inline constexpr std::uint32_t window_before_welcome = 64;
inline constexpr std::uint32_t open_files_before_welcome = 4;
inline constexpr std::uint32_t window = 1024;
inline constexpr std::uint32_t open_files = 16;
inline constexpr std::uint64_t blocks_at_work = blocks_per_file;  // of all open files of one session
inline constexpr std::uint32_t largest_window = 65'536;
inline constexpr std::uint32_t largest_open_files = 1024;
inline constexpr unsigned joined_connections = 63;    // a conversation has besides its first one, by the protocol
inline constexpr unsigned granted_connections = 15;   // by this receiver
inline constexpr unsigned automatic_connections = 8;  // that a sender makes unless told otherwise, the first included
inline constexpr unsigned most_connections = 16;      // that it can be told to make
inline constexpr unsigned lost_joins = 2;             // after which it makes no more
inline constexpr std::size_t waiting_words = 512U << 10U;  // read and not yet being written by any connection
inline constexpr std::size_t words_at_work = 16U << 20U;   // the same, with what they are writing: a block for each
inline constexpr std::size_t unstored_bytes = 512U
                                              << 10U;  // received and not yet stored, besides the batch being stored
inline constexpr std::size_t held_memory = 4U << 20U;  // receive memory that such frames lie in
inline constexpr std::size_t unsent_answers = 256U << 10U;  // answers for a sender that does not read
inline constexpr unsigned failed_digests_per_block = 3;
inline constexpr unsigned needs_per_block = failed_digests_per_block + 1;  // once it may have been lost, too
inline constexpr std::size_t progress_quantum = 16U << 10U;                // bytes of one frame that count as progress
inline constexpr std::size_t compressed_quantum = 1U << 10U;               // the same where they may be compressed

// Waits that no option changes.
inline constexpr auto hello_wait = 10s;
inline constexpr auto goodbye_wait = 5s;
inline constexpr auto drain_wait = 10s;
inline constexpr auto joined_wait = 5s;
inline constexpr auto compat_quiet_gap = 100ms;

// How often it is looked at whether things move.
constexpr std::chrono::milliseconds watch_interval(std::chrono::milliseconds idle_timeout) {
  return std::clamp<std::chrono::milliseconds>(idle_timeout / 8, 10ms, 1s);
}

// The compatibility protocol.
inline constexpr std::size_t compat_digits = 20;
inline constexpr std::size_t compat_header = component + 1 + compat_digits;
inline constexpr std::uint64_t compat_largest_sent = 2'147'483'647;

}  // namespace tcptools::transfer::limits
