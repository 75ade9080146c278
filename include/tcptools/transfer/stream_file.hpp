// A file that is being received in one go and cannot be resumed: a temporary file that gets its name at the end.
#pragma once

#include <memory>
#include <utility>

#include "tcptools/transfer/disk_store.hpp"
#include "tcptools/transfer/placement.hpp"
#include "tcptools/transfer/written_window.hpp"

namespace tcptools::transfer {

class stream_file final : public incoming {
 public:
  [[nodiscard]] static result<std::unique_ptr<stream_file>> open(const store_place& place, const entry& item);

  [[nodiscard]] std::uint64_t checked() const override { return 0; }
  [[nodiscard]] bool adoptable() const override { return false; }
  [[nodiscard]] result<std::optional<digest>> claim(std::uint64_t index) override;
  [[nodiscard]] result<bool> keep(std::uint64_t index, const digest& claimed) override;
  [[nodiscard]] result<void> write(std::uint64_t index, byte_view content, const digest& expected) override;
  [[nodiscard]] result<void> write_hole(std::uint64_t first, std::uint64_t count) override;
  [[nodiscard]] result<void> checkpoint() override { return {}; }
  [[nodiscard]] result<placed> commit(std::uint64_t size) override;
  [[nodiscard]] result<placed> adopt() override;
  void discard() override {}

 private:
  stream_file(const store_place& place, entry item, temporary_file file)
      : place_{place}, item_{std::move(item)}, file_{std::move(file)}, window_{place.options.fsync} {}

  const store_place& place_;
  entry item_;
  temporary_file file_;
  written_window window_;
};

}  // namespace tcptools::transfer
