#include "tcptools/transfer/receive_machine.hpp"

#include <algorithm>
#include <string>
#include <type_traits>

#include "tcptools/base/text.hpp"
#include "tcptools/transfer/safe_path.hpp"

namespace tcptools::transfer {
namespace {

// A batch is worth a trip to the pool and lets no answer wait long.
constexpr std::size_t jobs_per_batch = 256;
constexpr std::size_t bytes_per_batch = 1U << 20U;

error violation(std::string text) { return error{errc::protocol_violation, std::move(text)}; }

std::size_t content_size(const job& value) noexcept {
  if (const auto* put = std::get_if<jobs::put>(&value)) return put->content.bytes.size();
  if (const auto* write = std::get_if<jobs::write>(&value)) return write->content.bytes.size();
  return 0;
}

std::uint32_t id_of(const job& value) noexcept {
  return std::visit([](const auto& one) { return one.id; }, value);
}

}  // namespace

result<void> receive_machine::on_frame(frame value, std::shared_ptr<const void> owner) {
  if (auto* hello = std::get_if<frames::hello>(&value)) return on_hello(*hello);
  if (auto* said = std::get_if<frames::error>(&value)) return error{from_wire(said->code), visible(said->text)};
  if (!session_) return violation("the first frame is not HELLO");
  if (std::holds_alternative<frames::unknown>(value)) return {};
  if (auto* offer = std::get_if<frames::offer>(&value)) return on_offer(std::move(*offer), std::move(owner));
  if (auto* block = std::get_if<frames::block>(&value)) return on_block(*block, std::move(owner));
  if (auto* hole = std::get_if<frames::hole>(&value)) {
    return on_file_frame(hole->id, [&](receive_file& file) { return file.on_hole(*hole); });
  }
  if (auto* keep = std::get_if<frames::keep>(&value)) {
    return on_file_frame(keep->id, [&](receive_file& file) { return file.on_keep(*keep); });
  }
  if (auto* finish = std::get_if<frames::finish>(&value)) {
    return on_file_frame(finish->id, [&](receive_file& file) { return file.on_finish(*finish); });
  }
  if (auto* cancel = std::get_if<frames::cancel>(&value)) return on_cancel(*cancel);
  if (std::holds_alternative<frames::bye>(value)) return on_bye();
  return violation("a frame that only a receiver sends");
}

result<void> receive_machine::on_hello(const frames::hello& hello) {
  if (session_) return violation("HELLO said twice");
  if (hello.lowest_version > protocol_version || hello.highest_version < protocol_version) {
    return error{errc::version_unsupported, "this receiver speaks version 1 of the protocol only"};
  }
  session_ = hello.session;
  encode(frames::welcome{protocol_version, settings_.window, settings_.open_files, settings_.largest_file}, answers_);
  return {};
}

result<void> receive_machine::on_offer(frames::offer offer, std::shared_ptr<const void> owner) {
  if (sender_said_bye_) return violation("OFFER after BYE");
  if (offer.id != last_id_ + 1) return violation("OFFER with an id out of order");
  if (live_.size() >= settings_.window) return violation("more offers than the window allows");
  last_id_ = offer.id;

  const entry& item = offer.item;
  const bool is_content = item.kind == entry_kind::file || item.kind == entry_kind::stream;
  const bool is_open = is_content && std::holds_alternative<std::monostate>(offer.body);
  if (is_open && open_count_ >= settings_.open_files) return violation("more open files than the receiver allows");
  if (const result<void> good = check_path(item.path); !good) return refuse(offer.id, item, good.error()), result<void>{};
  if (item.kind == entry_kind::file && item.size > settings_.largest_file) {
    refuse(offer.id, item, error{errc::too_large, "larger than this receiver takes"});
    return {};
  }

  if (is_open) {
    live_.emplace(offer.id, receive_file{offer.id, item});
    ++open_count_;
    push_urgent(jobs::open{offer.id, std::move(offer.item)});
    return {};
  }
  const bool is_directory = item.kind == entry_kind::directory;
  simple one{item, {}, is_directory ? simple::state::held : simple::state::in_job};
  if (const auto* body = std::get_if<frames::inlined>(&offer.body)) {
    one.content_digest = body->content_digest;
    push_urgent(jobs::put{offer.id, item, {body->content, std::move(owner)}, body->content_digest});
  } else if (const auto* promise = std::get_if<frames::promised>(&offer.body)) {
    one.content_digest = promise->content_digest;
    push_urgent(jobs::find{offer.id, item, promise->content_digest});
  } else if (item.kind == entry_kind::symlink) {
    push_urgent(jobs::make{offer.id, item});
  }
  live_.emplace(offer.id, std::move(one));
  if (is_directory) release_directories();
  return {};
}

// A directory's time and mode must not be touched by what is placed in it afterwards, so it waits until it is the oldest entry.
void receive_machine::release_directories() {
  if (live_.empty()) return;
  auto& [id, oldest] = *live_.begin();
  auto* const one = std::get_if<simple>(&oldest);
  if (one == nullptr || one->now != simple::state::held) return;
  one->now = simple::state::in_job;
  push_urgent(jobs::make{id, one->item});
}

result<receive_machine::live_entry*> receive_machine::find(std::uint32_t id) {
  if (id == 0 || id > last_id_) return violation("a frame for an entry that was never offered");
  const auto found = live_.find(id);
  return found == live_.end() ? nullptr : &found->second;
}

receive_file* receive_machine::find_file(std::uint32_t id) {
  const auto found = live_.find(id);
  return found == live_.end() ? nullptr : std::get_if<receive_file>(&found->second);
}

template <class Event>
result<void> receive_machine::on_file_frame(std::uint32_t id, Event event) {
  const result<live_entry*> live = find(id);
  if (!live) return live.error();
  if (*live == nullptr) return {};  // dead: refused while this frame was under way
  auto* const file = std::get_if<receive_file>(*live);
  if (file == nullptr) return violation("a frame for blocks of an entry that has none");
  result<receive_file::step> step = event(*file);
  if (!step) return step.error();
  apply(id, std::move(*step));
  return {};
}

result<void> receive_machine::on_block(const frames::block& block, std::shared_ptr<const void> owner) {
  const result<live_entry*> live = find(block.id);
  if (!live) return live.error();
  auto* const one = *live == nullptr ? nullptr : std::get_if<simple>(*live);
  if (one == nullptr) {
    return on_file_frame(block.id, [&](receive_file& file) { return file.on_block(block, std::move(owner)); });
  }
  const bool fits = block.index == 0 && block.data.size() == one->item.size;
  if (one->now != simple::state::asked || !fits) return violation("BLOCK that was not asked for");
  one->now = simple::state::in_job;
  one->content_digest = block.content_digest;
  push_urgent(jobs::put{block.id, one->item, {block.data, std::move(owner)}, block.content_digest});
  return {};
}

result<void> receive_machine::on_cancel(const frames::cancel& cancel) {
  const result<live_entry*> live = find(cancel.id);
  if (!live) return live.error();
  if (*live == nullptr) return {};
  const error why{from_wire(cancel.code), "given up by the sender: " + visible(cancel.text)};
  if (auto* const file = std::get_if<receive_file>(*live)) {
    if (file->committing()) return violation("CANCEL after everything was sent");
    outcomes_.push_back({file->item(), file->size(), std::nullopt, why});
    push_urgent(jobs::abandon{cancel.id, false});
  } else {
    const auto& one = std::get<simple>(**live);
    if (one.now != simple::state::asked) return violation("CANCEL of an entry that is complete");
    outcomes_.push_back({one.item, 0, std::nullopt, why});
  }
  end(cancel.id);
  return {};
}

result<void> receive_machine::on_bye() {
  if (sender_said_bye_) return violation("BYE said twice");
  sender_said_bye_ = true;
  if (live_.empty()) {
    encode(frames::bye{}, answers_);
    finished_ = true;
  }
  return {};
}

void receive_machine::apply(std::uint32_t id, receive_file::step step) {
  for (const frame& answer : step.answers) encode(answer, answers_);
  if (step.refused) {
    const entry item = find_file(id)->item();
    push_urgent(jobs::abandon{id, step.discard});
    refuse(id, item, *step.refused);
    return;
  }
  for (job& one : step.urgent) push_urgent(std::move(one));
  for (job& one : step.background) background_.push_back(std::move(one));
}

void receive_machine::on_result(const job_result& value) {
  if (const auto* stored = std::get_if<job_results::stored>(&value)) return deliver(stored->id, stored->outcome);
  if (const auto* found = std::get_if<job_results::found>(&value)) {
    if (!found->outcome) return deliver(found->id, found->outcome.error());
    if (*found->outcome) return deliver(found->id, **found->outcome);
    const auto live = live_.find(found->id);
    if (live == live_.end()) return;
    std::get<simple>(live->second).now = simple::state::asked;
    encode(frames::need{found->id, {0, 1}}, answers_);
    return;
  }
  if (const auto* opened = std::get_if<job_results::opened>(&value)) {
    receive_file* const file = find_file(opened->id);
    if (file == nullptr) return;
    if (opened->outcome) return apply(opened->id, file->on_opened(*opened->outcome));
    const entry item = file->item();
    return refuse(opened->id, item, opened->outcome.error());
  }
  const std::uint32_t id = std::visit([](const auto& one) { return one.id; }, value);
  receive_file* const file = find_file(id);
  if (file == nullptr) return;  // ended while the job was under way
  if (const auto* claimed = std::get_if<job_results::claimed>(&value)) return apply(id, file->on_claimed(*claimed));
  if (const auto* kept = std::get_if<job_results::kept>(&value)) return apply(id, file->on_kept(*kept));
  if (const auto* written = std::get_if<job_results::written>(&value)) return apply(id, file->on_written(*written));
  if (const auto* hole = std::get_if<job_results::written_hole>(&value)) return apply(id, file->on_written_hole(*hole));
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
    if (one.item.kind == entry_kind::file) end_state.root = one.content_digest;
  }
  if (!outcome) return refuse(id, end_state.item, outcome.error());
  encode(frames::delivered{id, outcome->unchanged, outcome->path == end_state.item.path ? "" : outcome->path}, answers_);
  outcomes_.push_back(std::move(end_state));
  end(id);
}

