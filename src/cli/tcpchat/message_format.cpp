#include "cli/tcpchat/message_format.hpp"

#include <array>
#include <ctime>
#include <nlohmann/json.hpp>

namespace tcptools::cli {
namespace {

constexpr chat::wall_time per_second = 1000;
constexpr chat::wall_time end_of_9999 = 253'402'300'800'000;

}  // namespace

std::string format_time(chat::wall_time time) {
  if (time < 0 || time >= end_of_9999) return std::to_string(time);
  const std::time_t seconds = time / per_second;
  std::tm parts{};
  std::array<char, 32> text{};
  (void)::gmtime_r(&seconds, &parts);
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S.", &parts);
  const std::string digits = std::to_string(per_second + time % per_second);
  return std::string{text.data(), size} + digits.substr(1) + "Z";
}

std::string to_text_line(const chat::news::message& message) {
  return format_time(message.what.time) + "\t" + message.what.from + "\t" + message.what.text;
}

std::string to_text_line(const chat::events::direct& message) {
  return format_time(message.time) + "\t" + message.from + "->" + message.to + "\t" + message.text;
}

std::string to_text_line(const chat::events::member& member) {
  return member.nick + "\t" + member.room + "\t" + std::to_string(member.idle);
}

std::string to_text(const chat::news::lost& lost) {
  if (!lost.count) return "the log of " + lost.room + " is another one; how many messages are lost is not known";
  return std::to_string(*lost.count) + (lost.count == 1U ? " message of " : " messages of ") + lost.room +
         (lost.count == 1U ? " is" : " are") + " lost: the server does not keep so many";
}

nlohmann::ordered_json to_json(const chat::news::message& message) {
  nlohmann::ordered_json object{{"type", "message"}, {"room", message.what.room}};
  if (!message.epoch.empty()) object["epoch"] = message.epoch;
  object.update({{"id", message.what.id},
                 {"time", message.what.time},
                 {"from", message.what.from},
                 {"text", message.what.text},
                 {"replayed", message.replayed}});
  return object;
}

nlohmann::ordered_json to_json(const chat::events::direct& message) {
  return {
      {"type", "direct"}, {"time", message.time}, {"from", message.from}, {"to", message.to}, {"text", message.text}};
}

nlohmann::ordered_json to_json(const chat::events::member& member) {
  return {{"type", "member"}, {"nick", member.nick}, {"room", member.room}, {"idle", member.idle}};
}

}  // namespace tcptools::cli
