#include "tcptools/transfer/compat_receiver.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <utility>

#include "tcptools/base/text.hpp"
#include "tcptools/base/units.hpp"
#include "tcptools/net/worker_pool.hpp"
#include "tcptools/transfer/block_map.hpp"
#include "tcptools/transfer/limits.hpp"

namespace tcptools::transfer {
namespace {

using clock = std::chrono::steady_clock;

constexpr std::uint16_t usual_mode = 0644;

// The protocol knows neither modes nor times: the file is from now.
entry describe(const compat_file& file) {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since_epoch);
  entry item;
  item.kind = entry_kind::stream;  // nothing of it can be resumed
  item.block_log2 = limits::stream_block_log2;
  item.mode = usual_mode;
  item.modified = {seconds.count(),
                   static_cast<std::uint32_t>(std::chrono::nanoseconds{since_epoch - seconds}.count())};
  item.size = unknown_size;
  item.allocated = file.size;
  item.path = file.name;
  return item;
}

}  // namespace

void compat_receiver::stop(error why) {
  if (!stopped_) stopped_ = std::move(why);
  // Once it was told to go ahead, an orderly end would tell the sender that all is well.
  if (said_go_ahead_) stream_.reset();
  stream_.close();
}

net::awaitable<result<void>> compat_receiver::run(byte_view already_read) {
  unread_.assign(already_read.begin(), already_read.end());
  for (;;) {
    if (context_.observer.is_overloaded()) co_await context_.observer.when_ready();
    const result<std::optional<compat_file>> header = co_await read_header();
    if (stopped_) co_return *stopped_;
    if (!header) co_return header.error();
    if (!*header) co_return result<void>{};
    is_first_ = false;
    const result<void> received = co_await receive(**header);
    if (stopped_) co_return *stopped_;
    if (!received) co_return received;
  }
}

net::awaitable<result<std::optional<compat_file>>> compat_receiver::read_header() {
  compat_header header;
  std::optional<clock::time_point> until;  // once it has begun
  for (;;) {
    if (!until && !unread_.empty()) until = (is_first_ ? info_.started : clock::now()) + limits::hello_wait;
    header.feed(std::exchange(unread_, {}));
    if (!header.state()) co_return header.state().error();
    const bool complete = header.state()->has_value();
    // Between two files the sender may think for as long as it may be idle.
    const auto patience = until ? *until : clock::now() + context_.idle_timeout;
    stream_.set_deadline(complete ? std::min(patience, clock::now() + limits::compat_quiet_gap) : patience);
    std::array<std::byte, limits::compat_header> bytes{};
    const result<std::size_t> got = co_await stream_.read_some(bytes);
    stream_.clear_deadline();
    if (got) {
      unread_.assign(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(*got));
      continue;
    }
    if (got.error().code() == errc::timed_out && complete) co_return *header.state();
    if (got.error().code() != errc::end_of_stream) co_return got.error();
    if (!until) co_return std::optional<compat_file>{};
    co_return error{errc::connection_lost, "the sender closed the connection in the middle of a header"};
  }
}

net::awaitable<result<void>> compat_receiver::receive(const compat_file& file) {
  const entry item = describe(file);
  receive_outcome report{item, file.size, std::nullopt, error{errc::connection_lost}};
  digest root;
  report.outcome = co_await store_content(item, file.size, root);
  if (report.outcome) report.root = root;
  info_.bytes_received = stream_.bytes_read();
  ++(report.outcome ? info_.delivered : info_.failed);
  context_.observer.on_entry(info_, report);
  if (report.outcome) co_return result<void>{};
  // Once it was told to go ahead, an orderly end would tell the sender that all is well.
  if (said_go_ahead_) stream_.reset();
  co_return report.outcome.error();
}

net::awaitable<result<placed>> compat_receiver::store_content(const entry& item, std::uint64_t size, digest& root) {
  if (size > scope_.where->largest_file()) {
    co_return error{errc::too_large,
                    in_quotes(item.path) + " is larger than " + format_size(scope_.where->largest_file())};
  }
  if (!allowance_.take(size)) co_return error{errc::too_large, "more than this key may deliver in one session"};
  auto open = [this, &item] { return scope_.where->open(item); };
  result<std::unique_ptr<incoming>> opened = co_await net::offload(context_.pool, std::move(open));
  if (!opened) co_return opened.error();
  std::unique_ptr<incoming> file = std::move(*opened);
  result<placed> stored = co_await fill(*file, item, size, root);
  auto close = [&file] { file.reset(); };  // to free what did not become a file can take long
  co_await net::offload(context_.pool, std::move(close));
  co_return stored;
}

net::awaitable<result<placed>> compat_receiver::fill(incoming& file, const entry& item, std::uint64_t size,
                                                     digest& root) {
  stream_.set_deadline(clock::now() + context_.idle_timeout);
  const result<void> answered = co_await stream_.write(as_bytes(compat_go_ahead));
  stream_.clear_deadline();
  if (!answered) co_return answered.error();
  said_go_ahead_ = true;

  const block_layout layout{size, item.block_log2};
  digest_row row;
  byte_buffer block(static_cast<std::size_t>(std::min<std::uint64_t>(size, layout.block_size())));
  for (std::uint64_t index = 0; index < layout.count(); ++index) {
    const std::span<std::byte> content = std::span{block}.first(layout.length(index));
    const result<void> arrived = co_await read_block(content);
    if (!arrived) co_return arrived.error();
    auto write = [&]() -> result<void> {
      const digest content_digest = digest_of(content);
      row.set(index, content_digest);
      return file.write(index, content, content_digest);
    };
    const result<void> written = co_await net::offload(context_.pool, std::move(write));
    if (!written) co_return written.error();
  }
  root = row.root(layout);
  auto commit = [&file, size] { return file.commit(size); };
  co_return co_await net::offload(context_.pool, std::move(commit));
}

net::awaitable<result<void>> compat_receiver::read_block(std::span<std::byte> into) {
  const std::size_t taken = std::min(into.size(), unread_.size());
  std::copy_n(unread_.begin(), taken, into.begin());
  unread_.erase(unread_.begin(), unread_.begin() + static_cast<std::ptrdiff_t>(taken));
  into = into.subspan(taken);
  std::size_t until_progress = 0;
  while (!into.empty()) {
    if (until_progress == 0) {
      stream_.set_deadline(clock::now() + context_.idle_timeout);
      until_progress = limits::progress_quantum;
    }
    const result<std::size_t> got = co_await stream_.read_some(into);
    if (!got) {
      stream_.clear_deadline();
      if (got.error().code() != errc::end_of_stream) co_return got.error();
      co_return error{errc::connection_lost, "the sender closed the connection before the file was complete"};
    }
    into = into.subspan(*got);
    until_progress -= std::min(until_progress, *got);
  }
  stream_.clear_deadline();
  co_return result<void>{};
}

}  // namespace tcptools::transfer
