// What a sender offers and sends: the rest is in native_sender.cpp.
#include <algorithm>
#include <asio/post.hpp>
#include <utility>

#include "tcptools/net/sleep.hpp"
#include "tcptools/net/worker_pool.hpp"
#include "tcptools/transfer/limits.hpp"
#include "tcptools/transfer/native_sender.hpp"

namespace tcptools::transfer {
namespace {

constexpr std::size_t bytes_per_read = 256U << 10U;
constexpr std::size_t bytes_of_small_files = 256U << 10U;  // read in one job
constexpr std::size_t small_files_per_job = 64;
constexpr std::chrono::milliseconds stream_patience{250};
constexpr std::chrono::milliseconds signal_grace{20};

// Before it is offered.
bool is_read(offer_form form) noexcept { return form == offer_form::with_content || form == offer_form::promised; }

}  // namespace

net::awaitable<void> native_sender::produce() {
  while (!machine_.finished() && !failure_) {
    co_await settle_outcomes();
    if (carrier_.words().is_full()) {
      co_await news_.wait();
      continue;
    }
    if (co_await offer_more()) continue;
    const std::optional<send_task> task = machine_.next(bytes_per_read);
    push_frames();
    if (!task) {
      co_await news_.wait();
    } else if (const auto* read = std::get_if<tasks::read>(&*task)) {
      co_await perform(*read);
    } else if (const auto* more = std::get_if<tasks::read_stream>(&*task)) {
      co_await perform(*more);
    } else {
      co_await perform(std::get<tasks::check>(*task));
    }
    push_frames();
  }
}

template <class Work>
net::awaitable<std::invoke_result_t<Work>> native_sender::on_source(Work work) {
  on_source_ = true;
  std::invoke_result_t<Work> value = co_await net::offload(context_.pool, std::move(work));
  on_source_ = false;
  co_return value;
}

// False if nothing more can be offered now.
net::awaitable<bool> native_sender::offer_more() {
  send_queue& queue = context_.queue;
  if (queue.wants_more() && queue.empty()) {
    auto fetch = [&queue] { return queue.fetch(); };
    source_batch batch = co_await on_source(std::move(fetch));
    for (const source_trouble& trouble : batch.troubles) context_.observer.on_trouble(trouble);
    queue.add(std::move(batch));
    co_return true;
  }
  if (queue.exhausted()) {
    if (machine_.said_bye()) co_return false;
    machine_.no_more_offers();
    co_return true;
  }
  if (const std::size_t count = count_small(); count > 0) {
    co_await offer_small(count);
    co_return true;
  }
  if (offer_by_time()) co_return true;
  const offer_form form = machine_.form_for(queue.at(0).what.item);
  if (is_read(form) || !machine_.may_offer(form)) co_return false;
  send_item item = queue.pop();
  const entry described = item.what.item;
  const source_item what = item.what;
  const std::uint32_t id = machine_.offer(std::move(item), form);
  if (described.kind == entry_kind::stream) {
    streams_.try_emplace(id, context_.queue.from(), what, std::size_t{1} << described.block_log2);
  }
  push_frames();
  co_return true;
}

// Small files that need not be read. False if the queue does not begin with one, or none can be offered now.
bool native_sender::offer_by_time() {
  send_queue& queue = context_.queue;
  bool is_any = false;
  constexpr auto form = offer_form::by_time;
  while (!queue.empty() && machine_.form_for(queue.at(0).what.item) == form && machine_.may_offer(form)) {
    machine_.offer(queue.pop(), form);
    is_any = true;
  }
  push_frames();
  return is_any;
}

// How many small files the queue begins with that can be read and offered together.
std::size_t native_sender::count_small() const {
  std::size_t bytes = 0;
  std::size_t count = 0;
  const std::size_t most = std::min({context_.queue.size(), machine_.room(), small_files_per_job});
  for (; count < most && bytes < bytes_of_small_files; ++count) {
    const entry& item = context_.queue.at(count).what.item;
    if (!is_read(machine_.form_for(item))) break;
    bytes += static_cast<std::size_t>(item.size);
  }
  return count;
}

net::awaitable<void> native_sender::offer_small(std::size_t count) {
  std::vector<send_item> items;
  items.reserve(count);
  for (std::size_t i = 0; i < count; ++i) items.push_back(context_.queue.pop());
  auto read_all = [this, &items] {
    std::vector<read_small> contents;
    contents.reserve(items.size());
    for (const send_item& item : items) contents.push_back(reader_.read_whole(item.what));
    return contents;
  };
  const std::vector<read_small> contents = co_await on_source(std::move(read_all));
  for (std::size_t i = 0; i < items.size(); ++i) {
    const read_small& read = contents[i];
    if (!read.content_digest) {
      outcomes_.push_back({std::move(items[i].what), read.content_digest.error()});
      continue;
    }
    offer_form form = machine_.form_for(items[i].what.item);
    if (form == offer_form::by_time) form = offer_form::promised;  // its digest is there now, and says more
    context_.observer.on_content(items[i].what, items[i].what.item.size);
    machine_.offer(std::move(items[i]), form, *read.content_digest, read.content);
  }
  push_frames();
}

net::awaitable<void> native_sender::perform(tasks::read task) {
  const source_item* const item = machine_.find_item(task.id);
  if (item == nullptr) co_return;
  const source_item what = *item;
  const block_layout layout{what.item.size, std::max<unsigned>(what.item.block_log2, limits::smallest_block_log2)};
  const frame_memory memory = memory_.take(frame_memory_size(layout, task.blocks));
  std::optional<read_run> got = reader_.read_cached(task.id, what, layout, task.blocks, memory);
  if (got) {
    // What is read need not be sent: others have a turn.
    co_await asio::post(asio::use_awaitable_t<net::any_executor>{});
  } else {
    auto read = [this, &what, &layout, &task, &memory] {
      return reader_.read(task.id, what, layout, task.blocks, memory);
    };
    got = co_await on_source(std::move(read));
  }
  read_run& run = *got;

  std::vector<std::span<std::byte>> blocks;
  for (const auto& one : run.pieces) {
    if (const auto* hole = std::get_if<frames::block_run>(&one)) {
      machine_.on_hole(task.id, *hole);
      for (std::uint64_t i = 0; i < hole->count; ++i)
        context_.observer.on_content(what, layout.length(hole->first + i));
      continue;
    }
    const auto& block = std::get<read_block>(one);
    if (machine_.on_read(task.id, block.index, block.content_digest)) blocks.push_back(block.frame);
    context_.observer.on_content(what, layout.length(block.index));
  }
  push_frames();
  if (!blocks.empty()) co_await compress(task.id, blocks);
  if (!blocks.empty() && !failure_) {
    outbox::piece out{{}, std::move(run.memory), {blocks.begin(), blocks.end()}, 0};
    for (const byte_view block : out.views) out.size += block.size();
    if (task.is_answer) {
      carrier_.words().put(std::move(out));
    } else {
      carrier_.words().put_blocks(task.id, std::move(out));
    }
    carrier_.wake();
  }
  if (!run.end) machine_.on_read_failed(task.id, run.end.error());
}

net::awaitable<void> native_sender::perform(tasks::read_stream task) {
  const auto found = streams_.find(task.id);
  const source_item* const item = machine_.find_item(task.id);
  if (found == streams_.end() || item == nullptr) co_return;
  const source_item what = *item;
  const auto flush_after =
      std::min<std::chrono::milliseconds>(context_.settings.idle_timeout / 4, std::chrono::seconds{5});
  auto read = [&found, flush_after] { return found->second.read(stream_patience, flush_after); };
  result<stream_reader::step> step = co_await on_source(std::move(read));
  if (!step) {
    machine_.on_read_failed(task.id, step.error());
    co_return;
  }
  if (step->ready) {
    stream_reader::step::block& block = *step->ready;
    machine_.on_stream_read(task.id, block.index, block.content_digest);
    context_.observer.on_content(what, block.grown);
    byte_buffer out;
    encode(frames::block{task.id, block.index, block.content_digest, block.content}, out);
    if (block.content.size() == std::size_t{1} << what.item.block_log2) {
      std::span<std::byte> whole{out};
      co_await compress(task.id, {&whole, 1});
      out.resize(whole.size());
    }
    push(std::move(out));
  }
  if (!step->ended) co_return;
  // Whoever interrupts a pipeline interrupts all of it: the end of the input and our own signal come together, and what
  // was cut off must not be delivered as if it were whole.
  co_await net::sleep_for(signal_grace);
  if (!failure_) machine_.on_stream_end(task.id, step->size);
}

net::awaitable<void> native_sender::perform(tasks::check task) {
  const source_item* const item = machine_.find_item(task.id);
  if (item == nullptr) co_return;
  const source_item what = *item;
  auto check = [this, &what, &task] { return reader_.check_unchanged(task.id, what); };
  const result<void> unchanged = co_await on_source(std::move(check));
  machine_.on_checked(task.id, unchanged);
  carrier_.words().close_entry(task.id);
  carrier_.wake();
}

net::awaitable<void> native_sender::compress(std::uint32_t id, std::span<std::span<std::byte>> block_frames) {
  if (!machine_.may_compress(id)) co_return;
  const auto how = compression_.next(id, carrier_.words().size() > 0);
  if (how == compression_choice::attempt::none) co_return;
  auto pack = [this, block_frames, how] { return packer_.pack(block_frames, how); };
  const block_packer::measure packed = co_await on_source(std::move(pack));
  compression_.on_compressed(packed.tried, packed.became, packed.took);
}

// Tells outcomes, and does what they ask for: a delivered source is removed, a busy receiver is asked again later.
net::awaitable<void> native_sender::settle_outcomes() {
  for (send_outcome& one : machine_.take_outcomes()) outcomes_.push_back(std::move(one));
  if (outcomes_.empty()) co_return;
  const auto has_ended = [this](std::uint32_t id) { return machine_.find_item(id) == nullptr; };
  reader_.close_if(has_ended);
  carrier_.words().forget_if(has_ended);
  std::erase_if(streams_, [&](const auto& one) { return has_ended(one.first); });
  for (send_outcome& one : std::exchange(outcomes_, {})) {
    if (!one.outcome && one.outcome.error().code() == errc::busy) {
      busy_ = one.outcome.error();
      later_.push_back({std::move(one.what), nullptr, false});
      continue;
    }
    progressed_ = true;
    if (one.outcome && one.outcome->unread) context_.observer.on_content(one.what, one.what.item.size);
    const bool is_tree_part = one.what.item.kind == entry_kind::directory;
    if (one.outcome && context_.settings.remove_source && !is_tree_part) {
      auto remove = [this, &one] { return context_.queue.from().remove(one.what); };
      const result<void> removed = co_await on_source(std::move(remove));
      if (!removed) context_.observer.on_trouble({one.what.origin, removed.error(), true});
    }
    context_.observer.on_outcome(one);
  }
}

}  // namespace tcptools::transfer
