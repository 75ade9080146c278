// Keys, and clients that have them.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "tcptools/net/key.hpp"
#include "tcptools/net/tls_context.hpp"

namespace tcptools::testing {

inline net::key fresh_key(std::string name, std::vector<net::key_right> rights = {}) {
  net::key made;
  made.name = std::move(name);
  made.value = net::secret::random();
  made.rights = std::move(rights);
  return made;
}

inline std::shared_ptr<const net::tls_client> client_with(net::key one) {
  net::tls_client::settings chosen;
  chosen.by_key = std::make_shared<const net::key>(std::move(one));
  auto made = net::tls_client::make(std::move(chosen));
  REQUIRE(made);
  return *made;
}

}  // namespace tcptools::testing
