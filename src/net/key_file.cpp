#include "tcptools/net/key_file.hpp"

#include <string>
#include <utility>

#include "tcptools/base/text.hpp"
#include "tcptools/net/private_file.hpp"

namespace tcptools::net {
namespace {

result<void> take_whatever_right(const key_right& /*right*/) { return {}; }

// "$(cat key)" for "key".
bool is_key_itself(const std::string& text) {
  return parse_keys(text, take_whatever_right) || parse_keys("name:" + text, take_whatever_right);
}

}  // namespace

result<std::vector<key>> read_key_file(const std::filesystem::path& file, const right_check& check) {
  const result<secret_bytes> content = read_private_file(file, key_limits::text);
  // What is on a command line by mistake need not be in a log as well.
  if (!content && is_key_itself(file.native())) {
    return error{errc::usage,
                 "this is a key itself, where the name of a file with it belongs; others may have seen it"};
  }
  if (!content) return content.error();
  result<std::vector<key>> keys = parse_keys(as_text(*content), check);
  if (!keys) return keys.error().in(in_quotes(file.native()));
  return keys;
}

result<key> read_own_key(const std::filesystem::path& file) {
  result<std::vector<key>> keys = read_key_file(file, take_whatever_right);
  if (!keys) return std::move(keys).error();
  if (keys->size() != 1) {
    return error{errc::usage, in_quotes(file.native()) + " holds " + std::to_string(keys->size()) +
                                  " keys; a client's key file holds its own alone"};
  }
  return std::move(keys->front());
}

}  // namespace tcptools::net
