// One sending run with the native protocol: connects, sends all that the queue has, and connects again when a
// connection is lost.
#pragma once

#include <memory>
#include <optional>
#include <random>

#include "tcptools/base/retry_policy.hpp"
#include "tcptools/net/completion.hpp"
#include "tcptools/net/connect.hpp"
#include "tcptools/net/event.hpp"
#include "tcptools/transfer/native_sender.hpp"
#include "tcptools/transfer/send_context.hpp"

namespace tcptools::transfer {

class sender {
 public:
  // The context outlives the sender.
  sender(net::any_executor executor, send_context& context);

  // Returns when every entry has an outcome (the observer was told each), or with why no more can be sent.
  [[nodiscard]] net::awaitable<result<void>> run();

  // Ends the run soon; run() then returns this error.
  void stop(error why);

 private:
  [[nodiscard]] net::awaitable<result<void>> run_connection();

  net::any_executor executor_;
  send_context& context_;
  net::connector connector_;
  retry_policy policy_;
  session_id session_{};
  std::mt19937_64 random_;
  net::event stopping_;
  std::optional<error> stopped_;
  native_sender* connection_ = nullptr;  // while one is at work
};

}  // namespace tcptools::transfer
