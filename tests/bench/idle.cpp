#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include "load.hpp"
#include "process.hpp"
#include "readers.hpp"

namespace tcptools::bench {
namespace {

using nlohmann::ordered_json;

double seconds_between(nanoseconds first, nanoseconds last) { return static_cast<double>(last - first) / 1e9; }

// Sessions that hear nothing of interest.
class idlers final : public readers::listener {
 public:
  std::size_t disconnected = 0;

 private:
  void heard(std::size_t /*which*/, nanoseconds /*when*/, const findings& /*found*/) override {}
  void ended(std::size_t /*which*/) override { ++disconnected; }
};

// All sessions, welcomed. Where it takes a probe to learn that, a further session sends it and ends.
std::vector<session> open_all(const server_options& server, std::size_t count, const dialect& language) {
  const sockaddr_in address = make_address(server.host, server.port);
  opening sessions{address, language.receiver, count, server.tls};
  if (!language.probe.empty()) {
    sessions.connect_all();
    opening prober{address, language.sender, 1, server.tls};
    prober.welcome_all();
    const session last = std::move(prober.take().front());
    sessions.welcome_all(last, language.probe);
  } else {
    sessions.welcome_all();
  }
  return sessions.take();
}

}  // namespace

ordered_json run_idle(const server_options& server, const idle_options& options) {
  allow_sessions(options.sessions);
  const payload texts{least_size, std::random_device{}()};
  const dialect language = speak(server.language, texts);
  const auto server_usage = [&] {
    return server.process != 0 ? std::optional{usage_of(server.process)} : std::nullopt;
  };

  const auto before = server_usage();
  const nanoseconds started = now();
  std::vector<session> sessions = open_all(server, options.sessions, language);
  const double opening_seconds = seconds_between(started, now());
  const auto welcomed = server_usage();

  idlers listener;
  readers from{std::move(sessions), language, texts};
  const nanoseconds hold_started = now();
  const auto hold_ns = static_cast<nanoseconds>(std::chrono::nanoseconds{options.hold}.count());
  for (nanoseconds time = hold_started; time < hold_started + hold_ns; time = now()) {
    from.poll(static_cast<int>((hold_started + hold_ns - time) / 1'000'000) + 1, listener);
  }
  const double held_seconds = seconds_between(hold_started, now());
  const auto after = server_usage();

  ordered_json report = {{"load", "idle"},
                         {"speak", server.language},
                         {"sessions", options.sessions},
                         {"opening_seconds", opening_seconds},
                         {"connections_per_second", static_cast<double>(options.sessions) / opening_seconds},
                         {"held_seconds", held_seconds},
                         {"disconnected", listener.disconnected}};
  if (!from.last_words().empty()) report["last_words"] = from.last_words();
  if (before) {
    const auto grown = static_cast<double>(after->resident) - static_cast<double>(before->resident);
    report["server"] = {{"resident_before", before->resident},
                        {"resident", after->resident},
                        {"resident_per_session", grown / static_cast<double>(options.sessions)},
                        {"opening_cpu_seconds", welcomed->cpu_seconds - before->cpu_seconds},
                        {"held_cpu_seconds", after->cpu_seconds - welcomed->cpu_seconds}};
  }
  return report;
}

}  // namespace tcptools::bench
