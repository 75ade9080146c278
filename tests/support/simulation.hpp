// A whole sending run without sockets: the machines of both sides, joined by two rows of bytes through the real codec,
// working on a source and a store in memory. Which side moves, and how many bytes arrive at a time, is left to chance;
// hazards say what goes wrong. The same seed gives the same run.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/simulated_receiver.hpp"
#include "support/simulated_sender.hpp"

namespace tcptools::testing {

struct hazards {
  // One bit of a byte of the first connection.
  struct flip {
    bool in_answers = false;
    std::uint64_t at = 0;
    unsigned bit = 0;
  };

  unsigned cuts = 0;                               // how often the connection is lost at some moment
  std::optional<std::uint64_t> cut_after_words;    // the first connection is lost when so many bytes have arrived
  std::optional<std::uint64_t> cut_after_answers;  // likewise, of the other direction
  std::optional<flip> flipped;
  std::optional<std::size_t> changed_source;  // the token of a file that changes at some moment
  bool kept_blocks_spoil = false;             // between two connections
  bool compresses = false;                    // the sender, some blocks
  bool quick_check = false;                   // the sender offers by time
};

class simulation {
 public:
  simulation(memory_source& from, memory_store& to, std::uint64_t seed, hazards what = {})
      : source_{from}, store_{to}, dice_{seed}, hazards_{what} {}

  // Runs until every entry has an outcome. Throws where both sides wait for one another, where one of them breaks the
  // rules without being provoked, or where there is no end to it.
  void run(transfer::receive_machine::settings settings = {});

  // By token. Whoever has other than one outcome was lost or told twice.
  [[nodiscard]] const std::vector<std::vector<transfer::send_outcome>>& outcomes() const noexcept { return outcomes_; }
  [[nodiscard]] unsigned connections() const noexcept { return connections_; }
  // Bytes that arrived, over all connections.
  [[nodiscard]] std::uint64_t words() const noexcept { return all_words_; }
  [[nodiscard]] std::uint64_t answers() const noexcept { return all_answers_; }
  // Bytes that had arrived at a receiver whose process died, and that it had not yet stored.
  [[nodiscard]] std::uint64_t lost_bytes() const noexcept { return lost_bytes_; }

 private:
  enum class ending { done, lost };

  static constexpr unsigned most_steps = 2'000'000;
  static constexpr unsigned most_connections = 20;

  [[nodiscard]] ending run_connection(transfer::receive_machine::settings settings);
  // Moves some bytes of one direction. False if the receiving side breaks off.
  [[nodiscard]] bool carry_words(simulated_sender& sender, simulated_receiver& receiver);
  [[nodiscard]] bool carry_answers(simulated_sender& sender, simulated_receiver& receiver);
  [[nodiscard]] byte_buffer take(byte_queue& from, std::uint64_t& arrived, bool answers);
  [[nodiscard]] bool judge(const result<void>& received, const char* whose);
  [[nodiscard]] bool is_cut_here() const;

