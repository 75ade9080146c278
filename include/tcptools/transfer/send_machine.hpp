// Decides the sender's side of one connection: what is offered, read and sent next, and what every answer means. No
// I/O, no clock. docs/protocol.md, "The order of frames".
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "tcptools/base/result.hpp"
#include "tcptools/transfer/limits.hpp"
#include "tcptools/transfer/protocol.hpp"
#include "tcptools/transfer/send_file.hpp"
#include "tcptools/transfer/source.hpp"

namespace tcptools::transfer {

// An entry on its way to an outcome, over as many connections as it takes.
struct send_item {
  source_item what;
  std::shared_ptr<known_digests> known;  // of open files
  bool consumed = false;                 // a stream that was begun to be read: it cannot be offered again
};

// How the receiver has what it has.
struct sent {
  std::string path;  // differs from the offered one where conflicts keep both
  bool unchanged = false;
  bool unread = false;  // unchanged by its size and time: nothing of it was read
};

struct send_outcome {
  source_item what;
  result<sent> outcome;
};

// How an entry is offered: a file that fits its offer with its content, by its digest, or by size and time; larger ones
// open, by size and time or not as both sides agreed.
enum class offer_form : std::uint8_t { bare, with_content, promised, by_time, open };

namespace tasks {

// Read these blocks, in order, and report each: on_read() or on_hole().
struct read {
  std::uint32_t id = 0;
  frames::block_run blocks;
  bool is_answer = false;  // to NEED: to be sent on the connection that asked
};
// Read more of a stream; report on_stream_read(), on_stream_end().
struct read_stream {
  std::uint32_t id = 0;
};
// Has the source changed? Report on_checked().
struct check {
  std::uint32_t id = 0;
};

}  // namespace tasks

using send_task = std::variant<tasks::read, tasks::read_stream, tasks::check>;

class send_machine {
 public:
  // Asks to be allowed `further` connections besides this one, with `zstd` to compress blocks, and with `quick_check`
  // to offer by time, which it then does.
  explicit send_machine(session_id session, std::uint8_t further = 0, bool zstd = false, bool quick_check = false);

  // Fails if the connection cannot go on: with what an ERROR said, errc::protocol_violation (tell the receiver, close)
  // or version_unsupported.
  [[nodiscard]] result<void> on_frame(const frame& value);

  // How a file of this kind and size is to be offered.
  [[nodiscard]] offer_form form_for(const entry& item) const noexcept;
  // The window has room for one more entry offered in this form, and it is known how.
  [[nodiscard]] bool may_offer(offer_form form) const noexcept;
  // How many more entries the window has room for.
  [[nodiscard]] std::size_t room() const noexcept { return live_.size() < window_ ? window_ - live_.size() : 0; }
  // Precondition: may_offer(form). `content` only with offer_form::with_content, its digest also with promised.
  std::uint32_t offer(send_item item, offer_form form, const digest& content_digest = {}, byte_view content = {});
  // There is nothing more to offer: BYE.
  void no_more_offers();
  [[nodiscard]] bool said_bye() const noexcept { return said_bye_; }

  // What to do next; nothing while everything waits for the receiver. `most_bytes` bounds a read.
  [[nodiscard]] std::optional<send_task> next(std::size_t most_bytes);
  // Whether the block is to be sent, as a BLOCK frame with this digest.
  [[nodiscard]] bool on_read(std::uint32_t id, std::uint64_t index, const digest& content);
  // HOLE for these blocks, or zero bytes where the protocol wants content.
  void on_hole(std::uint32_t id, frames::block_run blocks);
  // The source could not be read or changed: CANCEL.
  void on_read_failed(std::uint32_t id, const error& why);
  void on_checked(std::uint32_t id, const result<void>& unchanged);
  // A stream's block `index` now has this digest and is sent; a block that is not full may be reported again, longer.
  void on_stream_read(std::uint32_t id, std::uint64_t index, const digest& content);
  void on_stream_end(std::uint32_t id, std::uint64_t size);

  // Encoded frames to be sent now, before what is read next.
  [[nodiscard]] byte_buffer take_frames() { return std::exchange(frames_, {}); }
  [[nodiscard]] std::vector<send_outcome> take_outcomes() { return std::exchange(outcomes_, {}); }
  // The entry is live: it has no outcome yet.
  [[nodiscard]] const source_item* find_item(std::uint32_t id) const;

  // BYE was said by both sides.
  [[nodiscard]] bool finished() const noexcept { return finished_; }
  [[nodiscard]] bool welcomed() const noexcept { return welcomed_; }
  // The receiver takes blocks compressed with zstd.
  [[nodiscard]] bool zstd_chosen() const noexcept { return zstd_chosen_; }
  // Whether this entry's blocks may be compressed; of a stream those that are full.
  [[nodiscard]] bool may_compress(std::uint32_t id) const;
  // How further connections may be made, once welcomed.
  [[nodiscard]] const std::optional<frames::grant>& further() const noexcept { return granted_; }
  // Counts answers that show the receiver moving: all but PROGRESS that does not grow.
  [[nodiscard]] std::uint64_t progress() const noexcept { return progress_; }
  // Entries without an outcome, to be offered on the next connection; the machine is done for. Streams that were read
  // from are among them, marked consumed.
  [[nodiscard]] std::vector<send_item> take_unfinished();

 private:
  struct live_entry {
    send_item item;
    offer_form form = offer_form::bare;
    std::optional<send_file> file;  // open files, and small ones once they are asked for
    digest promise;                 // of promised files
    bool by_time = false;           // offered so, and neither asked for nor accepted
    bool stream_accepted = false;
    digest_row stream_row;
    bool read_whole = false;   // of open ones: nothing is left to read but what is asked for again
    bool finished = false;     // FINISH was sent
    std::uint64_t worked = 0;  // what PROGRESS said last
  };

  [[nodiscard]] result<void> on_welcome(const frames::welcome& welcome);
  [[nodiscard]] result<void> on_accept(const frames::accept& accept);
  [[nodiscard]] result<void> on_need(const frames::need& need);
  [[nodiscard]] result<void> on_delivered(const frames::delivered& delivered);
  [[nodiscard]] result<void> on_progress(const frames::progress& progress);
  [[nodiscard]] result<live_entry*> find(std::uint32_t id);
  // The same, for an answer that counts as progress: what is over cannot make any.
  [[nodiscard]] result<live_entry*> find_answered(std::uint32_t id);
  live_entry* find_live(std::uint32_t id);
  [[nodiscard]] std::optional<send_task> next_of_file(std::uint32_t id, live_entry& one, std::size_t most_bytes);
  void end(std::uint32_t id, result<sent> outcome);
  void cancel(std::uint32_t id, const error& why);

  std::map<std::uint32_t, live_entry> live_;
  std::uint8_t further_;
  std::optional<frames::grant> granted_;
  std::uint32_t last_id_ = 0;
  std::uint32_t open_count_ = 0;
  std::uint32_t window_ = limits::window_before_welcome;
  std::uint32_t open_files_ = limits::open_files_before_welcome;
  bool zstd_offered_;
  bool zstd_chosen_ = false;
  bool quick_check_offered_;
  bool quick_check_ = false;  // chosen
  bool welcomed_ = false;
  bool said_bye_ = false;
  bool finished_ = false;
  bool promise_ = false;  // the last small file turned out to be unchanged
  std::uint64_t progress_ = 0;
  byte_buffer frames_;
  std::vector<send_outcome> outcomes_;
};

}  // namespace tcptools::transfer
