// How coroutines of this project are spelled in Asio, in the one place that knows which Asio it is.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/version.hpp>

#if ASIO_VERSION >= 102300
#include <asio/as_tuple.hpp>
#else
#include <asio/experimental/as_tuple.hpp>
#endif

namespace tcptools::net {

using any_executor = asio::any_io_executor;

template <class T = void>
using awaitable = asio::awaitable<T, any_executor>;

// Completion token: `auto [failure, ...] = co_await operation(use_tuple)`; errors are values.
#if ASIO_VERSION >= 102300
inline constexpr auto use_tuple = asio::as_tuple(asio::use_awaitable_t<any_executor>{});
#else
inline constexpr auto use_tuple = asio::experimental::as_tuple(asio::use_awaitable_t<any_executor>{});
#endif

}  // namespace tcptools::net