  memory_source& source_;
  memory_store& store_;
  dice dice_;
  hazards hazards_;
  std::deque<transfer::send_item> queue_;
  std::vector<std::vector<transfer::send_outcome>> outcomes_;
  unsigned connections_ = 0;
  unsigned steps_ = 0;
  std::uint64_t words_ = 0;  // on this connection
  std::uint64_t answers_ = 0;
  std::uint64_t all_words_ = 0;
  std::uint64_t all_answers_ = 0;
  std::uint64_t lost_bytes_ = 0;
};

inline void simulation::run(transfer::receive_machine::settings settings) {
  outcomes_.resize(source_.size());
  for (transfer::source_item& item : source_.next(source_.size()).items)
    queue_.push_back({std::move(item), nullptr, false});
  while (run_connection(settings) == ending::lost) {
    if (connections_ == most_connections) throw std::logic_error{"no end of connections"};
    if (hazards_.kept_blocks_spoil) store_.spoil_kept_blocks();
  }
  if (!queue_.empty()) throw std::logic_error{"something was never offered"};
}

inline simulation::ending simulation::run_connection(transfer::receive_machine::settings settings) {
  ++connections_;
  words_ = answers_ = 0;
  simulated_sender sender{source_, queue_, dice_, hazards_.compresses, hazards_.quick_check};
  simulated_receiver receiver{store_, settings};
  bool lost = false;
  const std::uint64_t cut_chance = dice_.one_in(2) ? 1000 : 50;
  while (!lost && !sender.finished()) {
    if (++steps_ > most_steps) throw std::logic_error{"no end of steps"};
    const bool words = sender.words.size() > 0 && receiver.listens();
    const bool answers = receiver.answers.size() > 0;
    if (!words && !answers && !sender.has_work() && !receiver.has_work()) {
      if (!hazards_.flipped) throw std::logic_error{"both sides wait for one another"};
      lost = true;  // a flipped length makes its reader wait until it loses its patience
      break;
    }
    switch (dice_.below(5)) {
      case 0:
        lost = words && !carry_words(sender, receiver);
        break;
      case 1:
        lost = answers && !carry_answers(sender, receiver);
        break;
      case 2:
        if (sender.has_work()) sender.work();
        break;
      case 3:
        if (receiver.has_work()) receiver.work();
        break;
      default:
        if (dice_.one_in(20)) receiver.tick();
        if (hazards_.changed_source && dice_.one_in(20)) {
          const std::size_t token = *std::exchange(hazards_.changed_source, std::nullopt);
          if (!source_.content(token).empty()) source_.change(token, dice_.below(source_.content(token).size()));
        }
        break;
    }
    if (hazards_.cuts > 0 && dice_.one_in(cut_chance)) {
      --hazards_.cuts;
      lost = true;
    }
    lost = lost || is_cut_here();
  }

  // Some of what was under way may still arrive.
  if (lost && !hazards_.flipped && sender.words.size() > 0 && dice_.one_in(2) && !is_cut_here()) {
    (void)receiver.receive(sender.words.take(dice_.up_to(sender.words.size())));
  }
  const bool process_lives = dice_.one_in(2);
  if (!process_lives) lost_bytes_ += receiver.machine().waiting_bytes();
  receiver.end(process_lives);
  std::vector<transfer::send_item> left = sender.end();
  queue_.insert(queue_.begin(), std::make_move_iterator(left.begin()), std::make_move_iterator(left.end()));
  for (transfer::send_outcome& one : sender.outcomes) outcomes_.at(one.what.token).push_back(std::move(one));
  if (connections_ == 1) hazards_.cut_after_words = hazards_.cut_after_answers = std::nullopt;
  if (lost) hazards_.flipped.reset();
  return lost ? ending::lost : ending::done;
}

inline bool simulation::is_cut_here() const {
  return (hazards_.cut_after_words && words_ >= *hazards_.cut_after_words) ||
         (hazards_.cut_after_answers && answers_ >= *hazards_.cut_after_answers);
}

inline byte_buffer simulation::take(byte_queue& from, std::uint64_t& arrived, bool answers) {
  std::size_t count = dice_.up_to(from.size());
  const auto& cut = answers ? hazards_.cut_after_answers : hazards_.cut_after_words;
  if (cut) count = static_cast<std::size_t>(std::min<std::uint64_t>(count, *cut - arrived));
  byte_buffer piece = from.take(count);
  const auto& flip = hazards_.flipped;
  if (flip && flip->in_answers == answers && flip->at >= arrived && flip->at - arrived < piece.size()) {
    piece[static_cast<std::size_t>(flip->at - arrived)] ^= static_cast<std::byte>(1U << flip->bit);
  }
  arrived += count;
  (answers ? all_answers_ : all_words_) += count;
  return piece;
}

inline bool simulation::carry_words(simulated_sender& sender, simulated_receiver& receiver) {
  return judge(receiver.receive(take(sender.words, words_, false)), "sender");
}

inline bool simulation::carry_answers(simulated_sender& sender, simulated_receiver& receiver) {
  return judge(sender.receive(take(receiver.answers, answers_, true)), "receiver");
}

inline bool simulation::judge(const result<void>& received, const char* whose) {
  if (received) return true;
  if (!hazards_.flipped)
    throw std::logic_error{std::string{"the "} + whose + " broke the rules: " + received.error().text()};
  return false;
}

}  // namespace tcptools::testing
