#include "cli/exit_code.hpp"

namespace tcptools::cli {

exit_code exit_code_for(errc code) noexcept {
  switch (code) {
    case errc::usage:
      return exit_code::usage;
    case errc::source_missing:
    case errc::source_unreadable:
      return exit_code::some_failed;
    case errc::source_changed:
    case errc::verify_failed:
      return exit_code::not_verified;
    case errc::connect_failed:
    case errc::connection_lost:
    case errc::end_of_stream:
    case errc::protocol_violation:
    case errc::version_unsupported:
    case errc::cancelled:
      return exit_code::connection;
    case errc::timed_out:
      return exit_code::timed_out;
    case errc::refused:
    case errc::busy:
    case errc::name_rejected:
    case errc::conflict:
    case errc::too_large:
      return exit_code::refused;
    case errc::storage_full:
    case errc::storage_read_only:
    case errc::storage_failed:
      return exit_code::storage;
  }
  return exit_code::some_failed;
}

std::string_view name_of(errc code) noexcept {
  switch (code) {
    case errc::usage:
      return "usage";
    case errc::source_missing:
      return "source_missing";
    case errc::source_unreadable:
      return "source_unreadable";
    case errc::source_changed:
      return "source_changed";
    case errc::cancelled:
      return "cancelled";
    case errc::connect_failed:
      return "connect_failed";
    case errc::connection_lost:
      return "connection_lost";
    case errc::end_of_stream:
      return "end_of_stream";
    case errc::timed_out:
      return "timed_out";
    case errc::protocol_violation:
      return "protocol_violation";
    case errc::refused:
      return "refused";
    case errc::busy:
      return "busy";
    case errc::name_rejected:
      return "name_rejected";
    case errc::conflict:
      return "conflict";
    case errc::too_large:
      return "too_large";
    case errc::verify_failed:
      return "verify_failed";
    case errc::storage_full:
      return "storage_full";
    case errc::storage_read_only:
      return "storage_read_only";
    case errc::storage_failed:
      return "storage_failed";
    case errc::version_unsupported:
      return "version_unsupported";
  }
  return "unknown";
}

}  // namespace tcptools::cli
