// A receiver's end of a simulated connection: what native_receiver does, one small step at a time.
#pragma once

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

#include "support/memory_store.hpp"
#include "support/simulated_wire.hpp"
#include "tcptools/transfer/job_runner.hpp"
#include "tcptools/transfer/receive_machine.hpp"

namespace tcptools::testing {

class simulated_receiver {
 public:
  explicit simulated_receiver(memory_store& where, transfer::receive_machine::settings chosen = {})
      : machine_{with_size_of(where, chosen)}, runner_{where} {}

  byte_queue answers;

  // It takes bytes only while little waits to be stored and to be sent.
  [[nodiscard]] bool listens() const {
    return !machine_.finished() && machine_.waiting_bytes() <= transfer::limits::unstored_bytes &&
           answers.size() <= transfer::limits::unsent_answers;
  }
  // What arrived; fails with what the machine fails with.
  [[nodiscard]] result<void> receive(byte_view bytes);

  [[nodiscard]] bool has_work() const { return !results_.empty() || machine_.has_jobs(); }
  // Carries out jobs, or tells the machine of their results.
  void work();
  void tick() {
    machine_.on_tick();
    speak();
  }
  // The connection is gone. What was received is stored, or the whole process is gone as well.
  void end(bool process_lives);

  [[nodiscard]] bool finished() const { return machine_.finished(); }
  [[nodiscard]] transfer::receive_machine& machine() noexcept { return machine_; }

 private:
  static transfer::receive_machine::settings with_size_of(const memory_store& where,
                                                          transfer::receive_machine::settings chosen) {
    chosen.largest_file = where.largest_file();
    return chosen;
  }
  void speak() { answers.put(machine_.take_answers()); }

  transfer::receive_machine machine_;
  transfer::job_runner runner_;
  byte_queue unread_;
  bool preface_read_ = false;
  std::vector<transfer::job_result> results_;
};

inline result<void> simulated_receiver::receive(byte_view bytes) {
  unread_.put(bytes);
  const byte_view start = transfer::preface();
  if (!preface_read_) {
    if (unread_.size() < start.size()) return {};
    const byte_buffer said = unread_.take(start.size());
    if (!std::equal(start.begin(), start.end(), said.begin()))
      return error{errc::protocol_violation, "a wrong preface"};
    preface_read_ = true;
  }
  for (;;) {
    const auto step = transfer::decode(unread_.unread());
    if (!step) return step.error();
    if (!step->value) return {};
    // Decoded again, where it will stay: the machine keeps views.
    const auto memory = std::make_shared<const byte_buffer>(unread_.take(step->size));
    const result<void> good = machine_.on_frame(*transfer::decode(*memory)->value, memory);
    if (!good) return good;
    speak();
  }
}

inline void simulated_receiver::work() {
  if (results_.empty()) {
    std::vector<transfer::job> batch = machine_.take_jobs();
    results_ = runner_.run(batch);
    std::ranges::move(runner_.checkpoint(), std::back_inserter(results_));
    return;
  }
  for (const transfer::job_result& one : std::exchange(results_, {})) machine_.on_result(one);
  speak();
}

inline void simulated_receiver::end(bool process_lives) {
  while (process_lives && has_work()) work();
  runner_.close();
}

}  // namespace tcptools::testing
