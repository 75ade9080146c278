// A client of servers that know no protocol: lines out, text in, framed or not. docs/chat-protocol.md, "The plain
// language".
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "tcptools/base/result.hpp"
#include "tcptools/chat/limits.hpp"
#include "tcptools/chat/line_splitter.hpp"
#include "tcptools/net/completion.hpp"
#include "tcptools/net/connect.hpp"
#include "tcptools/net/event.hpp"
#include "tcptools/net/stream.hpp"
#include "tcptools/net/tls_context.hpp"

namespace tcptools::chat {

class plain_client {
 public:
  // A line that came, or text that was followed by silence; made safe.
  using on_text = std::function<void(const std::string& text)>;

  // Awaited before more is read: returns when what was shown has gone where it belongs.
  using when_ready = std::function<net::awaitable<void>()>;

  // `patience`: how long a server may, when all is said, neither take nor say anything before it closes.
  plain_client(const net::any_executor& executor, on_text show, when_ready ready = {},
               std::chrono::milliseconds patience = limits::plain_end_wait);

  // What connections are secured with; null: nothing.
  void secure_with(std::shared_ptr<const net::tls_client> context) { connector_.secure_with(std::move(context)); }

  [[nodiscard]] net::awaitable<result<void>> connect(std::string host, std::uint16_t port,
                                                     std::chrono::milliseconds timeout);
  // Precondition of all that follows: connect() has succeeded.

  // Shows what comes until the server closes, which is success, or stop(), or the connection is lost. A server that
  // does not close once all was said may not have taken it: errc::timed_out.
  [[nodiscard]] net::awaitable<result<void>> run();
  // Sends the line with a LF. Waits until the system has taken it.
  [[nodiscard]] net::awaitable<result<void>> say(std::string line);
  // Nothing more will be said. run() ends when the server closes.
  [[nodiscard]] net::awaitable<result<void>> finish();

  // Ends everything soon.
  void stop();

  [[nodiscard]] const net::peer_info& peer() const { return stream_->peer(); }

 private:
  void show_lines();
  void set_deadline();
  // The server does not get on with what it was told. Precondition: has_finished_.
  [[nodiscard]] bool is_stuck();

  net::connector connector_;
  on_text show_;
  when_ready ready_;
  std::chrono::milliseconds patience_;
  std::shared_ptr<net::stream> stream_;
  line_splitter in_;
  net::stream::clock::time_point moved_at_;  // when the server took or said something; once has_finished_
  std::size_t left_ = 0;                     // of what it had not taken then
  bool has_heard_ = false;                   // anything of the server
  bool has_finished_ = false;
  bool is_stopped_ = false;
};

}  // namespace tcptools::chat
