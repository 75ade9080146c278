// Small files, which come whole or are looked for, many at a time: the rest of a store is in disk_store.cpp.
#include <fcntl.h>

#include <algorithm>
#include <utility>

#include "tcptools/base/text.hpp"
#include "tcptools/transfer/disk_file.hpp"
#include "tcptools/transfer/disk_store.hpp"
#include "tcptools/transfer/placement.hpp"

namespace tcptools::transfer {
namespace {

// Small files that are open at a time.
constexpr std::size_t files_in_work = 64;

// A small file on its way: identical to what is there, or written and waiting for its name.
struct small_in_work {
  std::optional<older_version> identical;
  std::optional<temporary_file> file;

  [[nodiscard]] int fd() const noexcept { return identical ? identical->fd.get() : file->get(); }
};

bool has_content(const older_version& older, const digest& content_digest) {
  byte_buffer content(static_cast<std::size_t>(older.status.st_size));
  return read_at(older.fd.get(), 0, content) && digest_of(content) == content_digest;
}

// The system begins to write a file that is to be durable soon, so that it writes many at a time, and one commit of its
// journal serves them. Whether it did tells fsync.
void begin_writing(const store_place& place, int fd) {
  if (place.options.fsync) (void)::sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

result<small_in_work> prepare(const store_place& place, const small_file& file, parents& directories, bool is_roomy) {
  const entry& item = *file.item;
  if (digest_of(file.content) != file.content_digest) {
    return error{errc::verify_failed, in_quotes(item.path) + " arrived damaged"};
  }
  small_in_work work;
  const result<int> parent = directories.look(item.path);
  if (!parent) return parent.error();
  result<std::optional<older_version>> older = find_older(place, *parent, item);
  if (!older) return older.error();
  const bool may_be_equal = *older && std::cmp_equal((*older)->status.st_size, item.size);
  if (may_be_equal && has_content(**older, file.content_digest)) {
    if (const result<void> set = touch(place, **older, item); !set) return set.error();
    work.identical = std::move(**older);
    return work;
  }
  if (*older && place.options.on_conflict == conflict_policy::refuse) {
    return is_there_already((*older)->path);
  }
  if (!is_roomy) {
    if (const result<void> room = check_room(place, file.content.size()); !room) return room.error();
  }
  result<temporary_file> made = temporary_file::create(place);
  if (!made) return made.error();
  if (const result<void> written = write_at(made->get(), 0, file.content, item); !written) return written.error();
  if (const result<void> set = made->set_metadata(item); !set) return set.error();
  begin_writing(place, made->get());
  work.file.emplace(std::move(*made));
  return work;
}

result<placed> finish(const store_place& place, const entry& item, small_in_work& work, parents& directories) {
  const result<int> parent =
      directories.open(item.path, work.identical ? parents::purpose::leave : parents::purpose::place);
  if (!parent) return parent.error();
  if (work.identical) return placed{work.identical->path, true};
  const result<std::string> name = give_name(place, work.file->name(), *parent, item.path);
  if (!name) return name.error();
  work.file->release();
  return placed{*name, false};
}

bool has_size_and_time(const struct stat& status, const entry& item) {
  return std::cmp_equal(status.st_size, item.size) && modified_of(status) == item.modified;
}

// What was there before gets mode and time, and is durable but for its directory.
result<void> take_over(const store_place& place, const older_version& older, const entry& item) {
  if (const result<void> set = touch(place, older, item); !set) return set;
  return make_durable(place, older.fd.get(), item);
}

// The path of a file that has this content, taken over.
result<std::optional<std::string>> find_by_digest(const store_place& place, int parent, const entry& item,
                                                  const digest& content_digest) {
  const result<std::optional<older_version>> older = find_older(place, parent, item);
  if (!older) return older.error();
  const bool may_be_equal = *older && std::cmp_equal((*older)->status.st_size, item.size);
  if (!may_be_equal || !has_content(**older, content_digest)) return std::optional<std::string>{};
  if (const result<void> taken = take_over(place, **older, item); !taken) return taken.error();
  return std::optional{(*older)->path};
}

// The same of one that has this size and time. It is opened only if its mode must be set: what has this time was made
// durable before it was given it, if it came from here.
result<std::optional<std::string>> find_by_time(const store_place& place, int parent, const entry& item) {
  const result<std::optional<named_version>> found = look_at_older(place, parent, item);
  if (!found) return found.error();
  if (!*found || !has_size_and_time((*found)->status, item)) return std::optional<std::string>{};
  const bool has_mode = ((*found)->status.st_mode & 07777U) == item.mode;
  if (has_mode || place.options.keep_existing) return std::optional{(*found)->path};
  const std::optional<older_version> older = open_older(parent, **found);
  if (!older || !has_size_and_time(older->status, item)) return std::optional<std::string>{};
  if (const result<void> taken = take_over(place, *older, item); !taken) return taken.error();
  return std::optional{older->path};
}

result<std::optional<placed>> find_one(const store_place& place, const promised_file& file, parents& directories) {
  const entry& item = *file.item;
  const result<int> parent = directories.look(item.path);
  if (!parent) return parent.error();
  const result<std::optional<std::string>> path = file.content_digest
                                                      ? find_by_digest(place, *parent, item, *file.content_digest)
                                                      : find_by_time(place, *parent, item);
  if (!path) return path.error();
  if (!*path) return std::optional<placed>{};
  const result<int> kept = directories.open(item.path, parents::purpose::leave);
  if (!kept) return kept.error();
  return std::optional{placed{**path, true}};
}

// Everything is written before anything is made durable: one commit of the file system's own journal serves many files.
void put_together(const store_place& place, std::span<const small_file> files, parents& directories,
                  std::vector<result<placed>>& outcomes) {
  std::vector<result<small_in_work>> works;
  works.reserve(files.size());
  std::uint64_t bytes = 0;
  for (const small_file& one : files) bytes += one.content.size();
  const bool is_roomy = bool{check_room(place, bytes)};
  for (const small_file& one : files) works.push_back(prepare(place, one, directories, is_roomy));
  std::vector<result<void>> durable;
  durable.reserve(files.size());
  for (std::size_t i = 0; i < files.size(); ++i) {
    durable.push_back(works[i] ? make_durable(place, works[i]->fd(), *files[i].item) : works[i].error());
  }
  for (std::size_t i = 0; i < files.size(); ++i) {
    outcomes.push_back(durable[i] ? finish(place, *files[i].item, *works[i], directories) : durable[i].error());
  }
}

}  // namespace

std::vector<result<placed>> disk_store::put(std::span<const small_file> files) {
  std::vector<result<placed>> outcomes;
  outcomes.reserve(files.size());
  parents directories{place_};
  while (!files.empty()) {
    const auto together = files.first(std::min(files.size(), files_in_work));
    files = files.subspan(together.size());
    put_together(place_, together, directories, outcomes);
  }
  // Nothing is reported that may be gone tomorrow.
  const result<void> durable = directories.sync();
  for (result<placed>& one : outcomes) {
    if (!durable && one) one = durable.error();
  }
  return outcomes;
}

std::vector<result<std::optional<placed>>> disk_store::find(std::span<const promised_file> files) {
  std::vector<result<std::optional<placed>>> outcomes;
  outcomes.reserve(files.size());
  parents directories{place_};
  for (const promised_file& one : files) outcomes.push_back(find_one(place_, one, directories));
  const result<void> durable = directories.sync();
  for (result<std::optional<placed>>& one : outcomes) {
    if (!durable && one && *one) one = durable.error();
  }
  return outcomes;
}

}  // namespace tcptools::transfer
