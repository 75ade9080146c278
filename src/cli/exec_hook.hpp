// Runs the user's program for each delivered file or message: one at a time, in order, never through a shell.
#pragma once

#include <sys/types.h>

#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tcptools/base/result.hpp"
#include "tcptools/net/completion.hpp"
#include "tcptools/net/event.hpp"
#include "tcptools/net/task_group.hpp"
#include "tcptools/net/worker_pool.hpp"

namespace tcptools::cli {

struct exec_call {
  std::string name;                                              // in complaints
  std::vector<std::string> arguments;                            // argv[1] and so on
  std::vector<std::pair<std::string, std::string>> environment;  // names without the hook's prefix
  std::optional<std::string> input;                              // what standard input has; otherwise /dev/null
};

class exec_hook {
 public:
  // How a program that could not be started, or did not exit with 0, is told: "exited with 3", "killed by signal 9".
  using complaint = std::function<void(const exec_call&, const std::string& how)>;

  // An empty command: there is no hook. Only what the hook says begins with `prefix` in the program's environment.
  // Starts work in `tasks`, which outlives the hook. SIGCHLD is not ignored any more.
  exec_hook(const net::any_executor& executor, net::task_group& tasks, std::string command, std::string prefix,
            complaint complain);

  // Queues a call. Whoever delivers more should wait for room first.
  void push(exec_call call);
  [[nodiscard]] bool is_full() const noexcept;
  net::awaitable<void> wait_for_room();
  // Until no call waits or runs; false if the time came first.
  net::awaitable<bool> wait_until_idle(net::event::clock::time_point until);
  // Calls that have not begun are dropped.
  void drop_waiting();
  // The same, and the program that runs is killed.
  void stop();

 private:
  // The program that runs, if one does. Started and waited for by the thread, ended by whoever stops the hook.
  class child {
   public:
    void started(pid_t id);
    // Its wait status.
    [[nodiscard]] result<int> wait();
    void kill();

   private:
    std::mutex mutex_;
    pid_t id_ = 0;
    bool killed_ = false;
  };

  net::awaitable<void> run_all();
  [[nodiscard]] std::string run_program(const exec_call& call);
  [[nodiscard]] std::vector<std::string> environment_for(const exec_call& call) const;

  net::task_group& tasks_;
  std::string command_;
  std::string prefix_;
  complaint complain_;
  child child_;
  net::worker_pool thread_{1};
  std::deque<exec_call> waiting_;
  net::event room_;
  bool running_ = false;
  bool stopped_ = false;
};

}  // namespace tcptools::cli
