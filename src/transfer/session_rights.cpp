#include "tcptools/transfer/session_rights.hpp"

#include "tcptools/base/text.hpp"
#include "tcptools/base/units.hpp"
#include "tcptools/transfer/safe_path.hpp"

namespace tcptools::transfer {
namespace {

result<void> apply(const net::key_right& right, session_rights& to) {
  const auto wrong = [&right](const std::string& why) {
    return error{errc::usage, "the right " + right.name + ": " + why};
  };
  if (right.name == "dir") {
    if (const result<void> good = check_path(right.value); !good) return wrong(good.error().text());
    if (!to.directory.empty()) return wrong("it is there twice");
    to.directory = right.value;
    return {};
  }
  if (right.name == "max-bytes") {
    const result<std::uint64_t> size = parse_size(right.value);
    if (!size) return wrong(size.error().text());
    if (to.max_bytes != unlimited_bytes) return wrong("it is there twice");
    to.max_bytes = *size;
    return {};
  }
  if (right.name == "no-replace") {
    if (!right.value.empty()) return wrong("it takes no value");
    if (to.no_replace) return wrong("it is there twice");
    to.no_replace = true;
    return {};
  }
  return error{errc::usage, "there is no right " + in_quotes(right.name)};
}

}  // namespace

result<session_rights> rights_of(std::span<const net::key_right> rights) {
  session_rights all;
  for (const net::key_right& one : rights) {
    if (const result<void> good = apply(one, all); !good) return good.error();
  }
  return all;
}

result<void> check_right(const net::key_right& right) {
  session_rights ignored;
  return apply(right, ignored);
}

}  // namespace tcptools::transfer
