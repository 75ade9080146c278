#include "tcptools/transfer/stream_reader.hpp"

#include <algorithm>
#include <utility>

#include "tcptools/transfer/limits.hpp"

namespace tcptools::transfer {

stream_reader::stream_reader(source& from, source_item item, std::size_t block_size)
    : source_{from}, item_{std::move(item)}, block_(block_size), handed_out_at_{std::chrono::steady_clock::now()} {}

result<stream_reader::step> stream_reader::read(std::chrono::milliseconds patience,
                                                std::chrono::milliseconds flush_after) {
  if (!input_) {
    result<std::unique_ptr<source_stream>> opened = source_.open_stream(item_);
    if (!opened) return opened.error();
    input_ = std::move(*opened);
  }
  if (index_ >= limits::blocks_per_file) return error{errc::too_large, "more input than one file can hold"};
  const auto until = std::chrono::steady_clock::now() + patience;
  step out;
  while (filled_ < block_.size() && !out.ended) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    if (left <= std::chrono::milliseconds::zero()) break;
    const result<std::optional<std::size_t>> got = input_->read_some(std::span{block_}.subspan(filled_), left);
    if (!got) return got.error();
    if (!*got) break;
    filled_ += **got;
    out.ended = **got == 0;
  }
  const auto now = std::chrono::steady_clock::now();
  out.size = index_ * block_.size() + filled_;
  const bool full = filled_ == block_.size();
  const bool due = full || out.ended || now - handed_out_at_ >= flush_after;
  if (due && filled_ > handed_out_) {
    const byte_view content = byte_view{block_}.first(filled_);
    out.ready = step::block{index_, digest_of(content), {content.begin(), content.end()}, filled_ - handed_out_};
    handed_out_ = filled_;
    handed_out_at_ = now;
  }
  if (full) {
    ++index_;
    filled_ = handed_out_ = 0;
  }
  return out;
}

}  // namespace tcptools::transfer
