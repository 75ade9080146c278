#include "tcptools/chat/history_file.hpp"

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

using namespace tcptools;
using namespace tcptools::chat;

TEST_CASE("x") {
  const testing::temp_dir dir;
  auto file = history_file::open(dir / "h.db");
  if (!file) FAIL(file.error().text());
  history_batch batch;
  batch.rooms = {{"lobby", "0123456789abcdef"}};
  batch.messages = {{"lobby", 1, 5, "alice", "hello", "k"}};
  auto done = (*file)->commit(batch);
  if (!done) FAIL(done.error().text());
  auto all = (*file)->load();
  if (!all) FAIL(all.error().text());
  CHECK(all->rooms.size() == 1);
  CHECK(all->keys.size() == 1);
  file->reset();
  for (auto& e : std::filesystem::directory_iterator(dir.path())) WARN(e.path().string());
  file = history_file::open(dir / "h.db");
  if (!file) FAIL(file.error().text());
}
