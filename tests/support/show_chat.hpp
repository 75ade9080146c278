// What chat clients ask and are told as short lines, so that a test reads as the conversation it checks.
#pragma once

#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "tcptools/chat/client_machine.hpp"

namespace tcptools::testing {

inline std::string show(const std::optional<chat::since>& where) {
  if (!where) return {};
  if (where->ago) return " since " + std::to_string(where->ago->count()) + "s";
  return " since " + (where->epoch.empty() ? "" : where->epoch + ":") + std::to_string(where->id.value());
}

inline std::string show(const chat::tagged_request& one) {
  using namespace chat;
  const auto named = [](const char* name, const std::string& value) {
    return value.empty() ? std::string{} : std::string{" "} + name + " " + value;
  };
  const auto text = [&](const auto& what) -> std::string {
    using type = std::remove_cvref_t<decltype(what)>;
    if constexpr (std::is_same_v<type, requests::hello>) {
      return "hello" + named("nick", what.nick) + named("room", what.room) + show(what.since) +
             named("ticket", what.ticket) + (what.presence ? "" : " quiet");
    } else if constexpr (std::is_same_v<type, requests::send>) {
      return "send '" + what.text + "'" + named("room", what.room) + named("to", what.to) + named("key", what.key);
    } else if constexpr (std::is_same_v<type, requests::join>) {
      return "join" + named("room", what.room) + show(what.since);
    } else if constexpr (std::is_same_v<type, requests::leave>) {
      return "leave";
    } else if constexpr (std::is_same_v<type, requests::nick>) {
      return "nick " + what.nick;
    } else if constexpr (std::is_same_v<type, requests::who>) {
      return "who" + named("room", what.room);
    } else if constexpr (std::is_same_v<type, requests::history>) {
      return "history" + named("room", what.room) + show(what.since);
    } else if constexpr (std::is_same_v<type, requests::kick>) {
      return "kick " + what.to + named("text", what.text);
    } else if constexpr (std::is_same_v<type, requests::ban>) {
      return "ban " + what.to;
    } else if constexpr (std::is_same_v<type, requests::ping>) {
      return "ping";
    } else if constexpr (std::is_same_v<type, requests::pong>) {
      return "pong";
    } else if constexpr (std::is_same_v<type, requests::quit>) {
      return "quit";
    } else {
      return "help";
    }
  };
  return (one.tag.empty() ? "" : "#" + one.tag + " ") + std::visit(text, one.what);
}

inline std::string show(const chat::told& one) {
  using namespace chat;
  const auto text = [](const auto& what) -> std::string {
    using type = std::remove_cvref_t<decltype(what)>;
    if constexpr (std::is_same_v<type, events::welcome>) {
      return "welcome " + what.nick;
    } else if constexpr (std::is_same_v<type, events::joined>) {
      return "joined " + what.room;
    } else if constexpr (std::is_same_v<type, events::left>) {
      return "left " + what.room;
    } else if constexpr (std::is_same_v<type, events::nick>) {
      return "nick " + what.nick;
    } else if constexpr (std::is_same_v<type, news::message>) {
      return (what.asked_for  ? "old "
              : what.replayed ? "replayed "
                              : "") +
             (what.epoch.empty() ? "" : what.epoch + ":") + std::to_string(what.what.id);
    } else if constexpr (std::is_same_v<type, news::lost>) {
      return "lost " + (what.count ? std::to_string(*what.count) : "?");
    } else if constexpr (std::is_same_v<type, events::direct>) {
      return "direct '" + what.text + "'";
    } else if constexpr (std::is_same_v<type, events::ack>) {
      return "ack" + (what.id ? " " + what.epoch + ":" + std::to_string(*what.id) : "") + (what.repeat ? " again" : "");
    } else if constexpr (std::is_same_v<type, events::presence>) {
      return "presence";
    } else if constexpr (std::is_same_v<type, events::member>) {
      return "member " + what.nick;
    } else if constexpr (std::is_same_v<type, events::end>) {
      return "end " + std::to_string(what.count);
    } else if constexpr (std::is_same_v<type, events::notice>) {
      return "notice '" + what.text + "'";
    } else {
      return "failed: " + what.why.text();
    }
  };
  return (one.number == 0 ? "" : "#" + std::to_string(one.number) + " ") + std::visit(text, one.what);
}

template <class Values>
std::string show_chat(const Values& values) {
  std::string line;
  for (const auto& one : values) line += (line.empty() ? "" : ", ") + show(one);
  return line;
}

}  // namespace tcptools::testing
