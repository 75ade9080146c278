// What a run tells the shell. The table is in --help, in the README and in the man pages.
#pragma once

#include <string_view>

#include "tcptools/base/error.hpp"

namespace tcptools::cli {

enum class exit_code : int {
  success = 0,
  some_failed = 1,
  usage = 2,
  connection = 3,
  refused = 4,
  not_verified = 5,
  storage = 6,
  timed_out = 7,
  signal = 128,  // plus the signal's number
};

inline constexpr std::string_view exit_code_help =
    "Exit codes:\n"
    "  0         delivered\n"
    "  1         some files not delivered; each is named on standard error\n"
    "  2         usage\n"
    "  3         could not connect, or connection lost beyond retries\n"
    "  4         refused by the other side\n"
    "  5         content not verified, or source changed\n"
    "  6         storage on the other side: full, read-only, failed\n"
    "  7         timed out\n"
    "  130, 143  ended by SIGINT, SIGTERM";

inline constexpr std::string_view serve_exit_code_help =
    "Exit codes:\n"
    "  0         ended by a signal after its sessions; with --once: the session was received\n"
    "  2         usage, or a directory that cannot be used\n"
    "  3         cannot listen; with --once: the connection was lost\n"
    "  4 to 7    with --once: as tcpsend's\n"
    "  130, 143  with --once: ended by SIGINT, SIGTERM before a session was over";

inline constexpr std::string_view chat_exit_code_help =
    "Exit codes:\n"
    "  0         done: acknowledged, heard, answered\n"
    "  1         several messages failed in different ways, a program of --exec failed, or output could not be "
    "written\n"
    "  2         usage\n"
    "  3         could not connect, or connection lost beyond retries\n"
    "  4         refused by the server: key, nickname, room, message, nobody of that name, busy\n"
    "  6         the server could not store a message\n"
    "  7         time was up: --timeout, --for\n"
    "  130, 143  ended by SIGINT, SIGTERM";

inline constexpr std::string_view chat_serve_exit_code_help =
    "Exit codes:\n"
    "  0         ended by a signal, or by /quit at its console\n"
    "  2         usage\n"
    "  3         cannot listen, or a history of a version that is not known\n"
    "  4         the history file is in use, or no chat history\n"
    "  6         the history file cannot be read or written";

[[nodiscard]] exit_code exit_code_for(errc code) noexcept;

// Of a run that this signal ended.
[[nodiscard]] constexpr int exit_code_of_signal(int number) noexcept {
  return static_cast<int>(exit_code::signal) + number;
}

// The errc's name as --json prints it: "storage_full".
[[nodiscard]] std::string_view name_of(errc code) noexcept;

// The exit code of a run of which several entries failed: the one they share, otherwise some_failed.
class exit_code_sum {
 public:
  void add(exit_code one) noexcept { sum_ = sum_ == exit_code::success || sum_ == one ? one : exit_code::some_failed; }
  [[nodiscard]] exit_code value() const noexcept { return sum_; }

 private:
  exit_code sum_ = exit_code::success;
};

}  // namespace tcptools::cli
