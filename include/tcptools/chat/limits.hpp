// The numbers of the chat protocol and of its programs that no option changes: docs/chat-protocol.md, "Bounds".
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace tcptools::chat::limits {

using namespace std::chrono_literals;

// Names and texts, bytes.
inline constexpr std::size_t name = 32;
inline constexpr std::size_t text = 16'384;
inline constexpr std::size_t key = 64;
inline constexpr std::size_t owner = 128;                   // of a session: the name of its key or certificate
inline constexpr std::size_t owned_key = owner + 16 + key;  // a message's key with whose it is
inline constexpr std::size_t tag = 64;
inline constexpr std::size_t reason = 512;     // why a session is ended
inline constexpr std::size_t shown_name = 64;  // a nickname, or what a guest is called
inline constexpr std::size_t epoch = 16;
inline constexpr std::size_t structured_line = 65'536;
inline constexpr std::size_t plain_line = text;
inline constexpr std::size_t telnet_negotiation = 1024;  // after so many bytes without an end it is text again
inline constexpr auto longest_ago = 1'000'000'000'000s;  // its milliseconds fit into a wall_time

// Waits that no option changes.
inline constexpr auto silent_start = 1s;  // then a connection is plain
inline constexpr auto first_line_wait = 10s;
inline constexpr auto quiet_gap = 100ms;  // after which unterminated text is a message
inline constexpr auto ping_interval = 60s;
inline constexpr auto silence = 150s;  // after which a structured session is gone
inline constexpr auto presence_interval = 1s;
inline constexpr auto presence_delay = 100ms;
inline constexpr auto half_closed_wait = 1s;
inline constexpr auto goodbye_wait = 5s;
inline constexpr auto plain_end_wait = 60s;  // of a plain client that said all, while its server takes nothing
inline constexpr auto drain_wait = 5s;

// What a session may have under way.
inline constexpr std::size_t unread_answers = 256U << 10U;  // bytes; beyond it the session is not read from
inline constexpr std::size_t own_messages_waiting = 1024;   // of a plain session, in what it has not read
inline constexpr std::size_t input_chunk = 64U << 10U;      // bytes read at once
inline constexpr std::size_t names_shown = 8;               // in one line about who came and went
inline constexpr std::size_t names_gathered = 256;          // for it; beyond that they are only counted

// What a server keeps.
inline constexpr std::size_t rooms = 1024;
inline constexpr std::size_t stale_dues = 4096;  // times to look at somebody that have been overtaken
inline constexpr std::size_t bans = 10'000;      // by sessions, not by the console
inline constexpr std::size_t keys = 100'000;
inline constexpr auto key_life = 24h;
inline constexpr std::size_t segment = 64U << 10U;  // bytes of a room's log that are allocated at once
inline constexpr std::size_t uncommitted_messages = 4096;
inline constexpr std::size_t uncommitted_bytes = 4U << 20U;

// What a client does.
inline constexpr std::size_t client_window = 64;  // requests that wait for an answer, most of them messages
inline constexpr auto welcome_wait = 10s;
inline constexpr auto quit_wait = 1s;      // for the answer to `quit`
inline constexpr auto steady_after = 10s;  // a session that lasted so long counts as progress

}  // namespace tcptools::chat::limits
