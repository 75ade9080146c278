// A client of servers that know no protocol: lines out, text in, framed or not. docs/chat-protocol.md, "The plain
// language".
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "tcptools/base/result.hpp"
#include "tcptools/chat/line_splitter.hpp"
#include "tcptools/net/completion.hpp"
#include "tcptools/net/connect.hpp"
#include "tcptools/net/event.hpp"
#include "tcptools/net/stream.hpp"

namespace tcptools::chat {

class plain_client {
 public:
  // A line that came, or text that was followed by silence; made safe.
  using on_text = std::function<void(const std::string& text)>;

  plain_client(const net::any_executor& executor, on_text show);

  [[nodiscard]] net::awaitable<result<void>> connect(std::string host, std::uint16_t port,
                                                     std::chrono::milliseconds timeout);
  // Precondition of all that follows: connect() has succeeded.

  // Shows what comes until the server closes, which is success, or stop(), or the connection is lost.
  [[nodiscard]] net::awaitable<result<void>> run();
  // Sends the line with a LF. Waits until the system has taken it.
  [[nodiscard]] net::awaitable<result<void>> say(std::string line);
  // Nothing more will be said. run() ends when the server closes, or has been silent for a moment.
  [[nodiscard]] net::awaitable<result<void>> finish();

  // Ends everything soon.
  void stop();

  [[nodiscard]] const net::peer_info& peer() const { return stream_->peer(); }

 private:
  void show_lines();

  net::connector connector_;
  on_text show_;
  std::shared_ptr<net::stream> stream_;
  line_splitter in_;
  bool has_finished_ = false;
  bool is_stopped_ = false;
};

}  // namespace tcptools::chat
