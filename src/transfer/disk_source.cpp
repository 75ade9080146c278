#include "tcptools/transfer/disk_source.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <string_view>
#include <utility>

#include "tcptools/base/text.hpp"
#include "tcptools/transfer/disk_file.hpp"
#include "tcptools/transfer/glob.hpp"
#include "tcptools/transfer/safe_path.hpp"

namespace tcptools::transfer {
namespace {

constexpr int lowest_free_fd = 3;  // 0, 1 and 2 are what everybody takes for standard input, output and error

// The last component; empty where the path stands for the content of a directory.
std::string_view base_name(std::string_view path) noexcept {
  while (path.ends_with('/')) path.remove_suffix(1);
  path.remove_prefix(path.rfind('/') + 1);
  return path == "." || path == ".." ? std::string_view{} : path;
}

// `into` with a slash at its end, or nothing.
result<std::string> prefix_of(std::string into) {
  if (into.empty()) return into;
  while (into.size() > 1 && into.ends_with('/')) into.pop_back();
  if (result<void> allowed = check_path(into); !allowed) return error{errc::usage, allowed.error().text()};
  return into + '/';
}

result<walk_root> root_of(const std::string& origin, const std::optional<std::string>& name,
                          const std::string& prefix) {
  if (origin.empty()) return error{errc::usage, "an empty path was given"};
  if (origin == standard_input && !name) return error{errc::usage, "standard input needs a name for the receiver"};

  walk_root root{origin, prefix, false};
  root.path += name ? std::string_view{*name} : base_name(origin);
  root.contents_only = root.path == prefix;
  if (name) {
    if (result<void> allowed = check_path(root.path); !allowed) return error{errc::usage, allowed.error().text()};
  } else if (root.contents_only && !prefix.empty()) {
    root.path.pop_back();
  }
  return root;
}

}  // namespace

result<std::unique_ptr<disk_source>> disk_source::make(source_options options) {
  if (options.paths.empty()) return error{errc::usage, "nothing to send was named"};
  if (options.name && options.paths.size() > 1) return error{errc::usage, "a name can be given to a single path only"};
  result<std::string> prefix = prefix_of(std::move(options.into));
  if (!prefix) return std::move(prefix).error();

  walk_rules rules{{}, options.links};
  for (const std::string& pattern : options.excludes) {
    result<glob> exclude = glob::parse(pattern);
    if (!exclude) return std::move(exclude).error();
    rules.excludes.push_back(*std::move(exclude));
  }

  unique_fd input;
  std::vector<walk_root> roots;
  std::set<std::string> origins;
  std::map<std::string, std::string> taken;  // what a path becomes → the path
  for (const std::string& path : options.paths) {
    if (!origins.insert(path).second) continue;
    result<walk_root> root = root_of(path, options.name, *prefix);
    if (!root) return std::move(root).error();
    if (const auto [earlier, is_new] = taken.emplace(root->path, path); !is_new && !root->contents_only) {
      return error{errc::usage, in_quotes(earlier->second) + " and " + in_quotes(path) + " would both become " +
                                    in_quotes(root->path)};
    }
    if (path == standard_input) {
      input.reset(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, lowest_free_fd));
      if (!input) return error{errc::source_unreadable, "standard input is closed"};
    }
    roots.push_back(*std::move(root));
  }

  return std::unique_ptr<disk_source>{new disk_source{tree_walk{std::move(roots), std::move(rules)}, std::move(input)}};
}

source_batch disk_source::next(std::size_t most) { return walk_.next(most); }

result<std::unique_ptr<source_file>> disk_source::open(const source_item& item) {
  return open_disk_file(item, tree_walk::reached_through_link(item));
}

result<std::unique_ptr<source_stream>> disk_source::open_stream(const source_item& item) {
  if (!opened_streams_.insert(item.origin).second) {
    return error{errc::source_unreadable, in_quotes(item.origin) + " can be read only once"};
  }
  if (item.origin == standard_input) return stream_from(std::move(standard_input_), "standard input");
  return open_disk_stream(item);
}

result<void> disk_source::remove(const source_item& item) {
  if (item.item.kind != entry_kind::file && item.item.kind != entry_kind::symlink) return {};
  if (tree_walk::reached_through_link(item)) {
    return error{errc::source_unreadable, in_quotes(item.origin) + " is a symbolic link and was not removed"};
  }

  // The directory is held so that the file looked at and the file removed are names in the same one.
  const std::size_t slash = item.origin.rfind('/');
  const std::string parent = slash == std::string::npos ? "." : item.origin.substr(0, slash + 1);
  const std::string name = item.origin.substr(slash + 1);
  const unique_fd directory{::open(parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
  struct stat status{};
  if (!directory || ::fstatat(directory.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    return source_error(errno, "remove", item.origin);
  }
  if (!holds_same_content(status, item)) {
    return error{errc::source_changed, in_quotes(item.origin) + " changed after it was sent and was not removed"};
  }
  if (::unlinkat(directory.get(), name.c_str(), 0) != 0) return source_error(errno, "remove", item.origin);
  return {};
}

}  // namespace tcptools::transfer
