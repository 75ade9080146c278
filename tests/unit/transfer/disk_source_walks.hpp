// What a disk_source finds.
#pragma once

#include <algorithm>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "tcptools/transfer/disk_source.hpp"

namespace tcptools::testing {

using transfer::disk_source;
using transfer::links_policy;
using transfer::source_batch;
using transfer::source_item;
using transfer::source_options;
using transfer::source_trouble;

struct walked {
  std::vector<source_item> items;
  std::vector<source_trouble> troubles;

  [[nodiscard]] std::vector<std::string> paths() const {
    std::vector<std::string> all;
    for (const source_item& one : items) all.push_back(one.item.path);
    return all;
  }
  [[nodiscard]] const source_item& at(const std::string& path) const {
    const auto found = std::ranges::find(items, path, [](const source_item& one) { return one.item.path; });
    REQUIRE(found != items.end());
    return *found;
  }
  // The only trouble.
  [[nodiscard]] const source_trouble& trouble() const {
    REQUIRE(troubles.size() == 1);
    return troubles[0];
  }
};

inline walked walk(source_options options, std::size_t most = 1000) {
  auto source = disk_source::make(std::move(options));
  REQUIRE(source);
  walked all;
  for (;;) {
    source_batch batch = (*source)->next(most);
    CHECK(batch.items.size() + batch.troubles.size() <= most);
    std::ranges::move(batch.items, std::back_inserter(all.items));
    std::ranges::move(batch.troubles, std::back_inserter(all.troubles));
    if (batch.last) return all;
  }
}

inline walked walk(const std::string& path, links_policy links = links_policy::automatic) {
  return walk({.paths = {path}, .name = {}, .into = {}, .excludes = {}, .links = links});
}

// A source of one path and the only item it gives.
struct one_item {
  std::unique_ptr<disk_source> source;
  source_item item;
};

inline one_item find_one(const std::string& path, links_policy links = links_policy::automatic) {
  auto source = disk_source::make({.paths = {path}, .name = {}, .into = {}, .excludes = {}, .links = links});
  REQUIRE(source);
  source_batch batch = (*source)->next(100);
  REQUIRE(batch.items.size() == 1);
  return {std::move(*source), batch.items[0]};
}

}  // namespace tcptools::testing
