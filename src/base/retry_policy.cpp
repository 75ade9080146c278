#include "tcptools/base/retry_policy.hpp"

#include <algorithm>

namespace tcptools {
namespace {

constexpr retry_policy::duration shortest_wait{250};
constexpr retry_policy::duration longest_wait{10'000};

}  // namespace

bool retry_policy::may_pass(errc code) noexcept {
  switch (code) {
    case errc::connect_failed:
    case errc::connection_lost:
    case errc::end_of_stream:
    case errc::timed_out:
    case errc::busy:
      return true;
    default:
      return false;
  }
}

void retry_policy::on_progress() noexcept {
  failing_since_.reset();
  next_wait_ = shortest_wait;
}

std::optional<retry_policy::duration> retry_policy::after(const error& failure, clock::time_point now,
                                                          double random) noexcept {
  if (!may_pass(failure.code())) return std::nullopt;
  if (!failing_since_) failing_since_ = now;
  const duration patience = ever_connected_ ? std::max(settings_.for_first, settings_.for_lost) : settings_.for_first;
  const auto left = std::chrono::duration_cast<duration>(*failing_since_ + patience - now);
  if (left <= duration::zero()) return std::nullopt;
  const duration wait{static_cast<duration::rep>(static_cast<double>(next_wait_.count()) * (1.0 - random / 2))};
  next_wait_ = std::min(next_wait_ * 2, longest_wait);
  return std::min(wait, left);
}

}  // namespace tcptools
