// The receiver's side of one connection of the compatibility protocol. docs/protocol.md, "The compatibility protocol".
#pragma once

#include <optional>
#include <utility>

#include "tcptools/net/completion.hpp"
#include "tcptools/net/stream.hpp"
#include "tcptools/transfer/compat_protocol.hpp"
#include "tcptools/transfer/receive_context.hpp"

namespace tcptools::transfer {

class compat_receiver {
 public:
  // All outlive the receiver.
  compat_receiver(net::stream& stream, receive_context& context, session_scope scope, session_info& info)
      : stream_{stream}, context_{context}, scope_{std::move(scope)}, info_{info}, allowance_{scope_.max_bytes} {}

  // Takes files until the sender closes between two of them. Of a file that did not arrive whole nothing is kept.
  [[nodiscard]] net::awaitable<result<void>> run(byte_view already_read);

  // Ends the connection at once.
  void stop(error why);

 private:
  // The next header, complete and followed by silence. Nothing if the sender closed instead.
  [[nodiscard]] net::awaitable<result<std::optional<compat_file>>> read_header();
  [[nodiscard]] net::awaitable<result<void>> receive(const compat_file& file);
  [[nodiscard]] net::awaitable<result<placed>> store_content(const entry& item, std::uint64_t size, digest& root);
  // Says to go ahead, and takes the content.
  [[nodiscard]] net::awaitable<result<placed>> fill(incoming& file, const entry& item, std::uint64_t size,
                                                    digest& root);
  // Fills the buffer as far as the file goes, with what was read too far before and what the stream gives.
  [[nodiscard]] net::awaitable<result<void>> read_block(std::span<std::byte> into);

  net::stream& stream_;
  receive_context& context_;
  session_scope scope_;
  session_info& info_;
  byte_allowance allowance_;
  bool is_first_ = true;  // the header to come
  bool said_go_ahead_ = false;
  byte_buffer unread_;  // was read and belongs to what comes next
  std::optional<error> stopped_;
};

}  // namespace tcptools::transfer
