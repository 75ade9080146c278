// Tells people and programs how a sending run goes, and adds up what it comes to.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "cli/exit_code.hpp"
#include "cli/status_line.hpp"
#include "cli/tcpsend/send_options.hpp"
#include "tcptools/transfer/send_context.hpp"

namespace tcptools::cli {

class send_report final : public transfer::send_observer {
 public:
  explicit send_report(const send_options& options);

  void on_connected(const std::string& peer) override;
  void on_retry(const error& why, std::chrono::milliseconds wait) override;
  void on_content(const transfer::source_item& item, std::uint64_t bytes) override;
  void on_wire(std::uint64_t bytes) override { bytes_sent_ += bytes; }
  void on_outcome(const transfer::send_outcome& outcome) override;
  // With --dry-run, instead of an outcome.
  void on_would_send(const transfer::source_item& what);
  void on_trouble(const transfer::source_trouble& trouble) override;

  [[nodiscard]] bool wants_totals() const noexcept { return shows_progress_ || options_.json; }
  // What there is to send in all, once that is known.
  void set_totals(std::uint64_t bytes, std::uint64_t files);

  // Redraws the progress line; prints a progress object at most twice a second. Called several times a second.
  void tick();

  // The run is over: `end` is what ended it if not everything has an outcome. Prints the summary. The exit code, or 128
  // plus the signal's number.
  [[nodiscard]] int finish(const result<void>& end, int signal);

 private:
  using clock = std::chrono::steady_clock;

  void fail(const std::string& what, const error& why);
  void print_summary(int code);
  [[nodiscard]] std::chrono::milliseconds elapsed() const;
  [[nodiscard]] std::uint64_t rate_now();

  const send_options& options_;
  status_line out_;
  bool shows_progress_;
  clock::time_point started_ = clock::now();
  clock::time_point printed_at_;

  std::string current_;
  std::uint64_t files_ = 0;  // delivered, unchanged ones included; directories do not count
  std::uint64_t unchanged_ = 0;
  std::uint64_t failed_ = 0;
  std::uint64_t bytes_ = 0;         // content of delivered files
  std::uint64_t bytes_done_ = 0;    // content sent or found there, delivered or not
  std::uint64_t bytes_sent_ = 0;    // on the network
  std::uint64_t stream_bytes_ = 0;  // of the stream at work; one goes at a time
  std::optional<std::uint64_t> total_bytes_;
  std::optional<std::uint64_t> total_files_;
  // The rate shown is that of the last seconds, smoothed.
  clock::time_point rated_at_ = clock::now();
  std::uint64_t rated_bytes_ = 0;
  double rate_ = 0;
  exit_code_sum codes_;
};

}  // namespace tcptools::cli
