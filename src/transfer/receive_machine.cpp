// What the sender says: every frame is judged here and becomes jobs. What the store answers is in
// receive_machine_results.cpp.
#include "tcptools/transfer/receive_machine.hpp"

#include <algorithm>
#include <bit>
#include <string>

#include "tcptools/base/text.hpp"
#include "tcptools/net/secret_bytes.hpp"
#include "tcptools/transfer/safe_path.hpp"

namespace tcptools::transfer {
namespace {

error over_allowance() { return error{errc::too_large, "more than this key may deliver in one session"}; }

}  // namespace

receive_machine::receive_machine(settings chosen) : settings_{chosen}, allowance_{chosen.max_bytes} {
  settings_.largest_file = std::min(chosen.largest_file, chosen.max_bytes);
}

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
  granted_ = std::min(hello.connections, settings_.more.connections);
  frames::welcome welcome{protocol_version, settings_.window, settings_.open_files, settings_.largest_file};
  if (granted_ > 0) welcome.more = frames::grant{granted_, settings_.more.secret};
  welcome.zstd = zstd_ = hello.zstd;
  welcome.quick_check = quick_check_ = hello.quick_check;
  say(welcome);
  return {};
}

result<unsigned> receive_machine::join(const frames::join& wish) {
  const bool is_known =
      granted_ > 0 && session_ == wish.session && net::is_same_secret(wish.secret, settings_.more.secret);
  if (!is_known || finished_ || failed_) return error{errc::refused, "there is no such session to join"};
  const bool too_many = std::popcount(joined_) >= granted_ || joined_before_ == limits::joined_connections;
  if (too_many) return error{errc::busy, "too many connections of one session"};
  const unsigned number = joined_before_++;
  joined_ |= connection_set{1} << number;
  tell_connections();
  return number;
}

void receive_machine::on_joined_end(unsigned connection) {
  joined_ &= ~(connection_set{1} << connection);
  tell_connections();
}

void receive_machine::tell_connections() {
  for (auto& [id, live] : live_) {
    if (auto* const file = std::get_if<receive_file>(&live)) apply(id, file->on_connections(joined_));
  }
}

result<void> receive_machine::on_joined_frame(unsigned connection, frame value, std::shared_ptr<const void> owner) {
  if (std::holds_alternative<frames::unknown>(value)) return {};
  const auto* const block = std::get_if<frames::block>(&value);
  const auto* const fence = std::get_if<frames::fence>(&value);
  if (block == nullptr && fence == nullptr) return violation("a frame that has no place on a joined connection");
  const std::uint32_t id = block != nullptr ? block->id : fence->id;
  const result<live_entry*> live = find(id);
  if (!live) return live.error();
  if (*live == nullptr) return {};
  auto* const file = std::get_if<receive_file>(*live);
  if (file == nullptr || file->item().kind != entry_kind::file) {
    return violation("a joined connection that carries what is no open file");
  }
  if (block != nullptr) return on_block(*block, std::move(owner));
  apply(id, file->on_fence(connection));
  return {};
}

