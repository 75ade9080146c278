// What the store answers: results of jobs become answers and outcomes. What the sender says is in receive_machine.cpp.
#include <algorithm>
#include <string>
#include <variant>

#include "tcptools/transfer/receive_machine.hpp"

namespace tcptools::transfer {
namespace {

// A batch is worth a trip to the pool and lets no answer wait long.
constexpr std::size_t jobs_per_batch = 256;
constexpr std::size_t bytes_per_batch = 1U << 20U;

std::size_t content_size(const job& value) noexcept {
  if (const auto* put = std::get_if<jobs::put>(&value)) return put->content.bytes.size();
  if (const auto* write = std::get_if<jobs::write>(&value)) return write->length;  // however short it came
  return 0;
}

// What a waiting job keeps in memory, or will need when it is done. A frame without content is smaller than its job.
std::size_t weight(const job& value) noexcept { return sizeof value + content_size(value); }

std::uint64_t blocks_of(const entry& item) noexcept {
  return item.kind == entry_kind::file ? block_layout{item.size, item.block_log2}.count() : 0;
}

std::uint32_t id_of(const job& value) noexcept {
  return std::visit([](const auto& one) { return one.id; }, value);
}

}  // namespace

bool receive_machine::has_long_jobs() const noexcept {
  return std::ranges::any_of(urgent_, [](const job& one) {
    return std::holds_alternative<jobs::commit>(one) || std::holds_alternative<jobs::adopt>(one);
  });
}

void receive_machine::on_result(const job_result& value) {
  if (const auto* stored = std::get_if<job_results::stored>(&value)) return on_stored(*stored);
  if (const auto* found = std::get_if<job_results::found>(&value)) return on_found(*found);
  if (const auto* opened = std::get_if<job_results::opened>(&value)) return on_opened(*opened);

  const std::uint32_t id = std::visit([](const auto& one) { return one.id; }, value);
  receive_file* const file = find_file(id);
  if (file == nullptr) return;  // ended while the job was under way
  if (const auto* claimed = std::get_if<job_results::claimed>(&value)) return apply(id, file->on_claimed(*claimed));
  if (const auto* kept = std::get_if<job_results::kept>(&value)) return apply(id, file->on_kept(*kept));
  if (const auto* written = std::get_if<job_results::written>(&value)) return apply(id, file->on_written(*written));
  apply(id, file->on_written_hole(std::get<job_results::written_hole>(value)));
}

void receive_machine::on_stored(const job_results::stored& stored) {
  const auto live = live_.find(stored.id);
  auto* const small = live == live_.end() ? nullptr : std::get_if<simple>(&live->second);
  const bool damaged = !stored.outcome && stored.outcome.error().code() == errc::verify_failed;
  const bool can_be_asked_for = small != nullptr && small->promised;
  if (can_be_asked_for && damaged && ++small->failures <= limits::failed_digests_per_block) {
    ask_for(stored.id, *small);
  } else {
    deliver(stored.id, stored.outcome);
  }
}

void receive_machine::on_found(const job_results::found& found) {
  if (!found.outcome) return deliver(found.id, found.outcome.error());
  if (*found.outcome) return deliver(found.id, **found.outcome);
  const auto live = live_.find(found.id);
  if (live == live_.end()) return;
  if (auto* const small = std::get_if<simple>(&live->second)) return ask_for(found.id, *small);
  push_urgent(jobs::open{found.id, std::get<receive_file>(live->second).item()});
}

void receive_machine::ask_for(std::uint32_t id, simple& promised) {
  promised.now = simple::state::asked;
  say(frames::need{id, {0, 1}});
}

void receive_machine::on_opened(const job_results::opened& opened) {
  receive_file* const file = find_file(opened.id);
  if (file == nullptr) return;
  if (opened.outcome) return apply(opened.id, file->on_opened(*opened.outcome));
  const entry item = file->item();
  refuse(opened.id, item, opened.outcome.error());
}

receive_file* receive_machine::find_file(std::uint32_t id) {
  const auto found = live_.find(id);
  return found == live_.end() ? nullptr : std::get_if<receive_file>(&found->second);
}

void receive_machine::apply(std::uint32_t id, receive_file::step step) {
  for (const frame& answer : step.answers) say(answer);
  if (step.refused) {
    const entry item = find_file(id)->item();
    push_urgent(jobs::abandon{id, step.discard});
    refuse(id, item, *step.refused);
    return;
  }
  for (job& one : step.urgent) push_urgent(std::move(one));
  for (job& one : step.background) background_.push_back(std::move(one));
}

void receive_machine::deliver(std::uint32_t id, const result<placed>& outcome) {
  const auto live = live_.find(id);
  if (live == live_.end()) return;
  receive_outcome end_state{{}, 0, std::nullopt, outcome};
  if (const auto* file = std::get_if<receive_file>(&live->second)) {
    end_state.item = file->item();
    end_state.size = file->size();
    end_state.root = file->root();
  } else {
    const auto& one = std::get<simple>(live->second);
    end_state.item = one.item;
    end_state.size = one.item.size;
    end_state.root = one.content_digest;
  }
  if (!outcome) return refuse(id, end_state.item, outcome.error());
  say(frames::delivered{id, outcome->unchanged, outcome->path == end_state.item.path ? "" : outcome->path});
  outcomes_.push_back(std::move(end_state));
  end(id);
}

void receive_machine::refuse(std::uint32_t id, const entry& item, const error& why) {
  say(frames::refuse{id, to_wire(why.code()), why.text()});
  outcomes_.push_back({item, item.size == unknown_size ? 0 : item.size, std::nullopt, why});
  end(id);
}

void receive_machine::end(std::uint32_t id) {
  if (const receive_file* const file = find_file(id)) {
    --open_count_;
    const auto is_of_it = [id](const job& one) { return id_of(one) == id; };
    if (std::erase_if(held_opens_, is_of_it) == 0) open_blocks_ -= blocks_of(file->item());
    drop_jobs(id);
  }
  live_.erase(id);
  release_opens();
  reported_.erase(id);
  release_directories();
  say_bye_if_done();
}

void receive_machine::drop_jobs(std::uint32_t id) {
  const auto unwanted = [id](const job& one) {
    return id_of(one) == id && !std::holds_alternative<jobs::abandon>(one);
  };
  for (const job& one : urgent_) waiting_bytes_ -= unwanted(one) ? weight(one) : 0;
  std::erase_if(urgent_, unwanted);
  std::erase_if(background_, unwanted);
}

// A directory's time and mode must not be touched by what is placed in it afterwards, so it waits until nothing older
// is left, or only directories whose turn has come: their jobs are done in order.
void receive_machine::release_directories() {
  for (auto& [id, live] : live_) {
    auto* const one = std::get_if<simple>(&live);
    if (one == nullptr || one->item.kind != entry_kind::directory) return;
    if (std::exchange(one->now, simple::state::in_job) == simple::state::held) push_urgent(jobs::make{id, one->item});
  }
}

// What is known about each block takes memory, so that only so many are at work; one file always is.
void receive_machine::release_opens() {
  while (!held_opens_.empty()) {
    const std::uint64_t blocks = blocks_of(find_file(id_of(held_opens_.front()))->item());
    if (open_blocks_ > 0 && open_blocks_ + blocks > limits::blocks_at_work) return;
    open_blocks_ += blocks;
    push_urgent(std::move(held_opens_.front()));
    held_opens_.pop_front();
  }
}

void receive_machine::say_bye_if_done() {
  if (!sender_said_bye_ || !live_.empty() || finished_ || failed_) return;
  say(frames::bye{});
  finished_ = true;
}

void receive_machine::say(const frame& answer) {
  if (!failed_) encode(answer, answers_);
}

void receive_machine::fail(wire_code code, std::string text) {
  say(frames::error{code, std::move(text)});
  failed_ = true;
}

void receive_machine::push_urgent(job value) {
  waiting_bytes_ += weight(value);
  urgent_.push_back(std::move(value));
}

std::vector<job> receive_machine::take_jobs(bool background) {
  std::vector<job> batch;
  std::size_t bytes = 0;
  while (!urgent_.empty() && batch.size() < jobs_per_batch && bytes < bytes_per_batch) {
    bytes += content_size(urgent_.front());
    waiting_bytes_ -= weight(urgent_.front());
    batch.push_back(std::move(urgent_.front()));
    urgent_.pop_front();
  }
  if (batch.empty() && background && !background_.empty()) {
    batch.push_back(std::move(background_.front()));
    background_.pop_front();
  }
  return batch;
}

void receive_machine::on_tick() {
  for (auto& [id, live] : live_) {
    auto* const file = std::get_if<receive_file>(&live);
    if (file == nullptr || file->waits_for_sender()) continue;
    file->on_tick();
    if (file->worked() <= reported_[id]) continue;
    reported_[id] = file->worked();
    say(frames::progress{id, file->worked()});
  }
}

}  // namespace tcptools::transfer
