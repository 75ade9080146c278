// What all receiving sessions of one server share, and who is told what happens in them.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "tcptools/net/completion.hpp"
#include "tcptools/net/worker_pool.hpp"
#include "tcptools/transfer/receive_machine.hpp"
#include "tcptools/transfer/store.hpp"

namespace tcptools::transfer {

enum class language : std::uint8_t { native, compat };

// One connection as logs and counts know it.
struct session_info {
  std::uint64_t number = 0;  // 1, 2, 3, ... per server
  std::string peer;          // "127.0.0.1:4711"
  language speaks = language::native;
  std::string key;          // the name of the key it came with; empty: none
  std::string certificate;  // whose it came with; empty: none
  std::string directory;    // what its paths are relative to, below the receiver's directory; empty: that itself
  std::chrono::steady_clock::time_point started;
  std::uint64_t delivered = 0;       // entries, unchanged ones included
  std::uint64_t failed = 0;          // entries
  std::uint64_t bytes_received = 0;  // from the network
};

// Called on the I/O thread; must not block.
class receive_observer {
 public:
  receive_observer() = default;
  receive_observer(const receive_observer&) = delete;
  receive_observer& operator=(const receive_observer&) = delete;
  virtual ~receive_observer() = default;

  virtual void on_session_start(const session_info& session) = 0;
  virtual void on_entry(const session_info& session, const receive_outcome& entry) = 0;
  // An orderly end has no error. A connection that ended before it said anything is not reported as a session.
  virtual void on_session_end(const session_info& session, const result<void>& how) = 0;
  // Connections could not be accepted for a while.
  virtual void on_trouble(const error& what) = 0;

  // The observer cannot keep up: sessions wait for when_ready() before they read on.
  [[nodiscard]] virtual bool is_overloaded() const noexcept { return false; }
  virtual net::awaitable<void> when_ready() { co_return; }
};

// What one of them may use.
struct session_scope {
  std::shared_ptr<store> where;
  std::uint64_t max_bytes = unlimited_bytes;
};

struct receive_context {
  store& where;
  net::worker_pool& pool;
  receive_observer& observer;
  std::chrono::milliseconds idle_timeout;
};

}  // namespace tcptools::transfer
