// What a chat server tells its log, and its operator.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "cli/confine_option.hpp"
#include "cli/event_log.hpp"
#include "tcptools/base/error.hpp"
#include "tcptools/chat/chat_machine.hpp"

namespace tcptools::cli {

class chat_serve_report final : public chat::server_observer {
 public:
  // Each line for the operator is given to `show`; nobody is there if it is empty.
  using show = std::function<void(std::string_view line)>;

  explicit chat_serve_report(log_options options) : log_{options} {}

  void set_operator(show to) { show_ = std::move(to); }
  // The log's lines go there instead of to standard error.
  void set_log_output(show to) { log_.set_output(std::move(to)); }

  [[nodiscard]] event_log& log() noexcept { return log_; }

  void on_listening(const std::string& addresses, const std::string& history, const confine_outcome& confined);
  void on_stopping(int signal);
  void on_trouble(const error& what);

  void on_open(const chat::member& who) override;
  void on_named(const chat::member& who) override;
  void on_turned_away(std::string_view peer, std::string_view why) override;
  void on_message(const chat::member* from, std::string_view room, std::string_view text) override;
  void on_direct(const chat::member& from, std::string_view text) override;
  void on_kick(const chat::member& by, const chat::member& whom) override;
  void on_ban(const chat::member& by, std::string_view address) override;
  void on_close(const chat::member& who, chat::code why, std::string_view text) override;

 private:
  event_log log_;
  show show_;
};

}  // namespace tcptools::cli
