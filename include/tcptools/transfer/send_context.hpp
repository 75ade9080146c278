// What all connections of one sending run share, and who is told what happens in it.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tcptools/net/tls_context.hpp"
#include "tcptools/net/worker_pool.hpp"
#include "tcptools/transfer/compression_choice.hpp"
#include "tcptools/transfer/send_machine.hpp"
#include "tcptools/transfer/source.hpp"

namespace tcptools::transfer {

struct send_settings {
  std::string host;
  std::uint16_t port = 0;
  std::shared_ptr<const net::tls_client> tls;         // null: in the clear
  std::chrono::milliseconds connect_timeout{10'000};  // per address
  std::chrono::milliseconds idle_timeout{30'000};
  std::chrono::milliseconds retry_for{0};        // how long the first connection is tried for
  std::chrono::milliseconds resume_for{30'000};  // how long a lost connection is tried for
  std::optional<std::uint64_t> bytes_per_second;
  std::optional<unsigned> connections;  // in all; nothing: some, while more bring more, and one with bytes_per_second
  compression_mode compress = compression_mode::automatic;
  bool quick_check = false;  // what has the size and time of a file is taken for it, unread
  bool remove_source = false;
};

// Called on the I/O thread; must not block.
class send_observer {
 public:
  send_observer() = default;
  send_observer(const send_observer&) = delete;
  send_observer& operator=(const send_observer&) = delete;
  virtual ~send_observer() = default;

  virtual void on_connected(const std::string& peer) = 0;
  // The next attempt follows after `wait`.
  virtual void on_retry(const error& why, std::chrono::milliseconds wait) = 0;
  // Content of this entry was sent, or found to be there.
  virtual void on_content(const source_item& item, std::uint64_t bytes) = 0;
  // Bytes that went into the network, frames included.
  virtual void on_wire(std::uint64_t bytes) = 0;
  virtual void on_outcome(const send_outcome& outcome) = 0;
  virtual void on_trouble(const source_trouble& trouble) = 0;
};

// What is still to be offered: first what an earlier connection left without an outcome, then what the source has not
// told yet.
class send_queue {
 public:
  explicit send_queue(source& from) noexcept : source_{from} {}

  // More can be asked of the source: fetch() on the worker pool, then add() its result.
  [[nodiscard]] bool wants_more() const noexcept { return items_.size() < wanted && !walked_; }
  [[nodiscard]] source_batch fetch() { return source_.next(wanted); }
  void add(source_batch batch);

  void put_back(std::vector<send_item> unfinished);

  [[nodiscard]] bool empty() const noexcept { return items_.empty(); }
  // Nothing is left, nor will anything come.
  [[nodiscard]] bool exhausted() const noexcept { return items_.empty() && walked_; }
  [[nodiscard]] const send_item& at(std::size_t index) const { return items_[index]; }
  [[nodiscard]] std::size_t size() const noexcept { return items_.size(); }
  [[nodiscard]] send_item pop();

  [[nodiscard]] source& from() noexcept { return source_; }

 private:
  static constexpr std::size_t wanted = 256;

  source& source_;
  std::deque<send_item> items_;
  bool walked_ = false;
};

struct send_context {
  const send_settings& settings;
  send_queue& queue;
  net::worker_pool& pool;
  send_observer& observer;
};

}  // namespace tcptools::transfer
