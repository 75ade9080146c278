// Runs the user's program after each delivered file: one at a time, in the order of delivery, never through a shell.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>

#include "tcptools/net/completion.hpp"
#include "tcptools/net/event.hpp"
#include "tcptools/net/task_group.hpp"
#include "tcptools/net/worker_pool.hpp"

namespace tcptools::cli {

// What the program is told: argv[1] is `path`, all of it is in the environment (TCPSEND_PATH, TCPSEND_NAME, ...).
struct exec_call {
  std::string path;  // absolute, on this machine
  std::string name;  // relative to the receiver's directory
  std::uint64_t size = 0;
  std::string digest;
  std::string peer;
};

class exec_hook {
 public:
  // How a program that could not be started, or did not exit with 0, is told: "exited with 3", "killed by signal 9".
  using complaint = std::function<void(const exec_call&, const std::string& how)>;

  // An empty command: there is no hook. Starts work in `tasks`, which outlives the hook.
  exec_hook(const net::any_executor& executor, net::task_group& tasks, std::string command, complaint complain);

  // Queues a call. Whoever delivers more should wait for room first.
  void push(exec_call call);
  [[nodiscard]] bool is_full() const noexcept;
  net::awaitable<void> wait_for_room();
  // Calls that have not begun are dropped, and the program that runs is killed.
  void stop();

 private:
  // The program that runs, if one does. Started and waited for by the thread, ended by whoever stops the hook.
  class child {
   public:
    void started(pid_t id);
    // Its wait status.
    [[nodiscard]] int wait();
    void kill();

   private:
    std::mutex mutex_;
    pid_t id_ = 0;
    bool killed_ = false;
  };

  net::awaitable<void> run_all();
  [[nodiscard]] std::string run_program(const exec_call& call);

  net::task_group& tasks_;
  std::string command_;
  complaint complain_;
  child child_;
  net::worker_pool thread_{1};
  std::deque<exec_call> waiting_;
  net::event room_;
  bool running_ = false;
  bool stopped_ = false;
};

}  // namespace tcptools::cli
