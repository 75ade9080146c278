#include "tls_session.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "tcptools/net/record_cutter.hpp"

namespace tcptools::net {
namespace {

// Records are gathered up to this and sent with one system call.
constexpr std::size_t enough_to_send = 128U << 10U;
constexpr std::size_t record_overhead = 64;
// What one write takes before others have a turn.
constexpr std::size_t most_per_write = 4U << 20U;

// Before anybody has proved anything: a ClientHello takes some hundred bytes, a few thousand with post-quantum key
// shares; certificates are bounded by the context. Read-ahead may bring content along with the last of a handshake.
constexpr std::uint32_t longest_hello = 16U << 10U;
constexpr std::uint32_t most_in_handshake = 256U << 10U;

// Of messages of TLS' own, such as key updates, each of which costs work and brings no content: so many, and one more
// for so much content.
constexpr std::uint64_t free_messages = 64;
constexpr std::uint64_t content_per_message = 256U << 10U;

constexpr std::byte alert_record{0x15};
constexpr std::byte handshake_record{0x16};

// What OpenSSL gives out within one call of this file; empty before and after it, so that one for each thread will do.
thread_local byte_buffer gathered;
thread_local record_cutter::scratch cutting_room;

}  // namespace

// How OpenSSL sees the stream.
struct tls_session::transport {
  static tls_session& session(BIO* bio) { return *static_cast<tls_session*>(BIO_get_data(bio)); }

  static int read(BIO* bio, char* into, int size) noexcept {
    BIO_clear_retry_flags(bio);
    tls_session& self = session(bio);
    const std::span<std::byte> room{reinterpret_cast<std::byte*>(into), static_cast<std::size_t>(size)};
    const result<std::size_t> got = self.over_->try_read(room);
    if (!got) {
      self.of_network_ = got.error();
      return -1;
    }
    if (*got == 0) {
      self.is_starved_ = true;
      BIO_set_retry_read(bio);
      return -1;
    }
    if (!self.is_handshake_over_ && !self.inspect(room.first(*got))) return -1;
    return static_cast<int>(*got);
  }

  static int write(BIO* bio, const char* from, int size) noexcept {
    BIO_clear_retry_flags(bio);
    byte_buffer& to = session(bio).unsent_.empty() ? gathered : session(bio).unsent_;
    const auto* const bytes = reinterpret_cast<const std::byte*>(from);
    to.insert(to.end(), bytes, bytes + size);
    return size;
  }

  static long control(BIO* /*bio*/, int what, long /*number*/, void* /*pointer*/) noexcept {
    return what == BIO_CTRL_FLUSH ? 1 : 0;
  }

  static const BIO_METHOD* method() {
    static const BIO_METHOD* const made = [] {
      BIO_METHOD* const fresh = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");
      if (fresh == nullptr) throw std::bad_alloc{};
      BIO_meth_set_read(fresh, &read);
      BIO_meth_set_write(fresh, &write);
      BIO_meth_set_ctrl(fresh, &control);
      return fresh;
    }();
    return made;
  }

