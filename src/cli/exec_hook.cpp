#include "cli/exec_hook.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <utility>
#include <vector>

#include "tcptools/base/error.hpp"

namespace tcptools::cli {
namespace {

constexpr std::size_t most_waiting = 256;

// The hook's program gets nothing of ours but what it is told: no descriptors, no ignored signals, and standard output
// is standard error, since ours carries data.
class spawn_setup {
 public:
  spawn_setup() {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions_, STDERR_FILENO, STDOUT_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
    posix_spawnattr_init(&attributes_);
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    sigaddset(&defaults, SIGXFSZ);
    posix_spawnattr_setsigdefault(&attributes_, &defaults);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGDEF);
  }
  spawn_setup(const spawn_setup&) = delete;
  spawn_setup& operator=(const spawn_setup&) = delete;
  ~spawn_setup() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }

  [[nodiscard]] const posix_spawn_file_actions_t* actions() const noexcept { return &actions_; }
  [[nodiscard]] const posix_spawnattr_t* attributes() const noexcept { return &attributes_; }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

std::vector<std::string> environment_for(const exec_call& call) {
  std::vector<std::string> all;
  for (char** one = environ; *one != nullptr; ++one) {
    if (!std::string_view{*one}.starts_with("TCPSEND_")) all.emplace_back(*one);
  }
  all.push_back("TCPSEND_PATH=" + call.path);
  all.push_back("TCPSEND_NAME=" + call.name);
  all.push_back("TCPSEND_SIZE=" + std::to_string(call.size));
  all.push_back("TCPSEND_DIGEST=" + call.digest);
  all.push_back("TCPSEND_PEER=" + call.peer);
  return all;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  all.reserve(texts.size() + 1);
  for (std::string& one : texts) all.push_back(one.data());
  all.push_back(nullptr);
  return all;
}

}  // namespace

void exec_hook::child::started(pid_t id) {
  const std::scoped_lock lock{mutex_};
  id_ = id;
  if (killed_) (void)::kill(id_, SIGKILL);
}

int exec_hook::child::wait() {
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(id_), &info, WEXITED | WNOWAIT) < 0 && errno == EINTR) {
  }
  // Ended but not yet reaped: its number is still its own.
  const std::scoped_lock lock{mutex_};
  int status = 0;
  (void)::waitpid(id_, &status, 0);
  id_ = 0;
  return status;
}

void exec_hook::child::kill() {
  const std::scoped_lock lock{mutex_};
  killed_ = true;
  if (id_ != 0) (void)::kill(id_, SIGKILL);
}

// Blocks until the program has ended. Empty if it exited with 0.
std::string exec_hook::run_program(const exec_call& call) {
  const spawn_setup setup;
  std::vector<std::string> arguments{command_, call.path};
  std::vector<std::string> environment = environment_for(call);
  pid_t id = 0;
  const int failed = posix_spawnp(&id, command_.c_str(), setup.actions(), setup.attributes(),
                                  pointers(arguments).data(), pointers(environment).data());
  if (failed != 0) return "could not be started: " + os_text(failed);
  child_.started(id);
  const int status = child_.wait();
  if (WIFSIGNALED(status)) return "was killed by signal " + std::to_string(WTERMSIG(status));
  if (WEXITSTATUS(status) != 0) return "exited with " + std::to_string(WEXITSTATUS(status));
  return {};
}

exec_hook::exec_hook(const net::any_executor& executor, net::task_group& tasks, std::string command, complaint complain)
    : tasks_{tasks}, command_{std::move(command)}, complain_{std::move(complain)}, room_{executor} {}

void exec_hook::push(exec_call call) {
  if (command_.empty() || stopped_) return;
  waiting_.push_back(std::move(call));
  if (!std::exchange(running_, true)) tasks_.spawn("exec", run_all());
}

bool exec_hook::is_full() const noexcept { return waiting_.size() >= most_waiting; }

net::awaitable<void> exec_hook::wait_for_room() {
  while (is_full()) co_await room_.wait();
}

void exec_hook::stop() {
  stopped_ = true;
  waiting_.clear();
  room_.notify_all();
  child_.kill();
}

net::awaitable<void> exec_hook::run_all() {
  while (!waiting_.empty()) {
    const exec_call call = std::move(waiting_.front());
    waiting_.pop_front();
    room_.notify_all();
    auto run = [this, &call] { return run_program(call); };
    const std::string how = co_await net::offload(thread_, std::move(run));
    if (!how.empty()) complain_(call, how);
  }
  running_ = false;
}

}  // namespace tcptools::cli
