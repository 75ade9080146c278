// A chat client: connects, comes back after a loss, resumes, and repeats what has no answer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>

#include "tcptools/base/retry_policy.hpp"
#include "tcptools/chat/client_connection.hpp"
#include "tcptools/chat/client_machine.hpp"
#include "tcptools/net/connect.hpp"

namespace tcptools::chat {

class chat_client {
 public:
  // The observer outlives the client.
  chat_client(net::any_executor executor, client_settings settings, client_observer& observer);

  // Success after finish(). Otherwise why there is no connection and will be none: stop()'s error, a refusal, or a
  // failure that lasted longer than `retry_for` or `resume_for`. Before it returns, the observer was told an answer of
  // every request.
  [[nodiscard]] net::awaitable<result<void>> run();

  // What and how, and what the number that it returns is good for: client_machine::ask(). Before run() and without a
  // connection, too. Also fails once run() is over. Precondition: has_room().
  [[nodiscard]] result<std::uint64_t> ask(request what);
  [[nodiscard]] bool has_room() const noexcept { return machine_.has_room(); }
  // False if run() is over: there will be no room.
  [[nodiscard]] net::awaitable<bool> wait_for_room();
  [[nodiscard]] std::size_t unanswered() const noexcept { return machine_.unanswered(); }

  // There is no connection and will be none; observers are told so of requests that have no answer.
  [[nodiscard]] bool is_over() const noexcept { return over_; }

  // Says goodbye, and ends run() soon. What has no answer by then is given up.
  void finish();
  // Ends run() at once.
  void stop(error why);

  // What the session knows of itself: its nick, room and resume point.
  [[nodiscard]] const client_machine& session() const noexcept { return machine_; }

 private:
  [[nodiscard]] net::awaitable<result<void>> run_connection();
  [[nodiscard]] bool is_ending() const noexcept { return finishing_ || stopped_; }
  void give_up(const error& why);
  void tell();

  net::any_executor executor_;
  client_settings settings_;
  client_observer& observer_;
  std::random_device entropy_;
  client_machine machine_;
  net::connector connector_;
  retry_policy policy_;
  std::mt19937_64 random_;
  net::event told_;
  net::event stopping_;
  std::optional<error> stopped_;
  bool finishing_ = false;
  bool over_ = false;
  client_connection* connection_ = nullptr;  // while there is one
};

}  // namespace tcptools::chat
