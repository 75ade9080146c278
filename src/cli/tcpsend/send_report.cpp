#include "cli/tcpsend/send_report.hpp"

#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "cli/json_lines.hpp"
#include "cli/tcpsend/progress_line.hpp"
#include "cli/terminal.hpp"
#include "tcptools/base/text.hpp"
#include "tcptools/base/units.hpp"

namespace tcptools::cli {
namespace {

using namespace std::chrono_literals;
using json = nlohmann::ordered_json;

constexpr auto progress_object_interval = 500ms;

std::string_view word_for(transfer::entry_kind kind) noexcept {
  switch (kind) {
    case transfer::entry_kind::file:
    case transfer::entry_kind::stream:
      return "file";
    case transfer::entry_kind::directory:
      return "directory";
    case transfer::entry_kind::symlink:
      return "symlink";
  }
  return "file";
}

std::string count_of(std::uint64_t count, std::string_view one) {
  return std::to_string(count) + " " + std::string{one} + (count == 1 ? "" : "s");
}

bool wants_progress(const send_options& options) {
  if (options.quiet || options.progress == progress_mode::never) return false;
  return options.progress == progress_mode::always || is_terminal(STDERR_FILENO);
}

}  // namespace

send_report::send_report(const send_options& options)
    : options_{options}, out_{"tcpsend"}, shows_progress_{wants_progress(options)} {
  if (options_.json) {
    print_json({{"type", "start"},
                {"host", options.settings.host},
                {"port", options.settings.port},
                {"protocol", options.protocol == send_protocol::native ? "native" : "compat"}});
  }
}

void send_report::on_connected(const std::string& peer) {
  if (options_.verbose) out_.say("connected to " + peer);
}

void send_report::on_retry(const error& why, std::chrono::milliseconds wait) {
  if (!options_.quiet) out_.say(why.text() + "; trying again in " + format_duration(wait));
}

void send_report::on_content(const transfer::source_item& item, std::uint64_t bytes) {
  if (shows_progress_) current_ = visible(item.item.path);
  bytes_done_ += bytes;
  if (item.item.kind == transfer::entry_kind::stream) stream_bytes_ += bytes;
}

void send_report::on_outcome(const transfer::send_outcome& outcome) {
  const transfer::entry& item = outcome.what.item;
  const std::string name = visible(outcome.what.origin);
  if (!outcome.outcome) {
    if (options_.json) {
      print_json({{"type", "file"},
                  {"kind", word_for(item.kind)},
                  {"path", item.path},
                  {"source", outcome.what.origin},
                  {"status", "failed"},
                  {"error", to_json(outcome.outcome.error())}});
    }
    fail(name, outcome.outcome.error());
    return;
  }
  const bool unchanged = outcome.outcome->unchanged;
  const bool counts = item.kind != transfer::entry_kind::directory;
  const bool is_stream = item.kind == transfer::entry_kind::stream;
  const std::uint64_t size = is_stream ? std::exchange(stream_bytes_, 0) : item.size;
  if (counts) ++files_;
  if (counts && unchanged) ++unchanged_;
  bytes_ += size;
  if (options_.json) {
    print_json({{"type", "file"},
                {"kind", word_for(item.kind)},
                {"path", outcome.outcome->path},
                {"source", outcome.what.origin},
                {"status", unchanged ? "unchanged" : "delivered"},
                {"size", size}});
  }
  if (options_.verbose && counts) out_.say(name + (unchanged ? ": unchanged" : ": delivered"));
}

void send_report::on_would_send(const transfer::source_item& what) {
  const bool counts = what.item.kind != transfer::entry_kind::directory;
  if (counts) ++files_;
  bytes_ += what.item.kind == transfer::entry_kind::file ? what.item.size : 0;
  if (!options_.json) {
    std::puts(visible(what.item.path).c_str());
    return;
  }
  json object{{"type", "file"},
              {"kind", word_for(what.item.kind)},
              {"path", what.item.path},
              {"source", what.origin},
              {"status", "would_send"}};
  if (what.item.kind == transfer::entry_kind::file) object["size"] = what.item.size;
  print_json(object);
}

void send_report::on_trouble(const transfer::source_trouble& trouble) {
  if (!trouble.only_a_warning) {
    if (options_.json) {
      print_json(
          {{"type", "file"}, {"source", trouble.origin}, {"status", "failed"}, {"error", to_json(trouble.what)}});
    }
    fail(visible(trouble.origin), trouble.what);
  } else if (!options_.quiet) {
    out_.say(visible(trouble.origin) + ": " + trouble.what.text());
  }
}

void send_report::fail(const std::string& what, const error& why) {
  ++failed_;
  codes_.add(exit_code_for(why.code()));
  out_.say(what + ": " + why.text());
}

void send_report::set_totals(std::uint64_t bytes, std::uint64_t files) {
  total_bytes_ = bytes;
  total_files_ = files;
}

std::chrono::milliseconds send_report::elapsed() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - started_);
}

std::uint64_t send_report::rate_now() {
  const std::chrono::duration<double> step = clock::now() - rated_at_;
  if (step >= 200ms) {
    const double current = static_cast<double>(bytes_done_ - rated_bytes_) / step.count();
    rate_ = rated_bytes_ == 0 ? current : rate_ * 0.8 + current * 0.2;
    rated_at_ = clock::now();
    rated_bytes_ = bytes_done_;
  }
  return static_cast<std::uint64_t>(rate_);
}

void send_report::tick() {
  if (options_.json && clock::now() - printed_at_ >= progress_object_interval) {
    printed_at_ = clock::now();
    json object{{"type", "progress"}, {"bytes", bytes_done_}, {"bytes_sent", bytes_sent_}, {"files", files_}};
    if (total_bytes_) object["total_bytes"] = *total_bytes_;
    if (total_files_) object["total_files"] = *total_files_;
    print_json(object);
  }
  if (!shows_progress_) return;
  const progress_state state{current_, bytes_done_, total_bytes_, files_, total_files_, rate_now()};
  // The last column stays free: some terminals wrap when it is written.
  out_.update(render_progress(state, terminal_width(STDERR_FILENO) - 1));
}

int send_report::finish(const result<void>& end, int signal) {
  out_.clear();
  if (!end) {
    const error& why = end.error();
    if (options_.json) print_json({{"type", "error"}, {"error", to_json(why)}});
    out_.say(why.text());
    codes_ = {};
    codes_.add(exit_code_for(why.code()));
  }
  const int code = signal != 0 && !end ? exit_code_of_signal(signal) : static_cast<int>(codes_.value());
  print_summary(code);
  return code;
}

void send_report::print_summary(int code) {
  const auto took = elapsed();
  if (options_.json) {
    print_json({{"type", "summary"},
                {"files", files_},
                {"unchanged", unchanged_},
                {"failed", failed_},
                {"bytes", bytes_},
                {"bytes_sent", bytes_sent_},
                {"seconds", static_cast<double>(took.count()) / 1000.0},
                {"exit_code", code}});
  }
  if (options_.quiet || options_.dry_run || (files_ == 0 && code != 0)) return;
  std::string text = count_of(files_, "file");
  if (unchanged_ > 0) text += " (" + std::to_string(unchanged_) + " unchanged)";
  if (failed_ > 0) text += ", " + std::to_string(failed_) + " not delivered";
  text += ", " + format_size(bytes_) + ", sent " + format_size(bytes_sent_) + " in " + format_duration(took);
  out_.say(text + ", " + format_rate(bytes_, took));
}

}  // namespace tcptools::cli
