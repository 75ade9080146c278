// The receivers of one thread: what they got, and how far they are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "flow.hpp"
#include "measures.hpp"
#include "readers.hpp"

namespace tcptools::bench {

class receiving final : private readers::listener {
 public:
  // The messages are 0 .. messages - 1. `language` and `texts` must outlive this.
  receiving(std::vector<session> sessions, const dialect& language, const payload& texts, std::uint32_t messages);

  // Blocks until all that are connected have got the last message, or nothing was sent or received for `patience`, or
  // the run is over; then reads on for a moment, for duplicates. Says in `bounds`, as `thread`, how far it is.
  void run(flow& bounds, std::size_t thread, nanoseconds patience);

  // One for each receiver.
  [[nodiscard]] const std::vector<sequence_tally>& tallies() const noexcept { return tallies_; }
  // In nanoseconds, from when a message was due to when it had been read.
  [[nodiscard]] const histogram& latencies() const noexcept { return latencies_; }
  [[nodiscard]] std::uint64_t wrong_size() const noexcept { return wrong_size_; }
  [[nodiscard]] std::size_t disconnected() const noexcept { return disconnected_; }
  [[nodiscard]] const std::string& last_words() const noexcept { return from_.last_words(); }
  // When the last message came; 0 if none did.
  [[nodiscard]] nanoseconds last_heard() const noexcept { return last_heard_; }

 private:
  void heard(std::size_t which, nanoseconds when, const findings& found) override;
  void ended(std::size_t which) override;
  void find_floor();

  std::uint32_t messages_;
  std::vector<sequence_tally> tallies_;
  std::vector<std::uint32_t> receivers_at_;  // how many that are connected wait for each message
  std::uint32_t floor_ = 0;                  // the first that one of them waits for
  readers from_;
  histogram latencies_;
  std::uint64_t wrong_size_ = 0;
  std::size_t disconnected_ = 0;
  nanoseconds last_heard_ = 0;
};

}  // namespace tcptools::bench
