// Goes through the paths a user named and everything below them, and says what there is to send. Opens no files.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <string>
#include <vector>

#include "tcptools/base/unique_fd.hpp"
#include "tcptools/transfer/glob.hpp"
#include "tcptools/transfer/source.hpp"

namespace tcptools::transfer {

// What becomes of symbolic links.
enum class links_policy : std::uint8_t {
  automatic,  // named paths are followed, links inside trees are skipped with a warning
  skip,       // all are skipped with a warning
  follow,     // all are followed
  keep,       // all are sent as links
};

// Standard input, among named paths and as an item's origin.
inline constexpr std::string_view standard_input = "-";

struct walk_root {
  std::string origin;          // as the user named it
  std::string path;            // what it becomes; empty only with contents_only
  bool contents_only = false;  // a directory that gives its content and is no entry itself
};

struct walk_rules {
  std::vector<glob> excludes;  // against paths relative to their root; roots themselves are never excluded
  links_policy links = links_policy::automatic;
};

// Holds one descriptor and the names of one directory per level of depth, whatever the size of the tree. Names come in
// the order of their bytes, children before their directory. An item's token is what reached_through_link() asks for.
class tree_walk {
 public:
  tree_walk(std::vector<walk_root> roots, walk_rules rules) : roots_{std::move(roots)}, rules_{std::move(rules)} {}

  // As source::next.
  [[nodiscard]] source_batch next(std::size_t most);

  // The last component of the item's origin is a symbolic link that was followed.
  [[nodiscard]] static bool reached_through_link(const source_item& item) noexcept { return item.token != 0; }

 private:
  // A name that is looked at. `parent` is AT_FDCWD for roots, whose name is their origin.
  struct place {
    int parent = -1;
    std::string name;
    std::string origin;
    std::string path;
    bool is_root = false;
    bool contents_only = false;
  };
  // A directory whose names are being gone through.
  struct level {
    unique_fd directory;
    source_item self;
    bool contents_only = false;
    std::vector<std::string> names;
    std::size_t next = 0;
  };

  void visit(const place& at, source_batch& batch);
  // Both look at what `at` is after links were followed.
  [[nodiscard]] bool is_excluded(const place& at, bool is_directory) const;
  void visit_found(const place& at, source_item found, const struct stat& status, source_batch& batch);

  void enter(const place& at, source_item found, source_batch& batch);
  void leave(source_batch& batch);

  std::vector<walk_root> roots_;
  walk_rules rules_;
  std::size_t next_root_ = 0;
  std::size_t root_path_size_ = 0;  // of the path before what excludes are compared with
  std::vector<level> chain_;        // from the root to where the walk is
};

}  // namespace tcptools::transfer
