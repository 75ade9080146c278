// The addresses of a host's name.
#pragma once

#include <asio/ip/address.hpp>
#include <asio/posix/basic_stream_descriptor.hpp>
#include <functional>
#include <string>
#include <vector>

#include "tcptools/base/result.hpp"
#include "tcptools/net/completion.hpp"

namespace tcptools::net {

// At least one address, the best first, or errc::connect_failed. May block, and is called in a thread of its own.
using lookup_function = std::function<result<std::vector<asio::ip::address>>(const std::string& host)>;

// What the system says: getaddrinfo(3).
[[nodiscard]] result<std::vector<asio::ip::address>> ask_system(const std::string& host);

// Looks one name up at a time. The system's way to do it can neither be interrupted nor given a time limit, so each
// question has a thread that is left to itself when nobody waits for its answer any more. Outlives every run().
class lookup {
 public:
  explicit lookup(const any_executor& executor, lookup_function ask);

  // Fails as `ask` does, or with errc::cancelled.
  [[nodiscard]] awaitable<result<std::vector<asio::ip::address>>> run(std::string host);

  // Ends run() at once.
  void cancel();

 private:
  lookup_function ask_;
  asio::posix::basic_stream_descriptor<any_executor> answered_;
};

}  // namespace tcptools::net
