#include "tcptools/chat/line_splitter.hpp"

#include <algorithm>

#include "tcptools/chat/limits.hpp"
#include "tcptools/chat/safe_text.hpp"

namespace tcptools::chat {
namespace {

// RFC 854, "TELNET COMMAND STRUCTURE"; the smallest command is of RFC 1184.
constexpr char iac = '\xFF';
constexpr unsigned char first_command = 236;
constexpr unsigned char negotiation_end = 240;
constexpr unsigned char negotiation_begin = 250;
constexpr unsigned char first_option_command = 251;
constexpr unsigned char last_option_command = 254;

constexpr std::size_t limit_of(framing how) noexcept {
  return how == framing::plain ? limits::plain_line : limits::structured_line;
}

std::size_t without_cr(std::string_view text) noexcept { return text.size() - (text.ends_with('\r') ? 1 : 0); }

}  // namespace

void line_splitter::feed(std::string_view bytes) {
  if (overflowed_) return;
  // Room is made when half of it is free, so that no byte is moved more than once on average.
  if (begin_ > buffer_.size() / 2) {
    buffer_.erase(0, begin_);
    line_end_ -= begin_;
    begin_ = 0;
  }
  if (framing_ == framing::plain) {
    store_without_telnet(bytes);
  } else {
    store(bytes);
  }
  refuse_overlong();
}

void line_splitter::become(framing how) {
  framing_ = how;
  if (how == framing::plain) {
    overflowed_ = false;
    const std::string raw{held()};
    release();
    store_without_telnet(raw);
  }
  if (how == framing::structured && overflowed_) release();
  refuse_overlong();
}

std::optional<std::string_view> line_splitter::next_line() {
  const line next = look();
  if (next.state == progress::complete) return take(next.length, next.taken);
  refuse_overlong();
  shrink();
  return std::nullopt;
}

std::optional<std::string_view> line_splitter::take_unterminated() {
  if (has_line()) return std::nullopt;
  const std::string_view all = held();
  const std::size_t whole = all.size() - unfinished_at_end(all);
  const std::size_t length = without_cr(all.substr(0, whole));
  const std::string_view taken = take(length, whole);
  return length > 0 ? std::optional{taken} : std::nullopt;
}

std::optional<std::string_view> line_splitter::take_rest() {
  if (look().state != progress::waiting) return std::nullopt;
  const std::size_t length = without_cr(held());
  const std::string_view taken = take(length, held().size());
  return length > 0 ? std::optional{taken} : std::nullopt;
}

std::string_view line_splitter::held() const noexcept { return std::string_view{buffer_}.substr(begin_); }

bool line_splitter::has_line() const noexcept { return look().state == progress::complete; }

bool line_splitter::overflowed() const noexcept { return overflowed_ || look().state == progress::too_long; }

line_splitter::line line_splitter::look() const noexcept {
  if (overflowed_) return {progress::too_long, 0, 0};
  const std::size_t limit = limit_of(framing_);
  const bool ended = line_end_ < buffer_.size();
  const std::string_view text = held().substr(0, line_end_ - begin_);
  // A CR that is the last byte there is may belong to a line end.
  const std::size_t length = ended || text.size() == limit + 1 ? without_cr(text) : text.size();
  if (length > limit) {
    if (framing_ != framing::plain) return {progress::too_long, 0, 0};
    const std::size_t cut = cut_to(text, limit).size();
    return {progress::complete, cut, cut};
  }
  if (!ended) return {progress::waiting, 0, 0};
  return {progress::complete, length, text.size() + 1};
}

void line_splitter::store(std::string_view bytes) {
  buffer_.append(bytes);
  scan();
}

// Bytes between telnet commands are stored in runs.
void line_splitter::store_without_telnet(std::string_view bytes) {
  while (!bytes.empty()) {
    if (telnet_ != telnet::data) {
      telnet_byte(bytes.front());
      bytes.remove_prefix(1);
      continue;
    }
    const std::size_t run = std::min(bytes.find(iac), bytes.size());
    buffer_.append(bytes.substr(0, run));
    bytes.remove_prefix(run);
    if (bytes.empty()) break;
    telnet_ = telnet::command;
    bytes.remove_prefix(1);
  }
  scan();
}

// Precondition: telnet_ != telnet::data.
void line_splitter::telnet_byte(char byte) {
  const auto octet = static_cast<unsigned char>(byte);
  switch (telnet_) {
    case telnet::data:
    case telnet::option:
      telnet_ = telnet::data;
      return;
    case telnet::negotiation:
      telnet_ = byte == iac ? telnet::negotiation_command : telnet::negotiation;
      if (++negotiation_ > limits::telnet_negotiation) telnet_ = telnet::data;
      return;
    case telnet::negotiation_command:
      telnet_ = octet == negotiation_end ? telnet::data : telnet::negotiation;
      return;
    case telnet::command:
      telnet_ = telnet::data;
      if (octet >= first_option_command && octet <= last_option_command) {
        telnet_ = telnet::option;
      } else if (octet == negotiation_begin) {
        telnet_ = telnet::negotiation;
        negotiation_ = 0;
      } else if (byte == iac) {
        buffer_.push_back(iac);
      } else if (octet < first_command) {
        // No command: somebody who knows no telnet sent a byte of 255.
        buffer_.push_back(iac);
        buffer_.push_back(byte);
      }
      return;
  }
}

std::string_view line_splitter::take(std::size_t length, std::size_t taken) {
  const std::string_view text = held().substr(0, length);
  begin_ += static_cast<std::uint32_t>(taken);
  // Only a line that was cut leaves its end behind.
  if (line_end_ < begin_) {
    line_end_ = begin_;
    scan();
  }
  return text;
}

// Looks for the line end in what has been stored since it was looked for last.
void line_splitter::scan() noexcept {
  line_end_ = static_cast<std::uint32_t>(std::min(buffer_.find('\n', line_end_), buffer_.size()));
}

// Of a line that is over the limit nothing is kept, or its beginning for who may still decide otherwise.
void line_splitter::refuse_overlong() {
  if (overflowed_ || look().state != progress::too_long) return;
  overflowed_ = true;
  if (framing_ == framing::undecided) {
    buffer_.resize(begin_ + limits::structured_line);
    line_end_ = static_cast<std::uint32_t>(buffer_.size());
  } else {
    release();
  }
}

// The beginning of a line that may be long in coming does not keep the memory of a long read.
void line_splitter::shrink() {
  const std::string_view kept = held();
  if (kept.size() > buffer_.capacity() / 4) return;
  std::string smaller{kept};
  line_end_ -= begin_;
  begin_ = 0;
  smaller.swap(buffer_);
}

void line_splitter::release() {
  std::string{}.swap(buffer_);  // an assignment would keep the memory
  begin_ = 0;
  line_end_ = 0;
}

}  // namespace tcptools::chat
