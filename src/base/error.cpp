#include "tcptools/base/error.hpp"

#include <cerrno>

namespace tcptools {

std::string_view describe(errc code) noexcept {
  switch (code) {
    case errc::usage:
      return "wrong usage";
    case errc::source_missing:
      return "no such file";
    case errc::source_unreadable:
      return "the file cannot be read";
    case errc::source_changed:
      return "the file changed while it was read";
    case errc::cancelled:
      return "cancelled";
    case errc::connect_failed:
      return "no connection to the peer";
    case errc::connection_lost:
      return "connection lost";
    case errc::end_of_stream:
      return "the peer ended the connection";
    case errc::timed_out:
      return "timed out";
    case errc::protocol_violation:
      return "the peer broke the protocol";
    case errc::refused:
      return "refused";
    case errc::busy:
      return "busy, try again later";
    case errc::name_rejected:
      return "the path is not allowed";
    case errc::conflict:
      return "something else has this name";
    case errc::too_large:
      return "too large";
    case errc::verify_failed:
      return "the content could not be verified";
    case errc::storage_full:
      return "no space left at the destination";
    case errc::storage_read_only:
      return "the destination cannot be written";
    case errc::storage_failed:
      return "storing failed";
    case errc::version_unsupported:
      return "no protocol version in common";
  }
  return "unknown error";
}

error error::in(std::string_view context) const { return error{code_, std::string{context} + ": " + text()}; }

std::string os_text(int error_number) { return std::generic_category().message(error_number); }

namespace {

errc storage_errc(int error_number) noexcept {
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return errc::storage_full;
    case EROFS:
    case EACCES:
    case EPERM:
      return errc::storage_read_only;
    case EMFILE:
    case ENFILE:
      return errc::busy;
    case EXDEV:
    case ELOOP:
    case ENAMETOOLONG:
    case EILSEQ:
      return errc::name_rejected;
    case EEXIST:
    case ENOTDIR:
    case EISDIR:
    case ENOTEMPTY:
      return errc::conflict;
    default:
      return errc::storage_failed;
  }
}

}  // namespace

error storage_error(int error_number, std::string_view doing) {
  return error{storage_errc(error_number), std::string{doing} + ": " + os_text(error_number)};
}

}  // namespace tcptools
