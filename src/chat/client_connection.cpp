#include "tcptools/chat/client_connection.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "tcptools/base/bytes.hpp"
#include "tcptools/base/units.hpp"
#include "tcptools/chat/line_splitter.hpp"
#include "tcptools/net/task_group.hpp"
#include "tcptools/net/tls_hint.hpp"

namespace tcptools::chat {
namespace {

using clock = net::event::clock;

constexpr std::string_view is_it_one = "; is it a tcpchat server?";

error no_server_of_ours(std::string_view said) {
  return net::is_tls_alert(as_bytes(said)) ? net::wants_tls() : no_tcpchat_server(said);
}

}  // namespace

client_connection::client_connection(net::stream& stream, client_machine& machine, const client_settings& settings,
                                     client_observer& observer, net::event& told)
    : stream_{stream},
      machine_{machine},
      settings_{settings},
      observer_{observer},
      told_{told},
      outgoing_{stream.get_executor()},
      end_{stream.get_executor()} {}

net::awaitable<result<void>> client_connection::run() {
  net::task_group tasks{stream_.get_executor(), [this](std::string_view task, std::string_view what) {
                          fail(net::internal_error(errc::connection_lost, task, what));
                        }};
  machine_.on_connected(clock::now());
  tasks.spawn("read", read());
  tasks.spawn("write", write());
  tasks.spawn("keep alive", keep_alive());
  while (!is_over()) co_await end_.wait();
  stream_.close();
  tasks.cancel_all();
  co_await tasks.join();
  if (failure_) co_return *failure_;
  co_return result<void>{};
}

void client_connection::finish() {
  if (!machine_.ready()) return end();
  finish_by_ = clock::now() + limits::quit_wait;
  outgoing_.notify_all();
  end_.notify_all();
}

void client_connection::fail(error why) {
  if (!is_over()) failure_ = std::move(why);
  end();
}

void client_connection::end() {
  over_ = true;
  end_.notify_all();
  outgoing_.notify_all();
}

net::awaitable<void> client_connection::read() {
  std::vector<std::byte> buffer(limits::input_chunk);
  line_splitter lines;
  lines.become(framing::structured);
  while (!is_over()) {
    const bool goes_on = co_await wait_for_observer();
    if (!goes_on) co_return;
    const bool welcomed = machine_.welcomed();
    stream_.set_deadline(welcomed ? clock::now() + settings_.silence : connected_at_ + settings_.welcome_wait);
    const result<std::size_t> got = co_await stream_.read_some(buffer);
    if (!got) co_return fail(explain(got.error(), held_));
    heard_at_ = clock::now();
    lines.feed(as_text(byte_view{buffer}.first(*got)));
    while (!is_over()) {
      const std::optional<std::string_view> line = lines.next_line();
      if (!line) break;
      if (const result<void> good = hear(*line); !good) co_return fail(good.error());
      const bool still = co_await wait_for_observer();
      if (!still) co_return;
    }
    if (lines.overflowed()) {
      const error too_long{errc::protocol_violation, "the server broke the protocol: it said a line that is too long"};
      co_return fail(machine_.welcomed() ? too_long : no_server_of_ours(lines.held()));
    }
    if (machine_.welcomed()) continue;
    held_ = lines.held();
    if (!held_.empty() && held_.front() != '{') co_return fail(no_server_of_ours(held_).in(stream_.peer().text));
  }
}

net::awaitable<bool> client_connection::wait_for_observer() {
  while (!is_over() && observer_.is_overloaded()) {
    paused_ = true;
    stream_.clear_deadline();
    co_await observer_.when_ready();
  }
  paused_ = false;
  co_return !is_over();
}

result<void> client_connection::hear(std::string_view line) {
  const result<void> good = machine_.on_line(line);
  if (machine_.welcomed() && !std::exchange(welcomed_, true)) observer_.on_connected(stream_.peer().text);
  tell();
  if (!good) return good.error().in(stream_.peer().text);
  if (machine_.finished()) end();
  outgoing_.notify_all();
  return {};
}

void client_connection::tell() {
  const std::vector<told> all = machine_.take_news();
  for (const told& one : all) observer_.on_told(one);
  if (!all.empty()) told_.notify_all();
}

net::awaitable<void> client_connection::write() {
  std::string out;
  while (!is_over()) {
    for (const tagged_request& one : machine_.take_requests()) append_line(out, one.what, one.tag);
    if (out.empty()) {
      co_await outgoing_.wait();
      continue;
    }
    const result<void> written = co_await stream_.write(as_bytes(out));
    if (!written) co_return fail(explain(written.error(), held_));
    wrote_at_ = clock::now();
    out.clear();
  }
}

// A ping after a silence of either side: of the server, to find out whether it is there; of this one, which may be kept
// from reading the server's own pings. And an end to a server that says much, but not what it was asked.
net::awaitable<void> client_connection::keep_alive() {
  std::uint64_t progress = machine_.progress();
  auto moved_at = clock::now();
  while (!is_over()) {
    const auto now = clock::now();
    if (finish_by_ && now >= *finish_by_) co_return end();
    const bool is_waiting = !paused_ && (machine_.unanswered() > 0 || !machine_.ready());
    if (!is_waiting || std::exchange(progress, machine_.progress()) != machine_.progress()) moved_at = now;
    if (now - moved_at >= settings_.silence) {
      const std::string text = stream_.peer().text + " did not answer for " + format_duration(settings_.silence);
      co_return fail(error{errc::timed_out, text});
    }
    auto next_ping = std::min(heard_at_, wrote_at_) + settings_.ping_interval;
    if (next_ping <= now) {
      machine_.ping();
      outgoing_.notify_all();
      next_ping = now + settings_.ping_interval;
    }
    const auto next_look = std::min<clock::time_point>(next_ping, now + settings_.silence / 4);
    (void)co_await end_.wait_until(finish_by_ ? std::min(*finish_by_, next_look) : next_look);
  }
}

error client_connection::explain(const error& why, std::string_view held) const {
  const std::string peer = stream_.peer().text;
  const bool is_late = why.code() == errc::timed_out;
  const bool is_closed = why.code() == errc::end_of_stream;
  if (machine_.welcomed()) {
    if (is_late) return error{errc::timed_out, peer + " said nothing for " + format_duration(settings_.silence)};
    if (is_closed) return error{errc::connection_lost, "connection closed by " + peer};
    return why;
  }
  if (!held.empty()) return no_server_of_ours(held).in(peer);
  if (why.code() == errc::refused) return why;
  const std::string start = peer + (is_late ? " said nothing for " + format_duration(settings_.welcome_wait)
                                            : " closed the connection before it said anything");
  return error{is_late ? errc::timed_out : errc::connection_lost, start + std::string{is_it_one}};
}

}  // namespace tcptools::chat
