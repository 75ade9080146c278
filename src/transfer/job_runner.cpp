#include "tcptools/transfer/job_runner.hpp"

#include <algorithm>
#include <chrono>
#include <type_traits>
#include <utility>

namespace tcptools::transfer {
namespace {

// How long one claim job may read an older version, and copy of it, before blocks that arrived get their turn.
constexpr std::chrono::milliseconds claim_slice{5};

}  // namespace

std::vector<job_result> job_runner::run(std::span<job> batch) {
  placed_.clear();
  results_.clear();
  results_.reserve(batch.size());
  const auto is_put = [](const job& one) { return std::holds_alternative<jobs::put>(one); };
  const auto is_find = [](const job& one) { return std::holds_alternative<jobs::find>(one); };
  for (auto at = batch.begin(); at != batch.end();) {
    if (is_put(*at)) {
      const auto end = std::find_if_not(at, batch.end(), is_put);
      put_all({at, end});
      at = end;
      continue;
    }
    if (is_find(*at)) {
      const auto end = std::find_if_not(at, batch.end(), is_find);
      find_all({at, end});
      at = end;
      continue;
    }
    std::visit(
        [this](auto& work) {
          using kind = std::remove_cvref_t<decltype(work)>;
          if constexpr (!std::is_same_v<kind, jobs::put> && !std::is_same_v<kind, jobs::find>) operate(work);
        },
        *at);
    ++at;
  }
  return std::exchange(results_, {});
}

void job_runner::put_all(std::span<job> puts) {
  std::vector<small_file> files;
  files.reserve(puts.size());
  for (const job& one : puts) {
    const auto& put = std::get<jobs::put>(one);
    files.push_back({&put.item, put.content.bytes, put.content_digest});
  }
  std::vector<result<placed>> outcomes = store_.put(files);
  for (std::size_t i = 0; i < puts.size(); ++i) {
    results_.emplace_back(job_results::stored{std::get<jobs::put>(puts[i]).id, std::move(outcomes[i])});
  }
}

void job_runner::find_all(std::span<const job> finds) {
  std::vector<promised_file> files;
  files.reserve(finds.size());
  for (const job& one : finds) {
    const auto& find = std::get<jobs::find>(one);
    files.push_back({&find.item, find.content_digest});
  }
  std::vector<result<std::optional<placed>>> outcomes = store_.find(files);
  for (std::size_t i = 0; i < finds.size(); ++i) {
    results_.emplace_back(job_results::found{std::get<jobs::find>(finds[i]).id, std::move(outcomes[i])});
  }
}

void job_runner::operate(jobs::make& work) {
  const bool is_link = work.item.kind == entry_kind::symlink;
  results_.emplace_back(
      job_results::stored{work.id, is_link ? store_.make_symlink(work.item) : store_.make_directory(work.item)});
}

void job_runner::operate(jobs::open& work) {
  result<std::unique_ptr<incoming>> opened = store_.open(work.item);
  if (!opened) {
    results_.emplace_back(job_results::opened{work.id, opened.error()});
    return;
  }
  const job_results::opened::file found{(*opened)->checked(), (*opened)->adoptable()};
  files_[work.id] = std::move(*opened);
  results_.emplace_back(job_results::opened{work.id, found});
}

void job_runner::operate(const jobs::claim& work) {
  const auto until = std::chrono::steady_clock::now() + claim_slice;
  std::vector<std::optional<digest>> claims;
  while (claims.size() < work.blocks.count) {
    result<std::optional<digest>> claim = file(work.id).claim(work.blocks.first + claims.size());
    if (!claim) {
      results_.emplace_back(job_results::claimed{work.id, work.blocks.first, claim.error()});
      return;
    }
    claims.push_back(*claim);
    if (std::chrono::steady_clock::now() >= until) break;
  }
  results_.emplace_back(job_results::claimed{work.id, work.blocks.first, std::move(claims)});
}

void job_runner::operate(const jobs::keep& work) {
  std::vector<bool> kept;
  for (std::size_t i = 0; i < work.claims.size(); ++i) {
    const result<bool> still = file(work.id).keep(work.first + i, work.claims[i]);
    if (!still) {
      results_.emplace_back(job_results::kept{work.id, work.first, still.error()});
      return;
    }
    kept.push_back(*still);
  }
  results_.emplace_back(job_results::kept{work.id, work.first, std::move(kept)});
}

result<byte_view> job_runner::content_of(const jobs::write& work) {
  if (!work.compressed) return work.content.bytes;
  return decompressor_.decompress(work.content.bytes, work.length);
}

void job_runner::operate(const jobs::write& work) {
  const result<byte_view> content = content_of(work);
  result<void> outcome =
      content ? file(work.id).write(work.index, *content, work.content_digest) : result<void>{content.error()};
  results_.emplace_back(job_results::written{work.id, work.index, work.length, std::move(outcome)});
}

void job_runner::operate(const jobs::write_hole& work) {
  results_.emplace_back(
      job_results::written_hole{work.id, work.blocks, file(work.id).write_hole(work.blocks.first, work.blocks.count)});
}

void job_runner::operate(const jobs::commit& work) { finish(work.id, file(work.id).commit(work.size)); }

void job_runner::operate(const jobs::adopt& work) { finish(work.id, file(work.id).adopt()); }

void job_runner::finish(std::uint32_t id, result<placed> outcome) {
  const auto done = files_.extract(id);
  if (outcome) placed_.push_back(std::move(done.mapped()));
  results_.emplace_back(job_results::stored{id, std::move(outcome)});
}

void job_runner::operate(const jobs::abandon& work) {
  const auto found = files_.find(work.id);
  if (found == files_.end()) return;  // its opening had failed
  if (work.discard) found->second->discard();
  files_.erase(found);
}

void job_runner::close() {
  files_.clear();
  placed_.clear();
}

std::vector<job_result> job_runner::checkpoint() {
  for (auto& [id, open] : files_) {
    const result<void> known = open->checkpoint();
    if (!known) results_.emplace_back(job_results::kept{id, 0, known.error()});
  }
  return std::exchange(results_, {});
}

}  // namespace tcptools::transfer
