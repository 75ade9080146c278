#include "tcptools/transfer/send_machine.hpp"

#include <algorithm>
#include <string>

#include "tcptools/base/text.hpp"

namespace tcptools::transfer {
namespace {

error changed() { return error{errc::source_changed, "it changed while it was sent"}; }

error said(wire_code code, const std::string& text) { return error{from_wire(code), visible(text)}; }

}  // namespace

send_machine::send_machine(session_id session, std::uint8_t further, bool zstd, bool quick_check)
    : further_{further}, zstd_offered_{zstd}, quick_check_offered_{quick_check} {
  const byte_view start = preface();
  frames_.assign(start.begin(), start.end());
  encode(frames::hello{protocol_version, protocol_version, session, further, zstd, quick_check}, frames_);
}

result<void> send_machine::on_frame(const frame& value) {
  if (const auto* failed = std::get_if<frames::error>(&value)) return said(failed->code, failed->text);
  if (const auto* welcome = std::get_if<frames::welcome>(&value)) return on_welcome(*welcome);
  if (!welcomed_) return violation("the first frame is not WELCOME");
  if (finished_) return violation("a frame after BYE");
  if (std::holds_alternative<frames::unknown>(value)) return {};
  if (const auto* progress = std::get_if<frames::progress>(&value)) return on_progress(*progress);
  if (const auto* accept = std::get_if<frames::accept>(&value)) return on_accept(*accept);
  if (const auto* need = std::get_if<frames::need>(&value)) return on_need(*need);
  if (const auto* delivered = std::get_if<frames::delivered>(&value)) return on_delivered(*delivered);
  if (const auto* have = std::get_if<frames::have>(&value)) {
    const result<live_entry*> live = find_answered(have->id);
    if (!live) return live.error();
    if (*live == nullptr) return {};
    if (!(*live)->file) return violation("HAVE for an entry that has no blocks");
    return (*live)->file->on_have(*have);
  }
  if (const auto* refuse = std::get_if<frames::refuse>(&value)) {
    const result<live_entry*> live = find_answered(refuse->id);
    if (!live) return live.error();
    if (*live != nullptr) end(refuse->id, said(refuse->code, refuse->text));
    return {};
  }
  if (std::holds_alternative<frames::bye>(value)) {
    if (!said_bye_ || !live_.empty()) return violation("BYE before the last outcome");
    finished_ = true;
    return {};
  }
  return violation("a frame that only a sender sends");
}

result<void> send_machine::on_welcome(const frames::welcome& welcome) {
  if (welcomed_) return violation("WELCOME said twice");
  if (welcome.version != protocol_version) {
    return error{errc::version_unsupported, "the receiver chose a version that was not offered"};
  }
  if (welcome.zstd && !zstd_offered_) return violation("WELCOME with a compression that was not offered");
  if (welcome.quick_check && !quick_check_offered_) return violation("WELCOME with a quick check that was not offered");
  if (welcome.more && welcome.more->connections > further_) {
    return violation("WELCOME allows more connections than were asked for");
  }
  welcomed_ = true;
  zstd_chosen_ = welcome.zstd;
  quick_check_ = welcome.quick_check;
  granted_ = welcome.more;
  ++progress_;
  window_ = welcome.window;
  open_files_ = welcome.open_files;
  return {};
}

result<void> send_machine::on_progress(const frames::progress& progress) {
  const result<live_entry*> live = find(progress.id);
  if (!live) return live.error();
  if (*live == nullptr || progress.bytes < (*live)->worked + limits::progress_quantum) return {};
  // Each byte is checked or written, and made durable: more work than that is none.
  const std::uint64_t size = (*live)->item.what.item.size;
  if (size != unknown_size && progress.bytes / 3 > size) return {};
  (*live)->worked = progress.bytes;
  ++progress_;
  return {};
}

result<send_machine::live_entry*> send_machine::find(std::uint32_t id) {
  if (id == 0 || id > last_id_) return violation("an answer for an entry that was never offered");
  return find_live(id);
}

result<send_machine::live_entry*> send_machine::find_answered(std::uint32_t id) {
  const result<live_entry*> live = find(id);
  if (live && *live != nullptr) ++progress_;
  return live;
}

send_machine::live_entry* send_machine::find_live(std::uint32_t id) {
  const auto found = live_.find(id);
  return found == live_.end() ? nullptr : &found->second;
}

const source_item* send_machine::find_item(std::uint32_t id) const {
  const auto found = live_.find(id);
  return found == live_.end() ? nullptr : &found->second.item.what;
}

result<void> send_machine::on_accept(const frames::accept& accept) {
  const result<live_entry*> live = find_answered(accept.id);
  if (!live) return live.error();
  if (*live == nullptr) return {};
  live_entry& one = **live;
  if (one.form != offer_form::open) return violation("ACCEPT of an entry that was not open");
  one.by_time = false;
  if (one.file) return one.file->on_accept(accept);
  if (one.stream_accepted || accept.checked != 0) return violation("ACCEPT said twice, or of blocks of a stream");
  one.stream_accepted = true;
  return {};
}

result<void> send_machine::on_need(const frames::need& need) {
  const result<live_entry*> live = find_answered(need.id);
  if (!live) return live.error();
  if (*live == nullptr) return {};
  live_entry& one = **live;
  const bool is_first = !one.file && (one.form == offer_form::promised || one.form == offer_form::by_time);
  if (is_first) {
    if (need.blocks != frames::block_run{0, 1}) return violation("NEED outside of the file");
    promise_ = one.by_time = false;
    auto known = std::make_shared<known_digests>();
    if (one.form == offer_form::promised) known->set(0, one.promise);
    one.file.emplace(block_layout{one.item.what.item.size, limits::smallest_block_log2}, std::move(known));
    return one.file->on_accept({need.id, 0});
  }
  if (!one.file) return violation("NEED for an entry that has no blocks");
  return one.file->on_need(need);
}

result<void> send_machine::on_delivered(const frames::delivered& delivered) {
  const result<live_entry*> live = find_answered(delivered.id);
  if (!live) return live.error();
  if (*live == nullptr) return {};
  const live_entry& one = **live;
  const bool was_small = one.form != offer_form::bare && one.form != offer_form::open;
  if (was_small) promise_ = delivered.unchanged;
  // What was asked for again may have come on another connection meanwhile.
  const bool may_come_otherwise = granted_ && one.form == offer_form::open;
  const bool all_sent =
      (one.form != offer_form::open || one.finished) && (!one.file || may_come_otherwise || one.file->all_sent());
  if (one.by_time ? !delivered.unchanged : !all_sent) return violation("DELIVERED before everything was sent");
  const std::string& path = delivered.path.empty() ? one.item.what.item.path : delivered.path;
  end(delivered.id, sent{path, delivered.unchanged, one.by_time});
  return {};
}

void send_machine::end(std::uint32_t id, result<sent> outcome) {
  const auto found = live_.find(id);
  if (found->second.form == offer_form::open) --open_count_;
  outcomes_.push_back({std::move(found->second.item.what), std::move(outcome)});
  live_.erase(found);
}

void send_machine::cancel(std::uint32_t id, const error& why) {
  encode(frames::cancel{id, to_wire(why.code()), why.text()}, frames_);
  end(id, why);
}

offer_form send_machine::form_for(const entry& item) const noexcept {
  if (item.kind == entry_kind::directory || item.kind == entry_kind::symlink) return offer_form::bare;
  if (item.kind == entry_kind::stream || item.size > limits::inline_content) return offer_form::open;
  if (!promise_ || item.size == 0) return offer_form::with_content;
  return quick_check_ ? offer_form::by_time : offer_form::promised;
}

bool send_machine::may_offer(offer_form form) const noexcept {
  if (live_.size() >= window_) return false;
  // Until WELCOME it is not known whether a large file must be read.
  const bool is_known = welcomed_ || !quick_check_offered_;
  return form != offer_form::open || (is_known && open_count_ < open_files_);
}

bool send_machine::may_compress(std::uint32_t id) const {
  const auto found = live_.find(id);
  return zstd_chosen_ && found != live_.end() && found->second.form == offer_form::open;
}

std::uint32_t send_machine::offer(send_item item, offer_form form, const digest& content_digest, byte_view content) {
  const std::uint32_t id = ++last_id_;
  frames::offer offered{id, item.what.item, {}};
  const bool is_open_file = form == offer_form::open && item.what.item.kind == entry_kind::file;
  const bool is_large = is_open_file && item.what.item.size > limits::inline_content;
  const bool by_time = form == offer_form::by_time || (is_large && quick_check_);
  if (form == offer_form::with_content) offered.body = frames::inlined{content_digest, content};
  if (form == offer_form::promised) offered.body = frames::promised{content_digest};
  if (by_time) offered.body = frames::promised{};
  encode(offered, frames_);

  live_entry& one = live_[id];
  one.form = form;
  one.promise = content_digest;
  one.by_time = by_time;
  if (form == offer_form::open) ++open_count_;
  if (is_open_file) {
    if (!item.known) item.known = std::make_shared<known_digests>();
    one.file.emplace(block_layout{item.what.item.size, item.what.item.block_log2}, item.known);
  }
  one.item = std::move(item);
  return id;
}

void send_machine::no_more_offers() {
  if (said_bye_) return;
  said_bye_ = true;
  encode(frames::bye{}, frames_);
}

std::optional<send_task> send_machine::next(std::size_t most_bytes) {
  auto stream = live_.end();
  for (auto at = live_.begin(); at != live_.end(); ++at) {
    live_entry& one = at->second;
    if (one.file) {
      if (const auto task = next_of_file(at->first, one, most_bytes)) return task;
    } else if (one.stream_accepted && !one.read_whole && stream == live_.end()) {
      stream = at;
    }
  }
  // Streams last: their input may keep us waiting, and what could be sent meanwhile would be held back.
  if (stream == live_.end()) return std::nullopt;
  stream->second.item.consumed = true;
  return tasks::read_stream{stream->first};
}

std::optional<send_task> send_machine::next_of_file(std::uint32_t id, live_entry& one, std::size_t most_bytes) {
  send_file& file = *one.file;
  const auto run = file.next_read(std::max<std::uint64_t>(1, most_bytes / file.layout().block_size()));
  for (const frames::block_run& kept : file.take_keeps()) encode(frames::keep{id, kept}, frames_);
  if (run) return tasks::read{id, *run, one.form != offer_form::open || file.was_asked_for(run->first)};
  if (one.form != offer_form::open || one.read_whole || !file.all_sent()) return std::nullopt;
  one.read_whole = true;
  return tasks::check{id};
}

bool send_machine::on_read(std::uint32_t id, std::uint64_t index, const digest& content) {
  live_entry* const one = find_live(id);
  if (one == nullptr) return false;
  const send_file::verdict verdict = one->file->on_read(index, content);
  if (verdict == send_file::verdict::changed) cancel(id, changed());
  return verdict == send_file::verdict::send;
}

void send_machine::on_hole(std::uint32_t id, frames::block_run blocks) {
  live_entry* const one = find_live(id);
  if (one == nullptr) return;
  if (one->file->on_hole(blocks) == send_file::verdict::changed) return cancel(id, changed());
  if (one->form == offer_form::open) {
    encode(frames::hole{id, blocks}, frames_);
  } else {
    const byte_buffer zeros(one->file->layout().length(0));
    encode(frames::block{id, 0, digest_of_zeros(zeros.size()), zeros}, frames_);
  }
}

void send_machine::on_read_failed(std::uint32_t id, const error& why) {
  if (find_live(id) != nullptr) cancel(id, why);
}

void send_machine::on_checked(std::uint32_t id, const result<void>& unchanged) {
  live_entry* const one = find_live(id);
  if (one == nullptr) return;
  if (!unchanged) return cancel(id, unchanged.error());
  one->finished = true;
  encode(frames::finish{id, one->item.what.item.size, one->file->root()}, frames_);
}

void send_machine::on_stream_read(std::uint32_t id, std::uint64_t index, const digest& content) {
  live_entry* const one = find_live(id);
  if (one == nullptr) return;
  one->stream_row.set(index, content);
}

void send_machine::on_stream_end(std::uint32_t id, std::uint64_t size) {
  live_entry* const one = find_live(id);
  if (one == nullptr) return;
  one->read_whole = one->finished = true;
  const block_layout layout{size, one->item.what.item.block_log2};
  encode(frames::finish{id, size, one->stream_row.root(layout)}, frames_);
}

std::vector<send_item> send_machine::take_unfinished() {
  std::vector<send_item> unfinished;
  unfinished.reserve(live_.size());
  for (auto& [id, one] : live_) unfinished.push_back(std::move(one.item));
  live_.clear();
  return unfinished;
}

}  // namespace tcptools::transfer
