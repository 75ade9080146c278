// The sender's side of one native conversation: offers what the queue has, reads and sends what the receiver lacks, and
// watches that things move.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "tcptools/net/completion.hpp"
#include "tcptools/net/event.hpp"
#include "tcptools/net/stream.hpp"
#include "tcptools/transfer/block_packer.hpp"
#include "tcptools/transfer/block_reader.hpp"
#include "tcptools/transfer/carrier.hpp"
#include "tcptools/transfer/compression_choice.hpp"
#include "tcptools/transfer/further_connections.hpp"
#include "tcptools/transfer/send_context.hpp"
#include "tcptools/transfer/send_machine.hpp"
#include "tcptools/transfer/stream_reader.hpp"

namespace tcptools::transfer {

class native_sender {
 public:
  // All outlive the sender.
  native_sender(net::stream& stream, send_context& context, session_id session);

  // Runs the connection to its end. What got no outcome is back in the queue when it returns. Success is BYE from both
  // sides.
  [[nodiscard]] net::awaitable<result<void>> run();

  // Ends the connection soon, telling the receiver.
  void stop(error why);

  // The receiver answered to this connection's HELLO.
  [[nodiscard]] bool welcomed() const noexcept { return machine_.welcomed(); }
  // An entry moved on.
  [[nodiscard]] bool progressed() const noexcept { return progressed_; }
  // The receiver was busy with some entry, which is in the queue again.
  [[nodiscard]] const std::optional<error>& busy() const noexcept { return busy_; }

 private:
  // Each is a coroutine of its own; produce() decides, the others carry.
  net::awaitable<void> produce();
  net::awaitable<void> read_answers();
  net::awaitable<void> write_words();
  net::awaitable<void> watch();

  // What produce() consists of.
  [[nodiscard]] net::awaitable<bool> offer_more();
  [[nodiscard]] net::awaitable<void> offer_small(std::size_t count);
  [[nodiscard]] std::size_t count_small() const;
  [[nodiscard]] bool offer_by_time();
  [[nodiscard]] net::awaitable<void> perform(tasks::read task);
  [[nodiscard]] net::awaitable<void> perform(tasks::read_stream task);
  [[nodiscard]] net::awaitable<void> perform(tasks::check task);
  // Compresses BLOCK frames of one entry in place, where that pays.
  [[nodiscard]] net::awaitable<void> compress(std::uint32_t id, std::span<std::span<std::byte>> block_frames);
  [[nodiscard]] net::awaitable<void> settle_outcomes();
  // Runs a job of the source on the pool; the other side cannot be blamed for how long it takes.
  template <class Work>
  [[nodiscard]] net::awaitable<std::invoke_result_t<Work>> on_source(Work work);

  // Bytes, by the receiver's system.
  [[nodiscard]] std::uint64_t acknowledged() const { return stream_.acknowledged() + further_.acknowledged(); }
  void note_progress();
  void on_written(std::size_t size, std::chrono::nanoseconds took);
  void break_off(error why);
  void on_unreadable(const error& why);
  void push_frames();
  void push(byte_buffer frames);
  void on_exception(std::string_view task, std::string_view what);
  void fail(error why);
  void wake_all();

  net::stream& stream_;
  send_context& context_;
  send_machine machine_;
  block_reader reader_;
  frame_memory_pool memory_;
  compression_choice compression_;
  block_packer packer_;
  std::map<std::uint32_t, stream_reader> streams_;

  net::event news_;  // for produce(): answers, room in the outbox, the end
  net::event end_;
  carrier carrier_;
  further_connections further_;
  std::vector<send_outcome> outcomes_;
  std::vector<send_item> later_;  // what the receiver was busy with
  std::optional<error> failure_;
  bool told_to_stop_ = false;
  std::optional<error> busy_;
  bool writing_over_ = false;
  bool over_ = false;
  bool on_source_ = false;
  bool progressed_ = false;
};

}  // namespace tcptools::transfer