result<void> receive_machine::on_offer(frames::offer offer, std::shared_ptr<const void> owner) {
  if (sender_said_bye_) return violation("OFFER after BYE");
  if (offer.id == 0 || offer.id != last_id_ + 1) return violation("OFFER with an id out of order");
  // What was offered before WELCOME arrived may fill the windows that hold until then.
  if (live_.size() >= std::max(settings_.window, limits::window_before_welcome)) {
    return violation("more offers than the window allows");
  }
  const entry& item = offer.item;
  const bool is_content = item.kind == entry_kind::file || item.kind == entry_kind::stream;
  const auto* const promise = std::get_if<frames::promised>(&offer.body);
  const bool by_time = promise != nullptr && !promise->content_digest;
  if (by_time && !quick_check_) return violation("an offer by time that was not agreed on");
  const bool is_bare = std::holds_alternative<std::monostate>(offer.body);
  const bool is_open = is_content && (is_bare || (by_time && item.size > limits::inline_content));
  if (is_open && open_count_ >= std::max(settings_.open_files, limits::open_files_before_welcome)) {
    return violation("more open files than the receiver allows");
  }
  last_id_ = offer.id;

  if (const result<void> good = check_path(item.path); !good) {
    refuse(offer.id, item, good.error());
    return {};
  }
  if (item.kind == entry_kind::file && item.size > settings_.largest_file) {
    refuse(offer.id, item, error{errc::too_large, "larger than this receiver takes"});
    return {};
  }
  // Whatever of it is there already: what a session may do must not depend on what others did.
  const std::uint64_t content = item.kind == entry_kind::file ? item.size : item.target.size();
  if (!allowance_.take(content)) {
    refuse(offer.id, item, over_allowance());
    return {};
  }
  if (is_open) {
    receive_file file{offer.id, item, settings_.largest_file, granted_ > 0};
    (void)file.on_connections(joined_);  // nothing to do yet
    live_.emplace(offer.id, std::move(file));
    ++open_count_;
    held_opens_.push_back(by_time ? job{jobs::find{offer.id, item, std::nullopt}} : job{jobs::open{offer.id, item}});
    release_opens();
    return {};
  }

  simple one{item, {}, simple::state::in_job};
  if (const auto* body = std::get_if<frames::inlined>(&offer.body)) {
    one.content_digest = body->content_digest;
    push_urgent(jobs::put{offer.id, item, {body->content, std::move(owner)}, body->content_digest});
  } else if (promise != nullptr) {
    one.content_digest = promise->content_digest;
    one.promised = true;
    one.by_time = by_time;
    push_urgent(jobs::find{offer.id, item, promise->content_digest});
  } else if (item.kind == entry_kind::symlink) {
    push_urgent(jobs::make{offer.id, item});
  } else {
    one.now = simple::state::held;
  }
  live_.emplace(offer.id, std::move(one));
  release_directories();
  return {};
}

result<receive_machine::live_entry*> receive_machine::find(std::uint32_t id) {
  if (id == 0 || id > last_id_) return violation("a frame for an entry that was never offered");
  const auto found = live_.find(id);
  return found == live_.end() ? nullptr : &found->second;
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
  if (block.compressed && !zstd_) return violation("a compressed block that was not agreed on");
  const result<live_entry*> live = find(block.id);
  if (!live) return live.error();
  auto* const one = *live == nullptr ? nullptr : std::get_if<simple>(*live);
  if (one == nullptr) {
    return on_file_frame(block.id, [&](receive_file& file) {
      const std::uint64_t before = file.size();
      result<receive_file::step> step = file.on_block(block, std::move(owner));
      // Only a stream grows.
      const bool too_much = step && !step->refused && !allowance_.take(file.size() - before);
      if (!too_much) return step;
      receive_file::step refused;
      refused.refused = over_allowance();
      refused.discard = true;
      return result<receive_file::step>{std::move(refused)};
    });
  }
  const bool fits = block.index == 0 && block.data.size() == one->item.size && !block.compressed;
  if (one->now != simple::state::asked || !fits) return violation("BLOCK that was not asked for");
  one->now = simple::state::in_job;
  // What was promised by its digest is what must have arrived, whatever this frame says of itself.
  if (one->by_time) one->content_digest = block.content_digest;
  push_urgent(jobs::put{block.id, one->item, {block.data, std::move(owner)}, *one->content_digest});
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
  say_bye_if_done();
  return {};
}

bool receive_machine::waits_for_joined() const noexcept {
  return !has_jobs() && std::ranges::any_of(live_, [](const auto& one) {
    const auto* const file = std::get_if<receive_file>(&one.second);
    return file != nullptr && file->waits_for_joined();
  });
}

bool receive_machine::waits_for_sender() const noexcept {
  if (finished_ || has_jobs()) return false;
  if (live_.empty()) return true;
  return std::ranges::any_of(live_, [](const auto& one) {
    if (const auto* file = std::get_if<receive_file>(&one.second)) return file->waits_for_sender();
    return std::get<simple>(one.second).now == simple::state::asked;
  });
}

}  // namespace tcptools::transfer