void receive_machine::refuse(std::uint32_t id, const entry& item, const error& why) {
  encode(frames::refuse{id, to_wire(why.code()), why.text()}, answers_);
  outcomes_.push_back({item, item.size == unknown_size ? 0 : item.size, std::nullopt, why});
  end(id);
}

void receive_machine::end(std::uint32_t id) {
  const auto of_this = [id](const job& one) {
    return id_of(one) == id && !std::holds_alternative<jobs::abandon>(one);
  };
  if (find_file(id) != nullptr) {
    --open_count_;
    for (const job& one : urgent_) waiting_bytes_ -= of_this(one) ? content_size(one) : 0;
    std::erase_if(urgent_, of_this);
    std::erase_if(background_, of_this);
  }
  live_.erase(id);
  reported_.erase(id);
  release_directories();
  if (sender_said_bye_ && live_.empty() && !finished_) {
    encode(frames::bye{}, answers_);
    finished_ = true;
  }
}

void receive_machine::push_urgent(job value) {
  waiting_bytes_ += content_size(value);
  urgent_.push_back(std::move(value));
}

std::vector<job> receive_machine::take_jobs() {
  std::vector<job> batch;
  std::size_t bytes = 0;
  while (!urgent_.empty() && batch.size() < jobs_per_batch && bytes < bytes_per_batch) {
    bytes += content_size(urgent_.front());
    batch.push_back(std::move(urgent_.front()));
    urgent_.pop_front();
  }
  waiting_bytes_ -= bytes;
  if (batch.empty() && !background_.empty()) {
    batch.push_back(std::move(background_.front()));
    background_.pop_front();
  }
  return batch;
}

void receive_machine::on_tick() {
  for (const auto& [id, live] : live_) {
    const auto* file = std::get_if<receive_file>(&live);
    if (file == nullptr || file->waits_for_sender() || file->worked() <= reported_[id]) continue;
    reported_[id] = file->worked();
    encode(frames::progress{id, file->worked()}, answers_);
  }
}

bool receive_machine::waits_for_sender() const noexcept {
  if (finished_ || has_jobs()) return false;
  if (live_.empty()) return true;
  return std::any_of(live_.begin(), live_.end(), [](const auto& one) {
    if (const auto* file = std::get_if<receive_file>(&one.second)) return file->waits_for_sender();
    return std::get<simple>(one.second).now == simple::state::asked;
  });
}

}  // namespace tcptools::transfer
