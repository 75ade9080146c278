// What is counted: latencies, and which messages arrived how often.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <numeric>

namespace tcptools::bench {

// Counts of values in buckets that are less than 1% wide, as HdrHistogram has them: 128 for each power of two.
class histogram {
 public:
  void add(std::uint64_t value) noexcept {
    ++counts_[bucket(value)];
    largest_ = std::max(largest_, value);
  }

  void merge(const histogram& other) noexcept {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    largest_ = std::max(largest_, other.largest_);
  }

  [[nodiscard]] std::uint64_t largest() const noexcept { return largest_; }

  // The largest value of the bucket that holds the one below which `percent` of all are; 0 if there are none.
  [[nodiscard]] std::uint64_t percentile(double percent) const noexcept {
    const auto total = static_cast<double>(std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0}));
    const auto wanted = static_cast<std::uint64_t>(std::ceil(total * percent / 100.0));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen >= wanted && seen > 0) return std::min(largest_in(i), largest_);
    }
    return largest_;
  }

 private:
  static constexpr unsigned bits = 7;

  [[nodiscard]] static std::size_t bucket(std::uint64_t value) noexcept {
    const auto width = static_cast<unsigned>(std::bit_width(value));
    const unsigned shift = width > bits + 1 ? width - (bits + 1) : 0;
    return (std::size_t{shift} << bits) + (value >> shift);
  }
  [[nodiscard]] static std::uint64_t largest_in(std::size_t bucket) noexcept {
    const std::size_t shift = bucket < (std::size_t{2} << bits) ? 0 : (bucket >> bits) - 1;
    const std::uint64_t first = bucket - (shift << bits);
    return ((first + 1) << shift) - 1;
  }

  std::array<std::uint64_t, (64 - bits + 1) << bits> counts_{};
  std::uint64_t largest_ = 0;
};

// Which of the messages 0, 1, 2, ... one receiver has got.
class sequence_tally {
 public:
  // False if it was there already.
  bool add(std::uint32_t sequence) {
    if (sequence == next_) {
      ++next_;
      ++received_;
      return true;
    }
    return add_out_of_order(sequence);
  }

  // One more than the highest that arrived.
  [[nodiscard]] std::uint32_t next() const noexcept { return next_; }
  [[nodiscard]] std::uint64_t received() const noexcept { return received_; }
  [[nodiscard]] std::uint64_t duplicated() const noexcept { return duplicated_; }
  [[nodiscard]] std::uint64_t reordered() const noexcept { return reordered_; }

 private:
  bool add_out_of_order(std::uint32_t sequence) {
    if (sequence > next_) {
      missing_.emplace(next_, sequence);
      next_ = sequence + 1;
      ++received_;
      return true;
    }
    auto gap = missing_.upper_bound(sequence);
    if (gap != missing_.begin()) --gap;
    if (gap == missing_.end() || sequence < gap->first || sequence >= gap->second) {
      ++duplicated_;
      return false;
    }
    const auto [first, end] = *gap;
    missing_.erase(gap);
    if (first < sequence) missing_.emplace(first, sequence);
    if (sequence + 1 < end) missing_.emplace(sequence + 1, end);
    ++received_;
    ++reordered_;
    return true;
  }

  std::uint32_t next_ = 0;
  std::uint64_t received_ = 0;
  std::uint64_t duplicated_ = 0;
  std::uint64_t reordered_ = 0;
  std::map<std::uint32_t, std::uint32_t> missing_;  // below next_: from the first to before the second
};

}  // namespace tcptools::bench
