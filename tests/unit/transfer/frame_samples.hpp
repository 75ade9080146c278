// One frame of every type and shape, next to the bytes that docs/protocol.md gives it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tcptools/base/bytes.hpp"
#include "tcptools/transfer/protocol.hpp"

namespace tcptools::testing {

struct frame_sample {
  std::string name;
  transfer::frame value;
  byte_buffer wire;
};

// "01 0A FF" and the like; what is not an upper-case hexadecimal digit is ignored.
byte_buffer from_hex(std::string_view text);

byte_buffer encoded(const transfer::frame& value);

// Bytes from, from + 1, ...
transfer::digest counting_digest(unsigned from);

// Views in the frames live as long as the program.
const std::vector<frame_sample>& frame_samples();

}  // namespace tcptools::testing
