#include "tcptools/net/deadline.hpp"

#include <system_error>
#include <utility>

namespace tcptools::net {

// Shared with the timer's handler, which may still be queued when the deadline is gone.
struct deadline::state {
  asio::steady_timer timer;
  std::function<void()> on_expiry;
  clock::time_point when = clock::time_point::max();
  clock::time_point armed_for = clock::time_point::max();
  bool gone = false;
};

deadline::deadline(const any_executor& executor, std::function<void()> on_expiry)
    : state_{std::make_shared<state>(state{asio::steady_timer{executor}, std::move(on_expiry)})} {}

deadline::~deadline() {
  state_->gone = true;
  state_->timer.cancel();
}

void deadline::set(clock::time_point when) {
  state_->when = when;
  if (when < state_->armed_for) arm(state_);
}

void deadline::clear() { state_->when = clock::time_point::max(); }

bool deadline::expired() const noexcept {
  return state_->when != clock::time_point::max() && clock::now() >= state_->when;
}

void deadline::arm(const std::shared_ptr<state>& shared) {
  shared->armed_for = shared->when;
  shared->timer.expires_at(shared->when);
  shared->timer.async_wait([shared](const std::error_code& cancelled) {
    if (cancelled || shared->gone) return;
    shared->armed_for = clock::time_point::max();
    if (shared->when == clock::time_point::max()) return;
    if (clock::now() < shared->when) return arm(shared);
    shared->on_expiry();
  });
}

}  // namespace tcptools::net
