// One end of a native connection that says what it is told to.
#pragma once

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "tcptools/net/stream.hpp"
#include "tcptools/transfer/frame_reader.hpp"
#include "tcptools/transfer/protocol.hpp"

namespace tcptools::testing {

inline transfer::session_id session_number(int number) {
  transfer::session_id id{};
  id.back() = static_cast<std::byte>(number + 1);
  return id;
}

// All waits end within its patience.
class raw_sender {
 public:
  explicit raw_sender(std::shared_ptr<net::stream> connection)
      : stream_{std::move(connection)}, reader_{std::make_unique<transfer::frame_reader>(*stream_, byte_view{})} {
    stream_->set_deadline(net::stream::clock::now() + std::chrono::seconds{20});
  }

  [[nodiscard]] net::stream& stream() { return *stream_; }

  // Preface and HELLO.
  net::awaitable<void> greet(transfer::session_id id, std::uint8_t connections = 0) {
    co_await begin(transfer::frames::hello{1, 1, id, connections});
  }
  // Preface and whatever else is to come first.
  net::awaitable<void> begin(transfer::frame first) {
    byte_buffer bytes{transfer::preface().begin(), transfer::preface().end()};
    transfer::encode(first, bytes);
    (void)co_await stream_->write(bytes);
  }
  net::awaitable<void> say(transfer::frame value) {
    byte_buffer bytes;
    transfer::encode(value, bytes);
    (void)co_await stream_->write(bytes);
  }
  net::awaitable<void> say_text(std::string text) { (void)co_await stream_->write(as_bytes(text)); }

  // The next frame, if it is one of these.
  template <class Frame>
  net::awaitable<std::optional<Frame>> hear() {
    result<transfer::received_frame> got = co_await reader_->next();
    if (!got || !std::holds_alternative<Frame>(got->value)) co_return std::nullopt;
    co_return std::get<Frame>(std::move(got->value));
  }
  net::awaitable<std::optional<transfer::frame>> hear_any() {
    result<transfer::received_frame> got = co_await reader_->next();
    if (!got) co_return std::nullopt;
    co_return std::move(got->value);
  }
  net::awaitable<void> hear_preface() { (void)co_await reader_->take(transfer::preface().size()); }
  net::awaitable<bool> hear_welcome() {
    const std::optional<transfer::frames::welcome> said = co_await hear<transfer::frames::welcome>();
    co_return said.has_value();
  }
  // The code of the next ERROR, whatever comes before it.
  net::awaitable<std::optional<transfer::wire_code>> hear_error() {
    for (;;) {
      const result<transfer::received_frame> got = co_await reader_->next();
      if (!got) co_return std::nullopt;
      if (const auto* said = std::get_if<transfer::frames::error>(&got->value)) co_return said->code;
    }
  }
  // Nothing more comes.
  net::awaitable<bool> hear_end() {
    const result<transfer::received_frame> got = co_await reader_->next();
    co_return !got && got.error().code() != errc::timed_out;
  }
  net::awaitable<std::string> hear_text() {
    std::array<std::byte, 64> bytes{};
    const result<std::size_t> got = co_await stream_->read_some(bytes);
    co_return got ? std::string{as_text(byte_view{bytes}.first(*got))} : std::string{};
  }

 private:
  std::shared_ptr<net::stream> stream_;
  std::unique_ptr<transfer::frame_reader> reader_;
};

}  // namespace tcptools::testing
