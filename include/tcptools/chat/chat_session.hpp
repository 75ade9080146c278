// One connection of a chat server: carries bytes between a stream and its member of the machine.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "tcptools/base/result.hpp"
#include "tcptools/chat/chat_machine.hpp"
#include "tcptools/net/completion.hpp"
#include "tcptools/net/event.hpp"
#include "tcptools/net/stream.hpp"
#include "tcptools/net/task_group.hpp"

namespace tcptools::chat {

// What all sessions of a server share.
struct session_context {
  chat_machine& machine;
  net::task_group& tasks;        // where sessions wait for their peers to read
  std::span<std::byte> scratch;  // what was just read, until it is in the machine
  std::function<chat_machine::moment()> clock;
  std::function<void()> on_news;  // the machine may have something for some sessions
};

class chat_session final : public member {
 public:
  // `use` and `context` outlive the session. `its_rights` are those of the stream's identity.
  chat_session(memory_use& use, std::shared_ptr<net::stream> stream, std::shared_ptr<const member_rights> its_rights,
               session_context& context);

  // Precondition: the machine has taken it. Returns when the connection is closed and nothing uses the session any
  // more; gives why it ended, unless it was the machine that ended it.
  [[nodiscard]] net::awaitable<std::string> run();

  // Gives the peer what it takes now. What it does not take goes out when it reads.
  void flush();

  [[nodiscard]] std::shared_ptr<const net::peer_identity> identity() const { return stream_->identity(); }

  void wake() override { woken_.notify_all(); }
  void abort() override;

 private:
  // What ended it, unless the machine did.
  [[nodiscard]] net::awaitable<std::string> read_lines();
  [[nodiscard]] net::awaitable<void> say_goodbye();
  [[nodiscard]] net::awaitable<void> write_when_possible();
  [[nodiscard]] net::awaitable<void> half_close();

  std::shared_ptr<net::stream> stream_;
  session_context& context_;
  net::event woken_;
  bool is_over_ = false;         // the connection is closed
  bool has_said_all_ = false;    // the last words are out
  bool is_half_closed_ = false;  // and the peer is told so
};

}  // namespace tcptools::chat
