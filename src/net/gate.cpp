#include "tcptools/net/gate.hpp"

#include <algorithm>
#include <array>
#include <asio/this_coro.hpp>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "tcptools/base/at_exit.hpp"
#include "tcptools/base/bytes.hpp"
#include "tcptools/base/units.hpp"
#include "tcptools/net/address.hpp"
#include "tcptools/net/endpoint.hpp"
#include "tcptools/net/linger.hpp"
#include "tcptools/net/proxy_header.hpp"
#include "tcptools/net/tls_alert.hpp"
#include "tcptools/net/tls_stream.hpp"

namespace tcptools::net {
namespace {

using namespace std::chrono_literals;
using clock = stream::clock;

constexpr std::size_t most_unlogged = 4096;

std::optional<asio::ip::address> address_of(const peer_info& peer) {
  std::error_code failure;
  const asio::ip::address address = asio::ip::make_address(peer.address, failure);
  return failure ? std::nullopt : std::optional{address};
}

error nothing_to_say() { return error{errc::cancelled}; }

awaitable<result<std::byte>> first_byte(tcp_stream& from) {
  for (;;) {
    std::array<std::byte, 1> first{};
    const result<std::size_t> got = from.try_peek(first);
    if (!got) co_return got.error();
    if (*got > 0) co_return first[0];
    const result<void> ready = co_await from.wait_readable();
    if (!ready) co_return ready.error();
  }
}

awaitable<void> tell_that_tls_is_spoken(tcp_stream& to) {
  const auto alert = record_of(tls_alert::handshake_failure);
  const result<void> told = co_await to.write(byte_view{alert});
  if (told) co_await linger(to, clock::now() + short_linger);
}

}  // namespace

gate::gate(listener& from, settings chosen, gate_observer& observer)
    : listener_{from},
      settings_{std::move(chosen)},
      observer_{observer},
      handshakes_{from.get_executor(),
                  [this](std::string_view task, std::string_view what) {
                    complain_(internal_error(errc::connect_failed, task, what));
                  }},
      room_{settings_.waiting} {}

awaitable<void> gate::run(on_connection accept, listener::on_trouble complain) {
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  accept_ = std::move(accept);
  complain_ = std::move(complain);
  listener::on_connection arrive = [this](std::shared_ptr<tcp_stream> one) { on_arrival(std::move(one)); };
  co_await listener_.run(std::move(arrive), complain_);
  close();
  co_await handshakes_.join();
  co_await asio::this_coro::throw_if_cancelled(throws);
}

void gate::close() {
  is_closed_ = true;
  listener_.close();
  for (const auto& [ticket, stream] : arrivals_) stream->close();
}

bool gate::is_proxy(const asio::ip::address& address) const {
  return std::ranges::any_of(settings_.proxies, [&address](const cidr& one) { return one.contains(address); });
}

void gate::on_arrival(std::shared_ptr<tcp_stream> one) {
  const std::optional<asio::ip::address> from = address_of(one->peer());
  if (!from) return;  // it has left
  const bool by_proxy = is_proxy(*from);
  if (!by_proxy && !may_knock(one->peer(), *from)) return;
  if (!by_proxy && !settings_.tls) return accept_(std::move(one));

  const waiting_room::entry entry = room_.enter(*from, clock::now());
  for (const waiting_room::ticket who : entry.to_go) send_away(who);
  const auto until = clock::now() + settings_.handshake_wait;
  arrivals_.emplace(entry.given, one);
  handshakes_.spawn("handshake", admit({std::move(one), *from, until, entry.given, by_proxy}));
}

// Its coroutine finds out that it has no ticket any more.
void gate::send_away(waiting_room::ticket who) {
  const auto found = arrivals_.find(who);
  if (found != arrivals_.end()) found->second->reset();
}

bool gate::may_knock(const peer_info& peer, const asio::ip::address& from) {
  if (!settings_.addresses.permits(from)) {
    mention(peer, from, error{errc::refused, "its address is not allowed"});
    return false;
  }
  if (!failures_.is_blocked(from, clock::now())) return true;
  count_unlogged(from);
  return false;
}

awaitable<void> gate::admit(arrival one) {
  const at_exit leave{[this, &one] {
    if (room_.has(one.ticket)) room_.leave(one.ticket);
    arrivals_.erase(one.ticket);
  }};
  one.stream->set_deadline(one.until);
  const result<std::shared_ptr<stream>> proved = co_await prove(one);
  if (is_closed_) co_return;
  if (!proved) co_return explain(one, proved.error());
  if (const std::uint64_t unlogged = take_unlogged(one.from); unlogged > 0) {
    observer_.on_let_in_again((*proved)->peer(), unlogged);
  }
  (*proved)->clear_deadline();
  accept_(*proved);
}

awaitable<result<std::shared_ptr<stream>>> gate::prove(arrival& one) {
  if (one.by_proxy) {
    const result<void> heard = co_await hear_proxy(one);
    if (!heard) co_return heard.error();
  }
  if (!settings_.tls) co_return one.stream;
  co_return co_await shake_hands(one);
}

awaitable<result<void>> gate::hear_proxy(arrival& one) {
  tcp_stream& from = *one.stream;
  proxy_header_decoder decoder;
  while (const std::size_t wanted = decoder.wanted()) {
    std::array<std::byte, proxy_header_decoder::longest> bytes;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    const result<std::size_t> got = co_await from.read_some(std::span{bytes}.first(wanted));
    if (!got) co_return got.error();
    const result<void> good = decoder.feed(std::span{bytes}.first(*got));
    if (good) continue;
    mention(from.peer(), one.from, good.error().in("the proxy"));
    co_return nothing_to_say();
  }
  if (const std::optional<proxied_peer>& peer = decoder.peer()) {
    one.from = peer->address;
    from.set_peer({to_text(asio::ip::tcp::endpoint{peer->address, peer->port}), to_text(peer->address)});
    if (room_.has(one.ticket)) room_.move(one.ticket, one.from);
  }
  if (may_knock(from.peer(), one.from)) co_return result<void>{};
  co_return nothing_to_say();
}

awaitable<result<std::shared_ptr<stream>>> gate::shake_hands(arrival& one) const {
  if (settings_.allow_plain) one.stream->set_deadline(std::min(one.until, clock::now() + settings_.plain_wait));
  const result<std::byte> first = co_await first_byte(*one.stream);
  const bool has_finished = !first && first.error().code() == errc::end_of_stream;
  const bool is_silent = !first && (has_finished || first.error().code() == errc::timed_out);
  const bool is_plain = is_silent || (first && *first != tls_handshake_record);
  if (is_plain && settings_.allow_plain) co_return one.stream;
  one.stream->set_deadline(one.until);
  // Also who only listens is to know why there is nothing to hear.
  if (has_finished || (first && is_plain)) co_await tell_that_tls_is_spoken(*one.stream);
  if (!first) co_return first.error();
  if (is_plain) co_return error{errc::protocol_violation, "it does not speak TLS"};
  co_return co_await accept_tls(one.stream, settings_.tls);
}

void gate::explain(const arrival& one, const error& why) {
  const peer_info& peer = one.stream->peer();
  if (!room_.has(one.ticket)) {
    return mention(peer, one.from, error{errc::busy, "too many have not finished their handshakes"});
  }
  switch (why.code()) {
    case errc::refused:
    case errc::protocol_violation:
    case errc::version_unsupported:
      return blame(peer, one.from, why);
    case errc::timed_out:
      return mention(peer, one.from,
                     error{errc::timed_out, "no handshake within " + format_duration(settings_.handshake_wait)});
    case errc::cancelled:
      return;
    default:
      // Whoever looks whether a port is open says nothing, and is not worth a line.
      if (one.stream->bytes_read() > 0) mention(peer, one.from, why);
  }
}

void gate::blame(const peer_info& peer, const asio::ip::address& from, const error& why) {
  const auto now = clock::now();
  if (failures_.is_blocked(from, now)) return count_unlogged(from);
  const bool is_blocked = failures_.note_failure(from, now);
  observer_.on_not_let_in({peer, why, is_blocked, take_unlogged(from)});
}

void gate::mention(const peer_info& peer, const asio::ip::address& from, const error& why) {
  const auto now = clock::now();
  if (mentions_.is_blocked(from, now)) return count_unlogged(from);
  (void)mentions_.note_failure(from, now);
  observer_.on_not_let_in({peer, why, false, take_unlogged(from)});
}

void gate::count_unlogged(const asio::ip::address& from) {
  const asio::ip::address origin = origin_of(from);
  if (unlogged_.size() < most_unlogged || unlogged_.contains(origin)) ++unlogged_[origin];
}

std::uint64_t gate::take_unlogged(const asio::ip::address& from) {
  const auto found = unlogged_.find(origin_of(from));
  if (found == unlogged_.end()) return 0;
  const std::uint64_t count = found->second;
  unlogged_.erase(found);
  return count;
}

}  // namespace tcptools::net
