// Runs something at the end of a scope, however it is left.
#pragma once

#include <utility>

namespace tcptools {

template <class Action>
class [[nodiscard]] at_exit {
 public:
  explicit at_exit(Action action) : action_{std::move(action)} {}
  at_exit(const at_exit&) = delete;
  at_exit& operator=(const at_exit&) = delete;
  ~at_exit() { action_(); }

 private:
  Action action_;
};

}  // namespace tcptools
