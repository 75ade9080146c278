// Many chat sessions on one port and one thread: accepts them, gives them their turns, and carries messages to the
// history store.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tcptools/base/bytes.hpp"
#include "tcptools/base/error.hpp"
#include "tcptools/chat/chat_machine.hpp"
#include "tcptools/chat/chat_session.hpp"
#include "tcptools/chat/history_store.hpp"
#include "tcptools/net/completion.hpp"
#include "tcptools/net/event.hpp"
#include "tcptools/net/gate.hpp"
#include "tcptools/net/key_ring.hpp"
#include "tcptools/net/stream.hpp"
#include "tcptools/net/task_group.hpp"
#include "tcptools/net/worker_pool.hpp"

namespace tcptools::chat {

class chat_server {
 public:
  // Told what goes wrong beside the sessions: connections that cannot be accepted, history that cannot be written.
  using on_trouble = std::function<void(const error&)>;

  // All outlive the server. `history` is null where messages are kept in memory only.
  chat_server(net::gate& door, memory_use& use, chat_machine& machine, history_store* history, net::worker_pool& pool,
              on_trouble complain);

  // Sessions that came in by a key last as long as these hold it. They outlive the server. To be called before run(),
  // if at all.
  void use_keys(const net::key_ring& keys);
  // To be called after keys have changed or expired: sessions of those that are gone, or entitle to something else now,
  // end.
  void recheck();

  // Serves until drain() or force(); returns when the last session has ended.
  [[nodiscard]] net::awaitable<void> run();

  // Accepts nobody any more and takes no line; sessions get what is on its way to them, for a few seconds, and end.
  void drain();
  // Ends every session at once.
  void force();

  // To be called after anything was asked of the machine from outside: its news go out.
  void note_news();

  [[nodiscard]] static chat_machine::moment now();

 private:
  static constexpr std::string_view key_is_gone = "the key is no longer valid";

  [[nodiscard]] net::task_group::exception_handler exception_handler();
  net::awaitable<void> serve(std::shared_ptr<net::stream> stream);
  net::awaitable<void> turn_away(std::shared_ptr<net::stream> stream, error why);
  [[nodiscard]] std::shared_ptr<const member_rights> rights_of(const net::stream& stream);
  // Or it has none, or nobody asks for one.
  [[nodiscard]] bool is_held(const net::peer_identity* who, std::chrono::system_clock::time_point wall) const;
  net::awaitable<void> keep_time();
  net::awaitable<void> keep_history();
  net::awaitable<void> end_sessions();
  // Once per turn of the event loop in which there were news.
  void turn();

  net::gate& gate_;
  memory_use& use_;
  chat_machine& machine_;
  history_store* history_;
  net::worker_pool& pool_;
  on_trouble complain_;

  byte_buffer scratch_;
  net::task_group sessions_;
  net::task_group writers_;
  net::task_group helpers_;
  session_context context_;
  // By the key's name: one object for all sessions of a key.
  struct known_rights {
    std::shared_ptr<const net::key> key;
    std::shared_ptr<const member_rights> rights;
  };
  std::map<std::string, known_rights, std::less<>> rights_;
  const net::key_ring* keys_ = nullptr;
  net::event time_changed_;
  net::event history_changed_;
  std::vector<member*> news_;
  chat_machine::clock::time_point awake_at_;  // when keep_time() looks again
  std::size_t turned_away_ = 0;
  bool is_turn_due_ = false;
  bool is_draining_ = false;
  bool is_over_ = false;
};

}  // namespace tcptools::chat
