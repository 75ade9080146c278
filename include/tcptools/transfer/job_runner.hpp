// Carries out a session's jobs on a store. Blocks; run() is called on the worker pool, one batch at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tcptools/transfer/jobs.hpp"
#include "tcptools/transfer/store.hpp"
#include "tcptools/transfer/zstd_block.hpp"

namespace tcptools::transfer {

class job_runner {
 public:
  // `where` outlives the runner.
  explicit job_runner(store& where) noexcept : store_{where} {}

  // The results in the order of the jobs.
  [[nodiscard]] std::vector<job_result> run(std::span<job> batch);
  // Notes down for a later session what was written: after every few batches. The results are those of files for which
  // that failed.
  [[nodiscard]] std::vector<job_result> checkpoint();

  // Files that the last run() has put in place; the next one closes those that nobody took. To close one can take long:
  // a file system may free then what it has replaced, and its journal. The store outlives them.
  [[nodiscard]] std::vector<std::unique_ptr<incoming>> take_placed() { return std::exchange(placed_, {}); }
  [[nodiscard]] bool has_placed() const noexcept { return !placed_.empty(); }

  // Lets go of every file; what can be resumed is kept.
  void close();

 private:
  void operate(jobs::make& work);
  void operate(jobs::open& work);
  void operate(const jobs::claim& work);
  void operate(const jobs::keep& work);
  void operate(const jobs::write& work);
  void operate(const jobs::write_hole& work);
  void operate(const jobs::commit& work);
  void operate(const jobs::adopt& work);
  void operate(const jobs::abandon& work);
  // Small files of one row of jobs share their directories and syncs.
  void put_all(std::span<job> puts);
  void find_all(std::span<const job> finds);
  // The block that a job brings. → errc::verify_failed
  [[nodiscard]] result<byte_view> content_of(const jobs::write& work);
  incoming& file(std::uint32_t id) { return *files_.at(id); }
  // It is in place, or why not.
  void finish(std::uint32_t id, result<placed> outcome);

  store& store_;
  std::unordered_map<std::uint32_t, std::unique_ptr<incoming>> files_;
  std::vector<std::unique_ptr<incoming>> placed_;
  std::vector<job_result> results_;
  zstd_decompressor decompressor_;
};

}  // namespace tcptools::transfer
