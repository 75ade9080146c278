// Another program, run by a test.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include "tcptools/net/sleep.hpp"

namespace tcptools::testing {

class child_process {
 public:
  // Reads from and writes to these files; `words` begins with its name. It is killed if it outlives this.
  child_process(std::vector<std::string> words, const std::string& input, const std::string& output) {
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, input.c_str(), O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const int failure = ::posix_spawnp(&process_, arguments[0], &files, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&files);
    if (failure != 0) throw std::runtime_error{"cannot start " + words[0]};
  }
  child_process(const child_process&) = delete;
  child_process& operator=(const child_process&) = delete;
  ~child_process() {
    if (has_ended_) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }

  [[nodiscard]] bool has_ended() {
    has_ended_ = has_ended_ || ::waitpid(process_, nullptr, WNOHANG) == process_;
    return has_ended_;
  }

 private:
  pid_t process_ = -1;
  bool has_ended_ = false;
};

// False if `condition` does not come true in 10 seconds. For what has no event to wait for.
template <class Condition>
net::awaitable<bool> comes_true(Condition condition) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds{10};
  while (!condition()) {
    if (std::chrono::steady_clock::now() > limit) co_return false;
    co_await net::sleep_for(std::chrono::milliseconds{5});
  }
  co_return true;
}

}  // namespace tcptools::testing
