// Whatever a user writes, a size, a duration or a block of addresses is read within its bounds or refused with a
// harmless text.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string>
#include <string_view>

#include "tcptools/base/text.hpp"
#include "tcptools/base/units.hpp"
#include "tcptools/net/cidr.hpp"

namespace {

template <class Result>
void check_refusal(const Result& parsed) {
  if (parsed.error().code() != tcptools::errc::usage) std::abort();
  if (!tcptools::is_utf8(parsed.error().text())) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};

  if (const auto bytes = tcptools::parse_size(text)) {
    if (*bytes > std::numeric_limits<std::int64_t>::max()) std::abort();
    if (tcptools::format_size(*bytes).size() > 8) std::abort();
  } else {
    check_refusal(bytes);
  }

  if (const auto duration = tcptools::parse_duration(text)) {
    if (*duration < std::chrono::milliseconds{0} || *duration > std::chrono::years{10}) std::abort();
    if (tcptools::format_duration(*duration).empty()) std::abort();
  } else {
    check_refusal(duration);
  }

  if (const auto block = tcptools::net::cidr::parse(text)) {
    const std::string shown = block->text();
    if (tcptools::net::cidr::parse(shown).value() != *block) std::abort();
    if (!block->contains(asio::ip::make_address(shown.substr(0, shown.find('/'))))) std::abort();
  } else {
    check_refusal(block);
  }
  return 0;
}
