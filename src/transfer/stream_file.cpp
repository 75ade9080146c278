#include "tcptools/transfer/stream_file.hpp"

#include <unistd.h>

#include <cerrno>
#include <string>

#include "tcptools/base/text.hpp"
#include "tcptools/base/units.hpp"

namespace tcptools::transfer {
namespace {

error not_resumable() { return error{errc::storage_failed, "a stream has no older content"}; }

}  // namespace

result<std::unique_ptr<stream_file>> stream_file::open(const store_place& place, const entry& item) {
  result<temporary_file> file = temporary_file::create(place);
  if (!file) return file.error();
  return std::unique_ptr<stream_file>{new stream_file{place, item, std::move(*file)}};
}

result<std::optional<digest>> stream_file::claim(std::uint64_t /*index*/) { return not_resumable(); }
result<bool> stream_file::keep(std::uint64_t /*index*/, const digest& /*claimed*/) { return not_resumable(); }
result<void> stream_file::write_hole(std::uint64_t /*first*/, std::uint64_t /*count*/) { return not_resumable(); }
result<placed> stream_file::adopt() { return not_resumable(); }

result<void> stream_file::write(std::uint64_t index, byte_view content, const digest& expected) {
  if (digest_of(content) != expected)
    return error{errc::verify_failed, "block " + std::to_string(index) + " of " + in_quotes(item_.path)};
  const std::uint64_t offset = index << item_.block_log2;
  if (offset + content.size() > place_.options.max_file_size) {
    return error{errc::too_large,
                 in_quotes(item_.path) + " is larger than " + format_size(place_.options.max_file_size)};
  }
  if (const result<void> written = write_at(file_.get(), offset, content, item_); !written) return written;
  const int failed = window_.on_write(file_.get(), offset, content.size());
  if (failed != 0) return storage_error(failed, "write " + in_quotes(item_.path));
  return window_.passed_mark() ? check_room(place_, 0) : result<void>{};
}

result<placed> stream_file::commit(std::uint64_t size) {
  if (::ftruncate(file_.get(), static_cast<off_t>(size)) != 0)
    return storage_error(errno, "write " + in_quotes(item_.path));
  if (const result<void> set = set_metadata(file_.get(), item_); !set) return set.error();
  if (const result<void> durable = make_durable(place_, file_.get(), item_); !durable) return durable.error();
  parents directories{place_};
  const result<int> parent = directories.open(item_.path);
  if (!parent) return parent.error();
  const result<std::string> name = give_name(place_, file_.name(), *parent, item_.path);
  if (!name) return name.error();
  file_.release();
  if (const result<void> durable = directories.sync(); !durable) return durable.error();
  return placed{*name, false};
}

}  // namespace tcptools::transfer
