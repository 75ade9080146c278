// What can go wrong, as values. A peer, a disk or a user can cause an `error`; exceptions are for bugs and failed
// start-up.
#pragma once

#include <string>
#include <string_view>
#include <system_error>

namespace tcptools {

// The causes that callers tell apart. Everything else about an error is text for people.
enum class errc {
  // Said by this side of itself.
  usage = 1,          // an option or a name that makes no sense
  source_missing,     // a file to be sent is not there
  source_unreadable,  // it is there and cannot be read
  source_changed,     // it changed while it was read
  cancelled,          // a signal or a shutdown ended the work

  // The network.
  connect_failed,      // no address of the peer answered
  connection_lost,     // the connection ended before its work did
  end_of_stream,       // the peer closed its sending direction in an orderly way
  timed_out,           // no progress within a bound
  protocol_violation,  // the peer said something its protocol does not allow

  // Said by the receiving side about what it was offered.
  refused,              // policy or access
  busy,                 // refused for now: another session holds the same file, or there are too many sessions
  name_rejected,        // a path that is not allowed
  conflict,             // something else is there already
  too_large,            // over a limit
  verify_failed,        // the content arrived and is not what was promised
  storage_full,         // no space, or less than the floor that is kept free
  storage_read_only,    // the destination cannot be written
  storage_failed,       // any other failure to store
  version_unsupported,  // no protocol version in common
};

// A short text that a user understands, without a full stop: "connection lost".
[[nodiscard]] std::string_view describe(errc code) noexcept;

// One failure: the cause for programs, one line for people (what failed, on what, why, what to do).
class error {
 public:
  // `text` is the whole line; where it is empty, describe(code) stands in for it.
  explicit error(errc code, std::string text = {}) : code_{code}, text_{std::move(text)} {}

  [[nodiscard]] errc code() const noexcept { return code_; }
  [[nodiscard]] std::string text() const { return text_.empty() ? std::string{describe(code_)} : text_; }

  // The same error seen from further up: "CONTEXT: text".
  [[nodiscard]] error in(std::string_view context) const;

  friend bool operator==(const error&, const error&) = default;

 private:
  errc code_;
  std::string text_;
};

// The text of an operating system's error number, as strerror(3) gives it but thread-safe: "No space left on device".
[[nodiscard]] std::string os_text(int error_number);

// A failed system call on the receiving side's storage, sorted into storage_full, storage_read_only, storage_failed,
// name_rejected (a path that resolution refused) or conflict. `doing` says what was tried: "write 'a.bin'".
[[nodiscard]] error storage_error(int error_number, std::string_view doing);

}  // namespace tcptools
