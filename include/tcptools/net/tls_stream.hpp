// Streams over TLS.
#pragma once

#include <memory>
#include <string>

#include "tcptools/base/result.hpp"
#include "tcptools/net/completion.hpp"
#include "tcptools/net/stream.hpp"
#include "tcptools/net/tcp_stream.hpp"
#include "tcptools/net/tls_context.hpp"

namespace tcptools::net {

// Shake hands on a connection whose deadline the caller has set. The stream that results owns the connection and has
// proved what the context demands; its identity() says who the peer is. Errors: errc::refused (the peer did not prove
// itself, or did not accept what we showed), errc::version_unsupported (nothing in common), errc::protocol_violation
// (it does not speak TLS), errc::timed_out, errc::connection_lost.
[[nodiscard]] awaitable<result<std::shared_ptr<stream>>> accept_tls(std::shared_ptr<tcp_stream> over,
                                                                    std::shared_ptr<const tls_server> context);
// `host` is what the server's certificate must be for.
[[nodiscard]] awaitable<result<std::shared_ptr<stream>>> connect_tls(std::shared_ptr<tcp_stream> over,
                                                                     std::shared_ptr<const tls_client> context,
                                                                     std::string host);

}  // namespace tcptools::net