  // Ends an OpenSSL at work on a flood: having "seen the end", it stops at the next record.
  static void count(int is_ours, int /*version*/, int type, const void* /*bytes*/, std::size_t /*size*/, SSL* ssl,
                    void* session) noexcept {
    if (is_ours != 0 || (type != SSL3_RT_HANDSHAKE && type != SSL3_RT_ALERT)) return;
    auto& self = *static_cast<tls_session*>(session);
    if (++self.messages_ > self.most_messages()) SSL_set_shutdown(ssl, SSL_get_shutdown(ssl) | SSL_RECEIVED_SHUTDOWN);
  }
};

void tls_session::free_ssl::operator()(ssl_st* ssl) const noexcept { SSL_free(ssl); }

tls_session::tls_session(std::shared_ptr<tcp_stream> over, ssl_ctx_st* context, std::uint64_t records_per_key)
    : over_{std::move(over)}, ssl_{SSL_new(context)}, records_per_key_{records_per_key} {
  BIO* const bio = ssl_ ? BIO_new(transport::method()) : nullptr;
  if (bio == nullptr) throw std::bad_alloc{};
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_msg_callback(ssl_.get(), &transport::count);
  SSL_set_msg_callback_arg(ssl_.get(), this);
  gathered.reserve(enough_to_send + record_cutter::longest_record + record_overhead);
}

tls_session::~tls_session() = default;

std::uint64_t tls_session::most_messages() const noexcept { return free_messages + bytes_read_ / content_per_message; }

// The first record must begin with a message of a sensible size: OpenSSL would reserve 128 KiB on a stranger's word.
bool tls_session::inspect(byte_view arrived) {
  const auto refuse = [this](tls_failure::kind why) {
    failure_ = tls_failure{why, std::nullopt, 0};
    return false;
  };
  for (std::size_t i = 0; i < arrived.size() && arrived_ + i < head_.size(); ++i) head_[arrived_ + i] = arrived[i];
  arrived_ += static_cast<std::uint32_t>(arrived.size());
  const bool is_server = SSL_is_server(ssl_.get()) == 1;
  if (head_[0] != handshake_record && (is_server || head_[0] != alert_record)) {
    return refuse(tls_failure::kind::no_tls);
  }
  if (arrived_ > most_in_handshake) return refuse(tls_failure::kind::too_large);
  if (head_[0] != handshake_record || arrived_ < head_.size()) return true;
  byte_reader length{byte_view{head_}.subspan(5)};
  const std::uint32_t hello = length.u32() & 0xFFFFFFU;  // type and length
  return hello <= longest_hello || refuse(tls_failure::kind::too_large);
}

result<void> tls_session::settle() {
  const byte_view records{gathered};
  if (records.empty()) return {};
  const result<std::size_t> sent = over_->try_write({&records, 1});
  // A deadline that has passed just now may be moved, and then these must go before others: records are numbered.
  const bool is_late = !sent && sent.error().code() == errc::timed_out;
  if (sent || is_late) {
    const byte_view rest = records.subspan(is_late ? 0 : *sent);
    unsent_.assign(rest.begin(), rest.end());
    begun_ = 0;
  }
  gathered.clear();
  if (!sent && !is_late) return sent.error();
  return {};
}

result<void> tls_session::flush() {
  while (unsent() > 0) {
    const byte_view records = byte_view{unsent_}.subspan(begun_);
    const result<std::size_t> sent = over_->try_write({&records, 1});
    if (!sent) return sent.error();
    if (*sent == 0) return {};
    begun_ += *sent;
  }
  forget_unsent();
  return {};
}

void tls_session::forget_unsent() noexcept {
  unsent_ = {};
  begun_ = 0;
}

void tls_session::fail(int outcome) {
  if (failure_) return;
  const unsigned long first = ERR_peek_error();
  if (of_network_) {
    failure_ = tls_failure{tls_failure::kind::network, of_network_, 0};
  } else if (outcome == SSL_ERROR_SSL && first != 0) {
    failure_ = tls_failure{tls_failure::kind::tls, std::nullopt, ERR_GET_REASON(first)};
  } else {
    failure_ = tls_failure{tls_failure::kind::tls, std::nullopt, SSL_R_BAD_RECORD_TYPE};
  }
  ERR_clear_error();
}

bool tls_session::shake_hands() {
  if (const result<void> flushed = flush(); !flushed) {
    failure_ = tls_failure{tls_failure::kind::network, flushed.error(), 0};
    return false;
  }
  is_starved_ = false;
  ERR_clear_error();
  const int done = SSL_do_handshake(ssl_.get());
  if (done != 1) {
    const int outcome = SSL_get_error(ssl_.get(), done);
    if (outcome != SSL_ERROR_WANT_READ) fail(outcome);
  }
  // An alert to a peer that is gone is no second failure.
  const result<void> settled = settle();
  if (!settled && !failure_) failure_ = tls_failure{tls_failure::kind::network, settled.error(), 0};
  if (done != 1 || failure_) return false;
  is_handshake_over_ = true;
  is_starved_ = false;  // content may have come with it
  return true;
}

result<void> tls_session::check_usable() const {
  if (result<void> usable = over_->check_usable(); !usable) return usable;
  if (failure_) return explain_session(*failure_, over_->peer().text);
  return {};
}

result<std::size_t> tls_session::read(std::span<std::byte> into) {
  if (const result<void> usable = check_usable(); !usable) return usable.error();
  std::size_t filled = 0;
  is_starved_ = false;
  while (filled < into.size() && !is_starved_ && !is_at_end_ && !failure_) {
    ERR_clear_error();
    std::size_t got = 0;
    if (const int done = SSL_read_ex(ssl_.get(), into.data() + filled, into.size() - filled, &got); done != 1) {
      const int outcome = SSL_get_error(ssl_.get(), done);
      if (of_network_ && of_network_->code() == errc::timed_out) break;  // just now: the next call will say so
      is_at_end_ = outcome == SSL_ERROR_ZERO_RETURN;
      if (messages_ > most_messages()) {
        failure_ = tls_failure{tls_failure::kind::too_large, std::nullopt, 0};
      } else if (!is_at_end_ && outcome != SSL_ERROR_WANT_READ) {
        fail(outcome);
      }
    }
    filled += got;
    bytes_read_ += got;
  }
  of_network_.reset();
  does_writing_need_input_ = false;
  (void)settle();  // answers to key updates, and alerts: whether they can be sent is nothing to a reader
  if (filled > 0) return filled;
  if (const result<void> usable = check_usable(); !usable) return usable.error();
  if (is_at_end_) return error{errc::end_of_stream, "connection closed by " + over_->peer().text};
  return std::size_t{0};
}

result<std::size_t> tls_session::write(std::span<const byte_view> pieces) {
  if (const result<void> usable = check_usable(); !usable) return usable.error();
  if (has_ended_) return error{errc::connection_lost, "connection to " + over_->peer().text + " lost: Broken pipe"};
  if (const result<void> flushed = flush(); !flushed) return flushed.error();
  std::size_t taken = 0;
  record_cutter cutter{pieces, cutting_room};
  while (!cutter.is_done() && unsent() == 0 && taken < most_per_write) {
    if (records_ >= records_per_key_ && SSL_version(ssl_.get()) == TLS1_3_VERSION) {
      SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_NOT_REQUESTED);  // goes out before the next record
      records_ = 0;
    }
    const byte_view record = cutter.next();
    ERR_clear_error();
    std::size_t written = 0;
    if (const int done = SSL_write_ex(ssl_.get(), record.data(), record.size(), &written); done != 1) {
      const int outcome = SSL_get_error(ssl_.get(), done);
      does_writing_need_input_ = outcome == SSL_ERROR_WANT_READ;
      if (!does_writing_need_input_) fail(outcome);
      break;
    }
    ++records_;
    taken += written;
    if (gathered.size() < enough_to_send) continue;
    if (const result<void> settled = settle(); !settled) return settled.error();
  }
  bytes_written_ += taken;
  if (const result<void> settled = settle(); !settled) return settled.error();
  if (failure_) return explain_session(*failure_, over_->peer().text);
  return taken;
}

result<void> tls_session::end() {
  if (const result<void> usable = check_usable(); !usable) return usable;
  if (!is_handshake_over_ || std::exchange(has_ended_, true)) return {};
  ERR_clear_error();
  (void)SSL_shutdown(ssl_.get());
  return settle();
}

}  // namespace tcptools::net
