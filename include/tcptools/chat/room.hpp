// One room: its log, who is in it, and who came and went.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "tcptools/chat/member.hpp"
#include "tcptools/chat/presence.hpp"
#include "tcptools/chat/room_log.hpp"

namespace tcptools::chat {

struct room {
  room(memory_use& use, std::string name, std::string epoch, std::uint64_t next, history_bounds bounds)
      : log{use, std::move(name), std::move(epoch), next, bounds} {}

  void add(member& one) {
    one.where = this;
    one.place = members.size();
    members.push_back(&one);
    if (one.speaks == language::plain && ++plain_members == 1) log.write_plain(true);
  }

  void remove(member& one) {
    members.back()->place = one.place;
    members[one.place] = members.back();
    members.pop_back();
    one.where = nullptr;
    if (one.speaks == language::plain && --plain_members == 0) log.write_plain(false);
  }

  room_log log;
  std::vector<member*> members;
  std::size_t plain_members = 0;
  chat::presence presence;
  bool has_news = false;        // its members have yet to be sent something
  bool is_stored = false;       // the history store knows it
  std::size_t uncommitted = 0;  // messages that wait for the disk
  std::uint64_t pruned_to = 1;  // the oldest id that the history store knows of
  std::uint64_t prunes_to = 1;  // and the one it is being told of
};

}  // namespace tcptools::chat
