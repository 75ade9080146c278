#include "cli/exec_hook.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <utility>
#include <vector>

#include "tcptools/base/result.hpp"
#include "tcptools/base/unique_fd.hpp"

namespace tcptools::cli {
namespace {

constexpr std::size_t most_waiting = 256;

// The hook's program gets nothing of ours but what it is told: no descriptors, no ignored signals, and standard output
// is standard error, since ours carries data.
class spawn_setup {
 public:
  // `input`: -1 for /dev/null.
  explicit spawn_setup(int input) {
    posix_spawn_file_actions_init(&actions_);
    if (input < 0) {
      posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    } else {
      posix_spawn_file_actions_adddup2(&actions_, input, STDIN_FILENO);
    }
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

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  all.reserve(texts.size() + 1);
  for (std::string& one : texts) all.push_back(one.data());
  all.push_back(nullptr);
  return all;
}

// In memory, and not a pipe: nobody need feed it, however much of it the program reads.
result<unique_fd> file_with(std::string_view content) {
  unique_fd file{::memfd_create("input", MFD_CLOEXEC)};
  if (!file) return error{errc::storage_failed, os_text(errno)};
  for (std::string_view left = content; !left.empty();) {
    const ssize_t written = ::write(file.get(), left.data(), left.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return error{errc::storage_failed, os_text(errno)};
    left.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::lseek(file.get(), 0, SEEK_SET) < 0) return error{errc::storage_failed, os_text(errno)};
  return file;
}

}  // namespace

std::vector<std::string> exec_hook::environment_for(const exec_call& call) const {
  std::vector<std::string> all;
  for (char** one = environ; *one != nullptr; ++one) {
    if (!std::string_view{*one}.starts_with(prefix_)) all.emplace_back(*one);
  }
  for (const auto& [name, value] : call.environment) {
    all.push_back(prefix_);
    all.back().append(name).append("=").append(value);
  }
  return all;
}

void exec_hook::child::started(pid_t id) {
  const std::scoped_lock lock{mutex_};
  id_ = id;
  if (killed_) (void)::kill(id_, SIGKILL);
}

result<int> exec_hook::child::wait() {
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(id_), &info, WEXITED | WNOWAIT) < 0 && errno == EINTR) {
  }
  // Ended but not yet reaped: its number is still its own.
  const std::scoped_lock lock{mutex_};
  int status = 0;
  const pid_t reaped = ::waitpid(id_, &status, 0);
  const int failure = errno;
  id_ = 0;
  if (reaped < 0) return error{errc::storage_failed, os_text(failure)};
  return status;
}

void exec_hook::child::kill() {
  const std::scoped_lock lock{mutex_};
  killed_ = true;
  if (id_ != 0) (void)::kill(id_, SIGKILL);
}

// Blocks until the program has ended. Empty if it exited with 0.
std::string exec_hook::run_program(const exec_call& call) {
  unique_fd input;
  if (call.input) {
    result<unique_fd> file = file_with(*call.input);
    if (!file) return "could not be given its input: " + file.error().text();
    input = std::move(*file);
  }
  const spawn_setup setup{input.get()};
  std::vector<std::string> arguments{command_};
  arguments.insert(arguments.end(), call.arguments.begin(), call.arguments.end());
  std::vector<std::string> environment = environment_for(call);
  pid_t id = 0;
  const int failed = posix_spawnp(&id, command_.c_str(), setup.actions(), setup.attributes(),
                                  pointers(arguments).data(), pointers(environment).data());
  if (failed != 0) return "could not be started: " + os_text(failed);
  child_.started(id);
  const result<int> status = child_.wait();
  if (!status) return "ended in a way that is not known: " + status.error().text();
  if (WIFSIGNALED(*status)) return "was killed by signal " + std::to_string(WTERMSIG(*status));
  if (WEXITSTATUS(*status) != 0) return "exited with " + std::to_string(WEXITSTATUS(*status));
  return {};
}

exec_hook::exec_hook(const net::any_executor& executor, net::task_group& tasks, std::string command, std::string prefix,
                     complaint complain)
    : tasks_{tasks},
      command_{std::move(command)},
      prefix_{std::move(prefix)},
      complain_{std::move(complain)},
      room_{executor} {
  // Whoever started us may have it ignored, and the system then keeps no child's exit status.
  if (!command_.empty()) (void)std::signal(SIGCHLD, SIG_DFL);
}

void exec_hook::push(exec_call call) {
  if (command_.empty() || stopped_) return;
  waiting_.push_back(std::move(call));
  if (!std::exchange(running_, true)) tasks_.spawn("exec", run_all());
}

bool exec_hook::is_full() const noexcept { return waiting_.size() >= most_waiting; }

net::awaitable<void> exec_hook::wait_for_room() {
  while (is_full()) co_await room_.wait();
}

net::awaitable<bool> exec_hook::wait_until_idle(net::event::clock::time_point until) {
  while (running_ && net::event::clock::now() < until) (void)co_await room_.wait_until(until);
  co_return !running_;
}

void exec_hook::drop_waiting() {
  stopped_ = true;
  waiting_.clear();
  room_.notify_all();
}

void exec_hook::stop() {
  drop_waiting();
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
  room_.notify_all();
}

}  // namespace tcptools::cli
