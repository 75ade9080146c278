// Files, trees and standard input, as the paths a user named.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tcptools/base/result.hpp"
#include "tcptools/base/unique_fd.hpp"
#include "tcptools/transfer/source.hpp"
#include "tcptools/transfer/tree_walk.hpp"

namespace tcptools::transfer {

struct source_options {
  // A file becomes its base name, a directory its base name and what is below it; `.`, `..` and `/` at the end of a
  // path stand for the content alone. `-` is standard input. The same path twice counts once.
  std::vector<std::string> paths;
  std::optional<std::string> name;    // what a single path becomes instead; may contain slashes
  std::string into;                   // a directory put before everything
  std::vector<std::string> excludes;  // patterns, as glob.hpp has them
  links_policy links = links_policy::automatic;
};

// The paths are looked at by next(), not before.
class disk_source final : public source {
 public:
  // Fails with errc::usage (also where `name` or `into` is not allowed, or two paths would become the same), or
  // errc::source_unreadable (standard input is closed).
  [[nodiscard]] static result<std::unique_ptr<disk_source>> make(source_options options);

  [[nodiscard]] source_batch next(std::size_t most) override;
  [[nodiscard]] result<std::unique_ptr<source_file>> open(const source_item& item) override;
  [[nodiscard]] result<std::unique_ptr<source_stream>> open_stream(const source_item& item) override;
  [[nodiscard]] result<void> remove(const source_item& item) override;

 private:
  disk_source(tree_walk walk, unique_fd input) : walk_{std::move(walk)}, standard_input_{std::move(input)} {}

  tree_walk walk_;
  unique_fd standard_input_;              // until it is opened
  std::set<std::string> opened_streams_;  // origins; streams are named one by one, so there are few
};

}  // namespace tcptools::transfer
