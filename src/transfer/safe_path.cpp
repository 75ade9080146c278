#include "tcptools/transfer/safe_path.hpp"

#include <string>

#include "tcptools/base/text.hpp"
#include "tcptools/transfer/limits.hpp"

namespace tcptools::transfer {
namespace {

error rejected(std::string_view path, std::string_view why) {
  return error{errc::name_rejected,
               in_quotes(path.substr(0, limits::component)) + " is not allowed as a path: " + std::string{why}};
}

}  // namespace

result<void> check_path(std::string_view path) {
  if (path.empty()) return rejected(path, "it is empty");
  if (path.size() > limits::path) return rejected(path, "it is too long");
  if (!is_utf8(path)) return rejected(path, "it is not UTF-8");
  if (path.find('\0') != std::string_view::npos) return rejected(path, "it contains a zero byte");
  if (path.front() == '/') return rejected(path, "it is absolute");
  bool first = true;
  for (std::string_view rest = path;; first = false) {
    const std::size_t slash = rest.find('/');
    const std::string_view component = rest.substr(0, slash);
    if (component.empty()) return rejected(path, "a component is empty");
    if (component == "." || component == "..") return rejected(path, "a component is . or ..");
    if (component.size() > limits::component) return rejected(path, "a component is too long");
    if (first && component == private_directory) return rejected(path, "this name is the receiver's own");
    if (slash == std::string_view::npos) return {};
    rest.remove_prefix(slash + 1);
  }
}

std::string_view leaf_of(std::string_view path) noexcept {
  const std::size_t slash = path.find_last_of('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string_view parent_of(std::string_view path) noexcept {
  const std::size_t slash = path.find_last_of('/');
  return slash == std::string_view::npos ? std::string_view{} : path.substr(0, slash);
}

}  // namespace tcptools::transfer
