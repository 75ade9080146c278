#include "cli/tcpchat/view.hpp"

#include <array>
#include <ctime>
#include <variant>

#include "cli/tcpchat/message_format.hpp"
#include "tcptools/chat/plain_protocol.hpp"

namespace tcptools::cli {
namespace {

std::string clock_time(chat::wall_time time) {
  const std::time_t seconds = time / 1000;
  std::tm local{};
  if (::localtime_r(&seconds, &local) == nullptr) return {};
  std::array<char, 8> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%H:%M ", &local)};
}

// One branch for each kind of news; what has a form in the plain language is shown in that.
class renderer {
 public:
  renderer(const chat_view& view, std::string_view self) : view_{view}, self_{self} {}

  std::string operator()(const chat::news::message& told) const {
    return time(told.what.time) + name("[" + told.what.from + "]", told.what.from) + " " + told.what.text + "\n";
  }
  std::string operator()(const chat::events::direct& told) const {
    const bool is_own = told.from == self_;
    const std::string both = is_own ? "[you -> " + told.to + "]" : "[" + told.from + " -> you]";
    return time(told.time) + name(both, is_own ? told.to : told.from) + " " + told.text + "\n";
  }
  std::string operator()(const chat::news::lost& told) const { return "* " + to_text(told) + "\n"; }
  std::string operator()(const chat::news::failed& told) const { return "* " + told.why.text() + "\n"; }
  std::string operator()(const chat::events::ack& /*told*/) const { return {}; }

  template <class Event>
  std::string operator()(const Event& told) const {
    std::string text;
    chat::append_plain(text, told, self_);
    return text;
  }

 private:
  [[nodiscard]] std::string time(chat::wall_time when) const { return view_.shows_time ? clock_time(when) : ""; }
  [[nodiscard]] std::string name(std::string_view text, std::string_view nick) const {
    return in_colour_of(nick, text, view_.colours);
  }

  const chat_view& view_;
  std::string_view self_;
};

}  // namespace

std::string chat_view::render(const chat::told& what, std::string_view self) const {
  return std::visit(renderer{*this, self}, what.what);
}

std::string chat_prompt(std::string_view room, std::string_view state) {
  if (!state.empty()) return "(" + std::string{state} + ") ";
  return room.empty() ? "> " : "#" + std::string{room} + "> ";
}

}  // namespace tcptools::cli
