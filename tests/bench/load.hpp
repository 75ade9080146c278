// The loads that can be put on a server, and what is reported of them.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "tcptools/net/tls_context.hpp"

namespace tcptools::bench {

struct server_options {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;
  std::string language;
  std::shared_ptr<const net::tls_client> tls;  // null: in the clear
  pid_t process = 0;                           // 0: what it uses is not reported
};

struct fanout_options {
  std::size_t receivers = 0;
  std::uint32_t messages = 0;
  std::uint64_t size = 0;                      // bytes of a text
  double rate = 0;                             // messages a second; 0: as many as possible
  std::uint32_t window = 0;                    // messages that may be on their way; 0: any number
  std::size_t stalled = 0;                     // further receivers, which never read
  std::size_t threads = 1;                     // that read
  std::chrono::milliseconds patience{10'000};  // with nothing sent or received, then what is missing is lost
};

struct idle_options {
  std::size_t sessions = 0;
  std::chrono::milliseconds hold{};
};

// One sender, and receivers that count and check. Throws std::exception if it cannot begin.
[[nodiscard]] nlohmann::ordered_json run_fanout(const server_options& server, const fanout_options& options);

// Sessions that say nothing.
[[nodiscard]] nlohmann::ordered_json run_idle(const server_options& server, const idle_options& options);

}  // namespace tcptools::bench
