#include "tcptools/transfer/compression_choice.hpp"

#include <utility>

namespace tcptools::transfer {
namespace {

constexpr unsigned most_misses = 4;
constexpr unsigned pieces_between_looks = 64;
constexpr std::size_t least_gain_divisor = 8;  // an eighth of what was tried
// The connection must be slower by this: with less, what is saved is hardly worth the work on both sides.
constexpr double least_slowness = 1.5;
constexpr double remembered_bytes = 8U << 20U;

}  // namespace

void compression_choice::speed::add(std::size_t more, std::chrono::nanoseconds took) noexcept {
  bytes += static_cast<double>(more);
  seconds += std::chrono::duration<double>{took}.count();
  if (bytes >= remembered_bytes) fade();
}

void compression_choice::speed::fade() noexcept {
  bytes /= 2;
  seconds /= 2;
}

bool compression_choice::is_content_worth_it() const noexcept { return misses_ < most_misses; }

// Before anything was compressed, its speed is to be found out.
bool compression_choice::is_connection_slow() const noexcept {
  if (connection_.bytes == 0) return false;
  return connection_.seconds * compressor_.bytes >= connection_.bytes * compressor_.seconds * least_slowness;
}

compression_choice::attempt compression_choice::next(std::uint32_t entry, bool unsent) noexcept {
  if (mode_ == compression_mode::off) return attempt::none;
  if (mode_ == compression_mode::always) return attempt::whole;
  if (std::exchange(entry_, entry) != entry) is_new_ = true;
  if (!unsent) return attempt::none;
  const bool is_slow = is_connection_slow();
  if (is_slow && is_content_worth_it()) return attempt::whole;
  // What was found out before may be so no longer: of other content, or of how busy the machine is.
  const bool is_due = ++passed_by_ >= pieces_between_looks;
  if (is_due) compressor_.fade();
  return is_due || (is_slow && is_new_) ? attempt::look : attempt::none;
}

void compression_choice::on_compressed(std::size_t tried, std::size_t became, std::chrono::nanoseconds took) noexcept {
  compressor_.add(tried, took);
  is_new_ = false;
  passed_by_ = 0;
  const bool shrank = became <= tried - tried / least_gain_divisor;
  misses_ = shrank ? 0 : misses_ + 1;
}

void compression_choice::on_written(std::size_t bytes, std::chrono::nanoseconds took) noexcept {
  connection_.add(bytes, took);
}

}  // namespace tcptools::transfer
