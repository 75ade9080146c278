#include "tcptools/transfer/session_rights.hpp"

#include "tcptools/base/text.hpp"
#include "tcptools/base/units.hpp"
#include "tcptools/transfer/safe_path.hpp"

namespace tcptools::transfer {
namespace {

error unusable(const std::string& why) { return error{errc::usage, why}; }

result<void> apply(const net::key_right& right, session_rights& to) {
  if (right.name == "dir") {
    if (const result<void> good = check_path(right.value); !good) return unusable("dir=: " + good.error().text());
    if (!to.directory.empty()) return unusable("dir= is there twice");
    to.directory = right.value;
    return {};
  }
  if (right.name == "max-bytes") {
    const result<std::uint64_t> size = parse_size(right.value);
    if (!size) return unusable("max-bytes=: " + size.error().text());
    if (to.max_bytes != unlimited_bytes) return unusable("max-bytes= is there twice");
    to.max_bytes = *size;
    return {};
  }
  if (right.name == "no-replace") {
    if (!right.value.empty()) return unusable("no-replace takes no value");
    if (to.no_replace) return unusable("no-replace is there twice");
    to.no_replace = true;
    return {};
  }
  return unusable("the right " + in_quotes(right.name) + " is not known here");
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
