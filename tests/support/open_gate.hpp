// A gate that lets everybody in, unless it is told otherwise.
#pragma once

#include <utility>

#include "tcptools/net/gate.hpp"

namespace tcptools::testing {

class silent_gate_observer final : public net::gate_observer {
 public:
  void on_not_let_in(const net::refusal& /*what*/) override {}
  void on_let_in_again(const net::peer_info& /*peer*/, std::uint64_t /*unlogged*/) override {}
};

class open_gate {
 public:
  explicit open_gate(net::listener& from, net::gate::settings chosen = {})
      : gate_{from, std::move(chosen), observer_} {}

  [[nodiscard]] net::gate& get() noexcept { return gate_; }

 private:
  silent_gate_observer observer_;
  net::gate gate_;
};

}  // namespace tcptools::testing
