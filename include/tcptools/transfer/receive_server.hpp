// Receives from many senders at once on one port: finds out each connection's language and runs its session.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "tcptools/net/completion.hpp"
#include "tcptools/net/event.hpp"
#include "tcptools/net/gate.hpp"
#include "tcptools/net/key_ring.hpp"
#include "tcptools/net/stream.hpp"
#include "tcptools/net/task_group.hpp"
#include "tcptools/transfer/compat_receiver.hpp"
#include "tcptools/transfer/native_receiver.hpp"
#include "tcptools/transfer/receive_context.hpp"

namespace tcptools::transfer {

// The languages that may be spoken on connections that are not encrypted. The compatibility protocol must also be on.
struct plain_languages {
  bool native = true;
  bool compat = true;

  [[nodiscard]] bool permits(language one) const noexcept { return one == language::native ? native : compat; }
};

class receive_server {
 public:
  struct settings {
    std::size_t max_sessions = 256;
    std::size_t max_per_address = 128;
    bool compat = true;
    bool once = false;  // end after one session; one that was lost may come back within the idle timeout
    plain_languages plain;
    // Sessions that came in by a key last as long as these hold it. They outlive the server. Null: as long as they
    // like.
    const net::key_ring* keys = nullptr;
  };

  // All outlive the server.
  receive_server(net::gate& door, receive_context& context, settings chosen);

  // Serves until drain() or force(), or with `once` until a session has ended; returns when the last session has.
  [[nodiscard]] net::awaitable<void> run();

  // Accepts nobody any more; sessions that go on for longer than a few seconds are asked to come back later.
  void drain();
  // Ends every session at once.
  void force();

  // To be called after keys have changed or expired: sessions of peers that are no longer welcome end.
  void recheck();

  // How the session that `once` waits for ended.
  [[nodiscard]] const result<void>& once_result() const noexcept { return once_result_; }

 private:
  // A session at work; exactly one of the receivers is there once the language is known.
  struct session {
    std::shared_ptr<net::stream> stream;
    std::shared_ptr<const net::peer_identity> owner;  // null: anybody
    session_info info;
    session_scope scope;
    std::optional<native_receiver> native;
    std::optional<compat_receiver> compat;
    std::optional<session_id> id;
    bool admitted = false;
    bool joined = false;  // its connection is another session's now
  };

  net::awaitable<void> serve(std::shared_ptr<net::stream> stream);
  [[nodiscard]] net::awaitable<result<void>> serve(session& one, language spoken, byte_view first);
  [[nodiscard]] net::awaitable<result<void>> serve_native(session& one, byte_view first);
  // Hands the connection over to the session that it says it belongs to.
  [[nodiscard]] net::awaitable<result<void>> serve_joining(session& one, frame_reader reader);
  // The session of this id that the other connection's owner may add to.
  [[nodiscard]] native_receiver* find_to_join(const session& one, session_id id);
  [[nodiscard]] net::awaitable<result<void>> serve_compat(session& one, byte_view first);
  [[nodiscard]] bool is_welcome(const session& one) const;
  // Finds out what the session's key entitles it to.
  [[nodiscard]] net::awaitable<result<void>> set_scope(session& one);
  // Tells a sender of the native protocol why.
  [[nodiscard]] net::awaitable<result<void>> turn_away(net::stream& stream, error why);
  // Of all or the admitted sessions, those of everybody and of this address.
  [[nodiscard]] bool is_crowded(const session& one, bool admitted_only) const;
  // Of everybody or this address there is `share` times what may be, each session counted with its weight.
  template <class Weight>
  [[nodiscard]] bool is_crowded(const session& one, std::size_t share, Weight weight) const;
  // Of everybody or this address, as many connections have joined sessions as may.
  [[nodiscard]] bool is_crowded_by_joined(const session& one) const;
  // Ends an older connection of the same session: its sender knows better than we do that it is lost.
  [[nodiscard]] net::awaitable<result<void>> admit_native(session& one, session_id id);
  // Fails with errc::busy if too many are at work.
  [[nodiscard]] result<void> admit(session& one);
  [[nodiscard]] net::task_group::exception_handler exception_handler();
  void on_end(session& one, const result<void>& how);
  net::awaitable<void> stop_stragglers();
  net::awaitable<void> wait_for_return();

  net::gate& gate_;
  receive_context& context_;
  settings settings_;
  net::task_group sessions_group_;
  net::task_group helpers_;
  std::map<std::uint64_t, session*> sessions_;  // by number
  net::event session_ended_;
  net::event forced_;
  std::uint64_t last_number_ = 0;
  std::uint64_t admissions_ = 0;
  std::size_t turned_away_ = 0;
  bool draining_ = false;
  result<void> once_result_ = error{errc::cancelled, "stopped before a session came"};
};

}  // namespace tcptools::transfer
