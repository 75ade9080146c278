// One line of every type and shape, next to what it says.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "tcptools/chat/protocol.hpp"

namespace tcptools::testing {

struct request_sample {
  chat::tagged_request said;
  std::string line;  // without its LF
};

struct event_sample {
  chat::tagged_event said;
  std::string line;
};

// All but greetings.
const std::vector<request_sample>& request_samples();
const std::vector<request_sample>& greeting_samples();
const std::vector<event_sample>& event_samples();

// Without its LF.
template <class Words>
std::string line_of(const Words& what, std::string_view tag = {}) {
  std::string line;
  chat::append_line(line, what, tag);
  if (!line.empty()) line.pop_back();
  return line;
}

// What the decoder of requests, of greetings or of events makes of a line: the line again as the encoder writes it, a
// complaint as "bad_request: why" with " [tag]" where there is one, or "nothing".
std::string request_read(std::string_view line);
std::string greeting_read(std::string_view line);
std::string event_read(std::string_view line);

}  // namespace tcptools::testing
