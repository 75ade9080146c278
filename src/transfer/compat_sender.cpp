#include "tcptools/transfer/compat_sender.hpp"

#include <algorithm>
#include <array>
#include <random>
#include <utility>

#include "tcptools/base/text.hpp"
#include "tcptools/net/sleep.hpp"
#include "tcptools/net/tls_hint.hpp"
#include "tcptools/net/worker_pool.hpp"
#include "tcptools/transfer/compat_protocol.hpp"
#include "tcptools/transfer/limits.hpp"
#include "tcptools/transfer/safe_path.hpp"

namespace tcptools::transfer {
namespace {

using clock = std::chrono::steady_clock;

constexpr std::size_t piece_size = 256U << 10U;

double random_share() {
  static std::mt19937_64 generator{std::random_device{}()};
  return std::uniform_real_distribution<double>{0.0, 1.0}(generator);
}

net::awaitable<result<void>> expect_go_ahead(net::stream& stream) {
  std::string answer;
  while (answer.size() < compat_go_ahead.size()) {
    std::array<std::byte, compat_go_ahead.size() + 1> bytes{};
    const result<std::size_t> got = co_await stream.read_some(bytes);
    if (!got && got.error().code() == errc::end_of_stream)
      co_return error{errc::refused, "the receiver closed the connection instead of saying ok"};
    if (!got) co_return got.error();
    answer += as_text(byte_view{bytes}.first(*got));
    if (net::is_tls_alert(as_bytes(answer))) co_return net::wants_tls();
  }
  if (answer == compat_go_ahead) co_return result<void>{};
  co_return error{errc::protocol_violation, "the receiver said " + in_quotes(answer) + " instead of ok"};
}

// The receiver has the last word by closing; what it says before is of no meaning. It may take its time as long as it
// takes what is still under way to it.
net::awaitable<result<void>> await_close(net::stream& stream, std::chrono::milliseconds idle_timeout) {
  std::size_t under_way = stream.unacknowledged();
  for (;;) {
    stream.set_deadline(clock::now() + idle_timeout);
    std::array<std::byte, 256> ignored{};
    const result<std::size_t> got = co_await stream.read_some(ignored);
    if (got) continue;
    if (got.error().code() == errc::end_of_stream) co_return result<void>{};
    const std::size_t before = std::exchange(under_way, stream.unacknowledged());
    const bool moves = got.error().code() == errc::timed_out && under_way < before;
    if (!moves) co_return got.error();
  }
}

}  // namespace

compat_sender::compat_sender(net::any_executor executor, send_context& context)
    : executor_{std::move(executor)},
      context_{context},
      connector_{executor_},
      policy_{{context.settings.retry_for, context.settings.retry_for}},
      stopping_{executor_} {
  connector_.secure_with(context.settings.tls);
  if (context.settings.bytes_per_second) limiter_.emplace(*context.settings.bytes_per_second);
}

void compat_sender::stop(error why) {
  if (!stopped_) stopped_ = std::move(why);
  connector_.cancel();
  if (stream_) stream_->close();
  stopping_.notify_all();
}

net::awaitable<result<void>> compat_sender::run() {
  send_queue& queue = context_.queue;
  while (!queue.exhausted()) {
    if (queue.empty()) {
      auto fetch = [&queue] { return queue.fetch(); };
      source_batch batch = co_await net::offload(context_.pool, std::move(fetch));
      for (const source_trouble& trouble : batch.troubles) context_.observer.on_trouble(trouble);
      queue.add(std::move(batch));
      continue;
    }
    const source_item what = queue.pop().what;
    if (what.item.kind == entry_kind::directory) continue;  // it has no word for them
    const result<void> end = co_await deliver(what);
    if (stopped_) co_return *stopped_;
    if (!end && retry_policy::may_pass(end.error().code())) co_return end;  // the next file would fare no better
    if (end && context_.settings.remove_source) {
      auto remove = [&queue, &what] { return queue.from().remove(what); };
      const result<void> removed = co_await net::offload(context_.pool, std::move(remove));
      if (!removed) context_.observer.on_trouble({what.origin, removed.error(), true});
    }
    const std::string name = std::string{leaf_of(what.item.path)};
    context_.observer.on_outcome({what, end ? result<sent>{sent{name, false}} : result<sent>{end.error()}});
  }
  co_return result<void>{};
}

net::awaitable<result<void>> compat_sender::deliver(const source_item& what) {
  if (what.item.kind != entry_kind::file)
    co_return error{errc::refused, "the compatibility protocol carries files only"};
  const result<std::string> header = encode_compat_header(std::string{leaf_of(what.item.path)}, what.item.size);
  if (!header) co_return header.error();
  auto open = [this, &what] { return context_.queue.from().open(what); };
  const result<std::unique_ptr<source_file>> file = co_await net::offload(context_.pool, std::move(open));
  if (!file) co_return file.error();
  for (;;) {
    const result<void> end = co_await attempt(what, *header, **file);
    if (end) policy_.on_progress();
    if (end || stopped_) co_return end;
    const auto wait = policy_.after(end.error(), clock::now(), random_share());
    if (!wait) co_return end;
    context_.observer.on_retry(end.error(), *wait);
    (void)co_await stopping_.wait_until(clock::now() + *wait);
    if (stopped_) co_return *stopped_;
  }
}

net::awaitable<result<void>> compat_sender::attempt(const source_item& what, const std::string& header,
                                                    source_file& file) {
  const send_settings& settings = context_.settings;
  auto connected = co_await connector_.connect(settings.host, settings.port, settings.connect_timeout);
  if (!connected) co_return connected.error();
  stream_ = std::move(*connected);
  context_.observer.on_connected(stream_->peer().text);
  const result<void> end = co_await exchange(*stream_, what, header, file);
  context_.observer.on_wire(stream_->bytes_written());
  stream_->close();
  stream_.reset();
  co_return end;
}

net::awaitable<result<void>> compat_sender::exchange(net::stream& stream, const source_item& what,
                                                     const std::string& header, source_file& file) {
  stream.set_deadline(clock::now() + context_.settings.idle_timeout);
  if (const result<void> asked = co_await stream.write(as_bytes(header)); !asked) co_return asked;
  if (const result<void> may = co_await expect_go_ahead(stream); !may) co_return may;
  if (const result<void> sent = co_await send_content(stream, what, file); !sent) co_return sent;
  auto check = [&file] { return file.check_unchanged(); };
  if (const result<void> same = co_await net::offload(context_.pool, std::move(check)); !same) co_return same;
  stream.set_deadline(clock::now() + context_.settings.idle_timeout);
  if (const result<void> ended = co_await stream.shutdown_send(); !ended) co_return ended;
  co_return co_await await_close(stream, context_.settings.idle_timeout);
}

net::awaitable<result<void>> compat_sender::send_content(net::stream& stream, const source_item& what,
                                                         source_file& file) {
  byte_buffer piece(static_cast<std::size_t>(std::min<std::uint64_t>(what.item.size, piece_size)));
  for (std::uint64_t offset = 0; offset < what.item.size;) {
    const std::size_t limit = limiter_ ? limiter_->largest_piece() : piece.size();
    const auto length =
        static_cast<std::size_t>(std::min<std::uint64_t>({what.item.size - offset, limit, piece.size()}));
    const std::span<std::byte> content = std::span{piece}.first(length);
    auto read = [&file, offset, content] { return file.read(offset, content); };
    if (const result<void> got = co_await net::offload(context_.pool, std::move(read)); !got) co_return got;
    if (limiter_) co_await net::sleep_for(limiter_->reserve(length, clock::now()));
    for (byte_view left = content; !left.empty();) {
      const byte_view now = left.first(std::min(left.size(), limits::progress_quantum));
      left = left.subspan(now.size());
      stream.set_deadline(clock::now() + context_.settings.idle_timeout);
      if (const result<void> sent = co_await stream.write(now); !sent) co_return sent;
    }
    context_.observer.on_content(what, length);
    offset += length;
  }
  co_return result<void>{};
}

}  // namespace tcptools::transfer
