// What the operator of a chat server types, and is shown. No I/O: lines in, lines out.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "tcptools/base/result.hpp"
#include "tcptools/chat/chat_machine.hpp"

namespace tcptools::chat {

class operator_machine {
 public:
  using moment = chat_machine::moment;
  using show = std::function<void(const std::string& line)>;

  // `machine` outlives it. Each line to be shown is given to `out`, without its end.
  operator_machine(chat_machine& machine, show out) : machine_{machine}, out_{std::move(out)} {}

  // One line the operator typed. False: the server is to end.
  [[nodiscard]] bool on_line(std::string_view line, moment now);

  // What plain text goes to: "lobby", or "alice" after /select.
  [[nodiscard]] std::string target() const;

  // "[127.0.0.1:4711] hello", "[127.0.0.1:4711 alice #ops] hello".
  [[nodiscard]] static std::string describe_message(const member& from, std::string_view room, std::string_view text);
  // The same of what was said to the operator alone: "[127.0.0.1:4711 -> operator] hello".
  [[nodiscard]] static std::string describe_direct(const member& from, std::string_view text);

 private:
  void list_clients(moment now);
  void list_rooms();
  void select(std::string_view who);
  void tell(std::string_view who, std::string_view text, moment now);
  void tell_all(std::string_view text, moment now);
  void complain_unless(const result<void>& good);
  void kick(std::string_view who, std::string_view reason, moment now);
  void ban(std::string_view address, moment now);
  // By number, nickname or address; says so if there is none.
  [[nodiscard]] member* find(std::string_view who);

  chat_machine& machine_;
  show out_;
  std::uint64_t selected_ = 0;  // its number; 0: nobody
};

}  // namespace tcptools::chat
