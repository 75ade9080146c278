#include "tcptools/chat/presence.hpp"

#include <algorithm>
#include <utility>

#include "tcptools/chat/limits.hpp"

namespace tcptools::chat {
namespace {

// Leaves as many names as a line shows; how many were others.
std::uint64_t shorten(std::vector<std::string>& names) {
  if (names.size() <= limits::names_shown) return 0;
  const std::uint64_t others = names.size() - limits::names_shown;
  names.resize(limits::names_shown);
  return others;
}

}  // namespace

void presence::came(const std::string& name, clock::time_point now) {
  if (std::erase(went_, name) == 0) note(came_, name, now);
}

void presence::went(const std::string& name, clock::time_point now) {
  if (std::erase(came_, name) == 0) note(went_, name, now);
}

void presence::note(std::vector<std::string>& where, const std::string& name, clock::time_point now) {
  if (where.size() < limits::names_gathered) {
    where.push_back(name);
  } else {
    ++more_;
  }
  if (!due_) due_ = std::max(now + limits::presence_delay, told_at_ + limits::presence_interval);
}

events::presence presence::take(clock::time_point now) {
  events::presence all;
  all.joined = std::exchange(came_, {});
  all.left = std::exchange(went_, {});
  all.more = std::exchange(more_, 0) + shorten(all.joined) + shorten(all.left);
  due_.reset();
  told_at_ = now;
  return all;
}

}  // namespace tcptools::chat
