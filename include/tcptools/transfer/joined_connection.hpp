// One further connection of a sending session: connects, joins, carries blocks. Whatever becomes of it, the session
// goes on without. docs/protocol.md, "Further connections".
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "tcptools/net/completion.hpp"
#include "tcptools/net/connect.hpp"
#include "tcptools/net/stream.hpp"
#include "tcptools/net/task_group.hpp"
#include "tcptools/transfer/carrier.hpp"
#include "tcptools/transfer/protocol.hpp"
#include "tcptools/transfer/send_context.hpp"

namespace tcptools::transfer {

class joined_connection {
 public:
  // To the address that `first` has reached. All outlive it.
  joined_connection(net::stream& first, carrier& by, const send_settings& settings, const frames::join& join);

  // Returns when it has ended.
  [[nodiscard]] net::awaitable<void> run();

  // Ends it soon: it has done its part.
  void stop();
  // Ends it so that the receiver learns that something is missing.
  void cut();

  [[nodiscard]] bool has_ended() const noexcept { return has_ended_; }
  // It did not come about, or ended before it was stopped.
  [[nodiscard]] bool was_lost() const noexcept { return was_lost_; }
  [[nodiscard]] bool is_at_work() const noexcept { return id_.has_value() && !has_ended_; }

  [[nodiscard]] std::uint64_t acknowledged() const;  // bytes, by the receiver's system
  // Precondition: is_at_work().
  [[nodiscard]] const net::stream& stream() const noexcept { return *stream_; }

 private:
  [[nodiscard]] net::awaitable<void> carry();
  [[nodiscard]] net::awaitable<void> listen();
  void lose();
  void end();

  carrier& carrier_;
  const send_settings& settings_;
  frames::join join_;
  net::connector connector_;
  net::task_group tasks_;
  std::shared_ptr<net::stream> stream_;
  std::optional<outbox::connection_id> id_;  // once connected
  std::uint64_t acknowledged_ = 0;           // when it ended
  bool has_ended_ = false;
  bool was_lost_ = false;
};

}  // namespace tcptools::transfer
