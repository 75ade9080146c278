// A file that is written into instead of being replaced, once all that changes is there. docs/storage.md, "Changed
// where they are".
#pragma once

#include <cstdint>
#include <optional>

#include "tcptools/transfer/block_map.hpp"
#include "tcptools/transfer/placement.hpp"

namespace tcptools::transfer {

class in_place_change {
 public:
  // Nothing where the older version, if there is one, is to be replaced. All three outlive this.
  [[nodiscard]] static std::optional<in_place_change> of(const store_place& place, const entry& item,
                                                         const std::optional<older_version>& older);

  // These blocks are in the part file; all others stay as they are in the older version.
  void on_changed(frames::block_run blocks);

  // Fails with errc::storage_full if there is no room for what makes the file longer.
  [[nodiscard]] result<void> check_room() const;

  // Writes what changed, sets mode and time, makes all durable. Fails with errc::busy, having changed nothing, if
  // somebody else has changed the older version since it was opened, or has locked it.
  [[nodiscard]] result<void> apply(int part) const;

 private:
  in_place_change(const store_place& place, const entry& item, const older_version& older)
      : place_{place}, item_{item}, older_{older} {}

  // Bytes by which the file becomes longer.
  [[nodiscard]] std::uint64_t growth() const noexcept;
  [[nodiscard]] result<unique_fd> open() const;
  [[nodiscard]] result<void> make_room(int file) const;
  [[nodiscard]] result<void> narrow_mode(int file) const;
  [[nodiscard]] result<void> write(int file, int part) const;

  const store_place& place_;
  const entry& item_;
  const older_version& older_;
  block_set changed_;
};

}  // namespace tcptools::transfer
