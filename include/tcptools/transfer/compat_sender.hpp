// One sending run with the compatibility protocol: one file a connection, one connection at a time. docs/protocol.md,
// "As a sender".
#pragma once

#include <memory>
#include <optional>

#include "tcptools/base/retry_policy.hpp"
#include "tcptools/net/completion.hpp"
#include "tcptools/net/connect.hpp"
#include "tcptools/net/event.hpp"
#include "tcptools/net/stream.hpp"
#include "tcptools/transfer/rate_limiter.hpp"
#include "tcptools/transfer/send_context.hpp"

namespace tcptools::transfer {

class compat_sender {
 public:
  // The context outlives the sender.
  compat_sender(net::any_executor executor, send_context& context);

  // Returns when every entry has an outcome (the observer was told each), or with why no more can be sent.
  [[nodiscard]] net::awaitable<result<void>> run();

  // Ends the run at once; run() then returns this error.
  void stop(error why);

 private:
  // The outcome of one entry; errors that may pass by themselves were tried again.
  [[nodiscard]] net::awaitable<result<void>> deliver(const source_item& what);
  [[nodiscard]] net::awaitable<result<void>> attempt(const source_item& what, const std::string& header,
                                                     source_file& file);
  [[nodiscard]] net::awaitable<result<void>> exchange(net::stream& stream, const source_item& what,
                                                      const std::string& header, source_file& file);
  [[nodiscard]] net::awaitable<result<void>> send_content(net::stream& stream, const source_item& what,
                                                          source_file& file);

  net::any_executor executor_;
  send_context& context_;
  net::connector connector_;
  retry_policy policy_;
  std::optional<rate_limiter> limiter_;
  net::event stopping_;
  std::optional<error> stopped_;
  std::shared_ptr<net::stream> stream_;  // while a connection is at work
};

}  // namespace tcptools::transfer
