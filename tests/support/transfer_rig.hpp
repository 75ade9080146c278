// A whole transfer on the loopback address: a server on a memory store and senders on memory sources, with real
// sockets.
#pragma once

#include <asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/memory_source.hpp"
#include "support/memory_store.hpp"
#include "support/open_gate.hpp"
#include "tcptools/net/acceptor.hpp"
#include "tcptools/net/connect.hpp"
#include "tcptools/net/sleep.hpp"
#include "tcptools/net/task_group.hpp"
#include "tcptools/net/worker_pool.hpp"
#include "tcptools/transfer/receive_server.hpp"
#include "tcptools/transfer/send_context.hpp"
#include "tcptools/transfer/sender.hpp"

namespace tcptools::testing {

// Remembers what it was told.
class recording_receive_observer final : public transfer::receive_observer {
 public:
  void on_session_start(const transfer::session_info& /*session*/) override { ++started; }
  void on_entry(const transfer::session_info& /*session*/, const transfer::receive_outcome& entry) override {
    entries.push_back(entry);
  }
  void on_session_end(const transfer::session_info& /*session*/, const result<void>& how) override {
    ends.push_back(how);
  }
  void on_trouble(const error& what) override { troubles.push_back(what); }

  int started = 0;
  std::vector<transfer::receive_outcome> entries;
  std::vector<result<void>> ends;
  std::vector<error> troubles;
};

class recording_send_observer final : public transfer::send_observer {
 public:
  void on_connected(const std::string& /*peer*/) override { ++connections; }
  void on_retry(const error& why, std::chrono::milliseconds /*wait*/) override { retries.push_back(why); }
  void on_content(const transfer::source_item& /*item*/, std::uint64_t bytes) override { content += bytes; }
  void on_wire(std::uint64_t bytes) override { wire += bytes; }
  void on_outcome(const transfer::send_outcome& outcome) override { outcomes.push_back(outcome); }
  void on_trouble(const transfer::source_trouble& trouble) override { troubles.push_back(trouble); }

  int connections = 0;
  std::uint64_t content = 0;
  std::uint64_t wire = 0;
  std::vector<error> retries;
  std::vector<transfer::send_outcome> outcomes;
  std::vector<transfer::source_trouble> troubles;
};

// A server and what it stands on. run() drives it together with what a test does, within a deadline.
class transfer_rig {
 public:
  explicit transfer_rig(transfer::receive_server::settings chosen = {},
                        std::chrono::milliseconds idle_timeout = std::chrono::seconds{5}, net::gate::settings gate = {})
      : context{store, pool, observer, idle_timeout},
        listener{std::move(*net::listener::open(io.get_executor(), {asio::ip::address_v4::loopback()}, 0))},
        door{*listener, std::move(gate)},
        server{door.get(), context, std::move(chosen)},
        tasks{io.get_executor(),
              [](std::string_view task, std::string_view what) { FAIL_CHECK(task << ": " << what); }} {}

  transfer_rig(const transfer_rig&) = delete;
  transfer_rig& operator=(const transfer_rig&) = delete;
  ~transfer_rig() { store.let_go(); }

  // Runs `body` beside the server, then drains it. Fails the test if all this takes longer than `patience`.
  void run(net::awaitable<void> body, std::chrono::seconds patience = std::chrono::seconds{30}) {
    tasks.spawn("server", server.run());
    tasks.spawn("body", finish(std::move(body)));
    io.run_for(patience);
    REQUIRE(tasks.size() == 0);
  }

  // Sends everything the source has, as the program does.
  net::awaitable<result<void>> send(transfer::source& from, recording_send_observer& told) {
    transfer::send_settings settings;
    settings.port = listener->port();
    return send(from, told, std::move(settings));
  }
  net::awaitable<result<void>> send(transfer::source& from, recording_send_observer& told,
                                    transfer::send_settings settings) {
    settings.host = "127.0.0.1";
    transfer::send_queue queue{from};
    transfer::send_context sending{settings, queue, pool, told};
    transfer::sender sender{io.get_executor(), sending};
    co_return co_await sender.run();
  }

  // A connection to the server.
  net::awaitable<std::shared_ptr<net::stream>> connect(std::shared_ptr<const net::tls_client> tls = nullptr) {
    net::connector way{io.get_executor()};
    way.secure_with(std::move(tls));
    result<std::shared_ptr<net::stream>> connected =
        co_await way.connect("127.0.0.1", listener->port(), std::chrono::seconds{10});
    if (!connected) throw std::runtime_error{connected.error().text()};
    co_return std::move(*connected);
  }

  asio::io_context io{1};
  memory_store store;
  net::worker_pool pool{2};
  recording_receive_observer observer;
  transfer::receive_context context;
  std::unique_ptr<net::listener> listener;
  open_gate door;
  transfer::receive_server server;
  net::task_group tasks;

 private:
  net::awaitable<void> finish(net::awaitable<void> body) {
    co_await std::move(body);
    server.drain();
  }
};

}  // namespace tcptools::testing
