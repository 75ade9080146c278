// Patterns that exclude names from a tree.
#pragma once

#include <string>
#include <string_view>

#include "tcptools/base/result.hpp"

namespace tcptools::transfer {

// `*` and `?` stand for any text and any character within a name, `[a-z]` and `[!a-z]` for a character of a set, `**`
// as a whole component for any number of directories, `\` takes the next character as it is. A pattern without `/` is
// matched against the last component of a path, one with `/` against the path; `/` at its start says only that, and at
// its end that the pattern means directories only.
class glob {
 public:
  // Fails with errc::usage if there is nothing in it.
  [[nodiscard]] static result<glob> parse(std::string_view pattern);

  // `path` is relative, '/'-separated, and need not be UTF-8: a byte that is not counts as a character.
  [[nodiscard]] bool matches(std::string_view path, bool is_directory) const noexcept;

 private:
  std::string pattern_;  // without the slashes at its ends
  bool last_component_ = false;
  bool directories_only_ = false;
};

}  // namespace tcptools::transfer
