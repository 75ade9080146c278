#include "tcptools/transfer/receive_server.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "tcptools/base/at_exit.hpp"
#include "tcptools/base/text.hpp"
#include "tcptools/net/linger.hpp"
#include "tcptools/net/tls_alert.hpp"
#include "tcptools/transfer/limits.hpp"

namespace tcptools::transfer {
namespace {

using clock = std::chrono::steady_clock;

error no_longer_welcome() { return error{errc::refused, "the key is no longer valid"}; }

error too_many_sessions() { return error{errc::busy, "there are too many sessions at once"}; }

// A session's id is its sender's own: what another one may have seen or guessed is another session.
bool is_same_owner(const net::peer_identity* one, const net::peer_identity* other) noexcept {
  if (one == nullptr || other == nullptr) return one == other;
  return one->name == other->name && (one->by_key == nullptr) == (other->by_key == nullptr);
}

// Joined connections, of all sessions, for each session that may be.
constexpr std::size_t joined_share = 4;

}  // namespace

receive_server::receive_server(net::gate& door, receive_context& context, settings chosen)
    : gate_{door},
      context_{context},
      settings_{chosen},
      sessions_group_{door.get_executor(), exception_handler()},
      helpers_{door.get_executor(), exception_handler()},
      session_ended_{door.get_executor()},
      forced_{door.get_executor()} {}

net::task_group::exception_handler receive_server::exception_handler() {
  return [this](std::string_view task, std::string_view what) {
    context_.observer.on_trouble(net::internal_error(errc::cancelled, task, what));
  };
}

net::awaitable<void> receive_server::run() {
  co_await gate_.run(
      [this](std::shared_ptr<net::stream> stream) { sessions_group_.spawn("session", serve(std::move(stream))); },
      [this](const error& trouble) { context_.observer.on_trouble(trouble); });
  co_await sessions_group_.join();
  forced_.notify_all();
  session_ended_.notify_all();
  draining_ = true;
  co_await helpers_.join();
}

void receive_server::drain() {
  if (std::exchange(draining_, true)) return;
  gate_.close();
  helpers_.spawn("drain", stop_stragglers());
}

void receive_server::force() {
  drain();
  for (auto& [number, one] : sessions_) {
    if (one->native) {
      one->native->abort(error{errc::cancelled, "stopped"});
    } else {
      one->stream->close();
    }
  }
  forced_.notify_all();
}

net::awaitable<void> receive_server::stop_stragglers() {
  const auto until = clock::now() + limits::drain_wait;
  while (!sessions_.empty() && clock::now() < until) (void)co_await session_ended_.wait_until(until);
  const error why{errc::cancelled, "the receiver is shutting down"};
  for (auto& [number, one] : sessions_) {
    if (one->native) {
      one->native->stop(wire_code::shutting_down, why);
    } else {
      one->stream->close();
    }
  }
}

bool receive_server::is_welcome(const session& one) const {
  return settings_.keys == nullptr || settings_.keys->still_admits(one.owner.get(), std::chrono::system_clock::now());
}

void receive_server::recheck() {
  for (auto& [number, one] : sessions_) {
    if (is_welcome(*one)) continue;
    if (one->native) {
      one->native->stop(wire_code::refused, no_longer_welcome());
    } else if (one->compat) {
      one->compat->stop(no_longer_welcome());
    } else {
      one->stream->close();
    }
  }
}

net::awaitable<void> receive_server::serve(std::shared_ptr<net::stream> stream) {
  session one{stream, stream->identity(), {}, {}, {}, {}, {}, false, false};
  one.info.number = ++last_number_;
  one.info.peer = stream->peer().text;
  one.info.started = clock::now();
  if (one.owner) (one.owner->by_key ? one.info.key : one.info.certificate) = one.owner->name;
  // As many again may be here to say who they are: one of them may be a sender that comes back.
  if (is_crowded(one, false)) {
    const error why = too_many_sessions();
    const result<void> refused = co_await turn_away(*stream, why);
    context_.observer.on_session_end(one.info, refused);
    co_return;
  }
  sessions_.emplace(one.info.number, &one);
  const at_exit leave{[this, &one] {
    if (!one.joined) one.stream->close();
    sessions_.erase(one.info.number);
    session_ended_.notify_all();
  }};

  std::array<std::byte, 4096> first{};
  stream->set_deadline(clock::now() + limits::hello_wait);
  const result<std::size_t> got = co_await stream->read_some(first);
  stream->clear_deadline();
  if (!got) {
    // Port scanners and health checks connect and leave.
    const bool left = got.error().code() == errc::end_of_stream;
    if (!left) context_.observer.on_session_end(one.info, got.error());
  } else {
    const byte_view bytes = byte_view{first}.first(*got);
    result<void> how;
    if (bytes[0] == net::tls_handshake_record) {
      const auto alert = net::record_of(net::tls_alert::unexpected_message);
      (void)co_await stream->write(byte_view{alert});
      how = error{errc::protocol_violation, "it speaks TLS, which this receiver does not"};
    } else {
      how = co_await serve(one, bytes[0] == preface()[0] ? language::native : language::compat, bytes);
    }
    if (one.joined) co_return;
    one.info.bytes_received = one.native ? one.info.bytes_received : stream->bytes_read();
    on_end(one, how);
  }
}

net::awaitable<result<void>> receive_server::serve(session& one, language spoken, byte_view first) {
  const bool native = spoken == language::native;
  one.info.speaks = spoken;
  if (!native && !settings_.compat)
    co_return error{errc::refused, "it does not speak the native protocol, and the compatibility protocol is off"};
  if (!one.stream->is_encrypted() && !settings_.plain.permits(spoken)) {
    const error why{errc::refused, "this receiver takes encrypted connections only"};
    if (native) co_return co_await turn_away(*one.stream, why);
    co_return why;
  }
  result<void> able = co_await set_scope(one);
  // What recheck() did not see: it was called while this was not a session yet.
  if (able && !is_welcome(one)) able = no_longer_welcome();
  if (!able && native) co_return co_await turn_away(*one.stream, able.error());
  if (!able) co_return able;
  if (native) co_return co_await serve_native(one, first);
  co_return co_await serve_compat(one, first);
}

net::awaitable<result<void>> receive_server::set_scope(session& one) {
  const bool has_key = one.owner != nullptr && one.owner->by_key != nullptr;
  const result<session_rights> rights = has_key ? rights_of(one.owner->by_key->rights) : session_rights{};
  if (!rights) co_return error{errc::refused, "the key cannot be used here"};
  one.scope.max_bytes = rights->max_bytes;
  one.info.directory = rights->directory;
  if (rights->directory.empty() && !rights->no_replace) {
    one.scope.where = std::shared_ptr<store>{std::shared_ptr<void>{}, &context_.where};
    co_return result<void>{};
  }
  auto narrow = [this, &rights] { return context_.where.narrowed(*rights); };
  result<std::shared_ptr<store>> view = co_await net::offload(context_.pool, std::move(narrow));
  if (!view) co_return view.error();
  one.scope.where = std::move(*view);
  co_return result<void>{};
}

net::awaitable<result<void>> receive_server::serve_native(session& one, byte_view first) {
  frame_reader reader{*one.stream, first};
  one.stream->set_deadline(one.info.started + std::min<clock::duration>(limits::hello_wait, context_.idle_timeout));
  const result<byte_view> start = co_await reader.peek(preface().size() + 1);
  one.stream->clear_deadline();
  if (!start && start.error().code() == errc::timed_out) {
    co_return co_await turn_away(*one.stream, error{errc::timed_out, "the sender did not say hello"});
  }
  const bool is_join = start && std::ranges::equal(start->first(preface().size()), preface()) &&
                       (*start)[preface().size()] == std::byte{static_cast<std::uint8_t>(frames::type::join)};
  if (is_join) co_return co_await serve_joining(one, std::move(reader));

  auto admission = [this, &one](session_id id) { return admit_native(one, id); };
  one.native.emplace(*one.stream, context_, one.scope, one.info, std::move(admission));
  context_.observer.on_session_start(one.info);
  co_return co_await one.native->run(std::move(reader));
}

net::awaitable<result<void>> receive_server::serve_joining(session& one, frame_reader reader) {
  one.stream->set_deadline(one.info.started + limits::hello_wait);
  const result<byte_buffer> start = co_await reader.take(preface().size());
  if (!start) co_return start.error();
  const result<received_frame> said = co_await reader.next();
  one.stream->clear_deadline();
  if (!said) co_return co_await turn_away(*one.stream, said.error());
  const auto& wish = std::get<frames::join>(said->value);
  native_receiver* other = find_to_join(one, wish.session);
  const auto until = clock::now() + limits::hello_wait;
  while (const std::shared_ptr<net::event> home = other != nullptr ? other->away_until() : nullptr) {
    const bool is_in_time = co_await home->wait_until(until);
    if (!is_in_time) co_return co_await turn_away(*one.stream, error{errc::busy, "that session waits for its disk"});
    other = find_to_join(one, wish.session);
  }
  if (is_crowded_by_joined(one)) co_return co_await turn_away(*one.stream, too_many_sessions());
  result<void> joined = error{errc::refused, "there is no such session to join"};
  if (other != nullptr) joined = other->join(wish, one.stream, std::move(reader));
  if (!joined) co_return co_await turn_away(*one.stream, joined.error());
  one.joined = true;
  co_return joined;
}

native_receiver* receive_server::find_to_join(const session& one, session_id id) {
  for (auto& [number, other] : sessions_) {
    const bool is_same = other->native && other->admitted && other->id == id &&
                         other->stream->is_encrypted() == one.stream->is_encrypted() &&
                         is_same_owner(other->owner.get(), one.owner.get());
    if (is_same) return &*other->native;
  }
  return nullptr;
}

net::awaitable<result<void>> receive_server::serve_compat(session& one, byte_view first) {
  if (const result<void> admitted = admit(one); !admitted) co_return admitted;
  one.compat.emplace(*one.stream, context_, one.scope, one.info);
  context_.observer.on_session_start(one.info);
  co_return co_await one.compat->run(first);
}

template <class Weight>
bool receive_server::is_crowded(const session& one, std::size_t share, Weight weight) const {
  std::size_t all = 0;
  std::size_t of_address = 0;
  for (const auto& [number, other] : sessions_) {
    const std::size_t counts = weight(*other);
    all += counts;
    if (other->stream->peer().address == one.stream->peer().address) of_address += counts;
  }
  return all >= share * settings_.max_sessions || of_address >= share * settings_.max_per_address;
}

bool receive_server::is_crowded(const session& one, bool admitted_only) const {
  return is_crowded(one, admitted_only ? 1 : 2,
                    [&](const session& other) { return std::size_t{!admitted_only || other.admitted}; });
}

bool receive_server::is_crowded_by_joined(const session& one) const {
  return is_crowded(one, joined_share, [](const session& other) { return other.native ? other.native->joined() : 0; });
}

result<void> receive_server::admit(session& one) {
  if (is_crowded(one, true)) return too_many_sessions();
  one.admitted = true;
  ++admissions_;
  return {};
}

net::awaitable<result<void>> receive_server::admit_native(session& one, session_id id) {
  for (;;) {
    session* older = nullptr;
    for (auto& [number, other] : sessions_) {
      const bool same = other != &one && other->id == id && is_same_owner(other->owner.get(), one.owner.get());
      if (same) older = other;
    }
    if (older == nullptr) break;
    older->native->abort(error{errc::connection_lost, "its sender connected again"});
    co_await session_ended_.wait();
  }
  one.id = id;
  co_return admit(one);
}

net::awaitable<result<void>> receive_server::turn_away(net::stream& stream, error why) {
  if (turned_away_ < settings_.max_sessions) {
    ++turned_away_;
    byte_buffer answer;
    encode(frames::error{to_wire(why.code()), why.text()}, answer);
    const auto until = clock::now() + limits::goodbye_wait;
    stream.set_deadline(until);
    const result<void> told = co_await stream.write(answer);
    if (told) co_await net::linger(stream, until);
    --turned_away_;
  }
  stream.close();
  co_return why;
}

void receive_server::on_end(session& one, const result<void>& how) {
  context_.observer.on_session_end(one.info, how);
  const bool counts = std::exchange(one.admitted, false);
  if (!settings_.once || draining_ || !counts) return;
  once_result_ = how;
  if (how && one.info.failed > 0) once_result_ = error{errc::refused, "some entries were not received"};
  if (how) {
    drain();
  } else if (std::ranges::none_of(sessions_, [](const auto& other) { return other.second->admitted; })) {
    helpers_.spawn("return", wait_for_return());
  }
}

net::awaitable<void> receive_server::wait_for_return() {
  const std::uint64_t known = admissions_;
  const auto until = clock::now() + context_.idle_timeout;
  while (!draining_ && admissions_ == known && clock::now() < until) (void)co_await forced_.wait_until(until);
  if (admissions_ == known) drain();
}

}  // namespace tcptools::transfer
