#include <algorithm>
#include <exception>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "load.hpp"
#include "process.hpp"
#include "receiving.hpp"
#include "sender.hpp"

namespace tcptools::bench {
namespace {

using nlohmann::ordered_json;

constexpr int stalled_receive_buffer = 16'384;

struct opened {
  std::vector<session> receivers;
  std::vector<session> stalled;
  session sending;
};

opened open_all(const server_options& server, const fanout_options& options, const dialect& language) {
  const sockaddr_in address = make_address(server.host, server.port);
  opening receivers{address, language.receiver, options.receivers, server.tls};
  opening stalled{address, language.receiver, options.stalled, server.tls, stalled_receive_buffer};
  opening sending{address, language.sender, 1, server.tls};

  const bool probed = !language.probe.empty();
  for (opening* some : {&receivers, &stalled}) probed ? some->connect_all() : some->welcome_all();
  sending.welcome_all();
  session with = std::move(sending.take().front());
  if (probed) {
    for (opening* some : {&receivers, &stalled}) some->welcome_all(with, language.probe);
  }

  opened all{receivers.take(), stalled.take(), std::move(with)};
  return all;
}

// How many of the receivers that never read were given up by the server. Reads what was sent to them, to see it.
std::size_t count_ended(std::vector<session> stalled, const dialect& language, const payload& texts) {
  class ends final : public readers::listener {
   public:
    std::size_t count = 0;

   private:
    void heard(std::size_t /*which*/, nanoseconds /*when*/, const findings& /*found*/) override {}
    void ended(std::size_t /*which*/) override { ++count; }
  } found;

  readers from{std::move(stalled), language, texts};
  const nanoseconds end = now() + 10'000'000'000;
  while (from.open() > 0 && from.poll(300, found) && now() < end) {
  }
  return found.count;
}

// The sessions dealt out to `count` threads.
std::vector<std::unique_ptr<receiving>> deal(std::vector<session> sessions, std::size_t count, const dialect& language,
                                             const payload& texts, std::uint32_t messages) {
  std::vector<std::vector<session>> hands(count);
  for (std::size_t i = 0; i < sessions.size(); ++i) hands[i % count].push_back(std::move(sessions[i]));
  std::vector<std::unique_ptr<receiving>> dealt;
  dealt.reserve(count);
  for (auto& hand : hands) {
    dealt.push_back(std::make_unique<receiving>(std::move(hand), language, texts, messages));
  }
  return dealt;
}

void run_threads(sender& sending, std::vector<std::unique_ptr<receiving>>& receivers, flow& bounds,
                 nanoseconds patience) {
  std::jthread sends{[&] { sending.run(); }};
  {
    std::vector<std::jthread> receive;
    receive.reserve(receivers.size());
    for (std::size_t i = 0; i < receivers.size(); ++i) {
      receive.emplace_back([&, i] { receivers[i]->run(bounds, i, patience); });
    }
  }
  bounds.stop();
}

// What all threads have counted.
struct sums {
  std::uint64_t deliveries = 0;
  std::uint64_t duplicated = 0;
  std::uint64_t reordered = 0;
  std::uint64_t wrong_size = 0;
  std::size_t losers = 0;  // receivers that have lost messages
  std::size_t disconnected = 0;
  nanoseconds last_heard = 0;
  std::string last_words;
  histogram latencies;
};

sums add_up(const std::vector<std::unique_ptr<receiving>>& receivers, std::uint32_t sent) {
  sums all;
  for (const auto& some : receivers) {
    for (const sequence_tally& tally : some->tallies()) {
      all.deliveries += tally.received();
      all.duplicated += tally.duplicated();
      all.reordered += tally.reordered();
      all.losers += tally.received() < sent ? 1U : 0U;
    }
    all.wrong_size += some->wrong_size();
    all.disconnected += some->disconnected();
    all.last_heard = std::max(all.last_heard, some->last_heard());
    if (all.last_words.empty()) all.last_words = some->last_words();
    all.latencies.merge(some->latencies());
  }
  return all;
}

ordered_json latency_report(const histogram& latencies) {
  const auto microseconds = [](std::uint64_t ns) { return static_cast<double>(ns) / 1e3; };
  return {{"p50", microseconds(latencies.percentile(50))},
          {"p90", microseconds(latencies.percentile(90))},
          {"p99", microseconds(latencies.percentile(99))},
          {"p99.9", microseconds(latencies.percentile(99.9))},
          {"max", microseconds(latencies.largest())}};
}

}  // namespace

ordered_json run_fanout(const server_options& server, const fanout_options& options) {
  allow_sessions(options.receivers + options.stalled);
  const payload texts{options.size, std::random_device{}()};
  const dialect language = speak(server.language, texts);
  opened all = open_all(server, options, language);

  flow bounds{options.messages, options.window, options.threads};
  auto receivers = deal(std::move(all.receivers), options.threads, language, texts, options.messages);
  sender sending{std::move(all.sending), language, texts, options.messages, options.rate, bounds};

  std::optional<usage> server_before;
  if (server.process != 0) server_before = usage_of(server.process);
  const double cpu_before = own_cpu_seconds();
  run_threads(sending, receivers, bounds, static_cast<nanoseconds>(std::chrono::nanoseconds{options.patience}.count()));
  const double cpu_after = own_cpu_seconds();

  const sums sum = add_up(receivers, sending.sent());
  const double seconds =
      sum.last_heard > sending.started() ? static_cast<double>(sum.last_heard - sending.started()) / 1e9 : 0;
  ordered_json report = {{"load", "fanout"},
                         {"speak", server.language},
                         {"receivers", options.receivers},
                         {"messages", options.messages},
                         {"size", options.size},
                         {"rate", options.rate},
                         {"window", options.window},
                         {"stalled", options.stalled},
                         {"sent", sending.sent()},
                         {"deliveries", sum.deliveries},
                         {"seconds", seconds},
                         {"deliveries_per_second", seconds > 0 ? static_cast<double>(sum.deliveries) / seconds : 0},
                         {"lost", std::uint64_t{sending.sent()} * options.receivers - sum.deliveries},
                         {"receivers_with_losses", sum.losers},
                         {"duplicated", sum.duplicated},
                         {"reordered", sum.reordered},
                         {"wrong_size", sum.wrong_size},
                         {"latency_us", latency_report(sum.latencies)},
                         {"disconnected", sum.disconnected}};
  if (!sum.last_words.empty()) report["last_words"] = sum.last_words;
  if (!sending.failure().empty()) report["sender_failed"] = sending.failure();
  report["cpu_seconds"] = cpu_after - cpu_before;
  if (server_before) {
    const usage after = usage_of(server.process);
    report["server"] = {{"cpu_seconds", after.cpu_seconds - server_before->cpu_seconds},
                        {"resident_before", server_before->resident},
                        {"resident", after.resident},
                        {"most_resident", after.most_resident}};
  }
  if (options.stalled > 0) report["stalled_ended"] = count_ended(std::move(all.stalled), language, texts);
  return report;
}

}  // namespace tcptools::bench
