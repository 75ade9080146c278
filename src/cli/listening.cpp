#include "cli/listening.hpp"

#include <sys/resource.h>

#include <set>

#include "cli/option_types.hpp"
#include "tcptools/net/endpoint.hpp"

namespace tcptools::cli {
namespace {

constexpr std::size_t usual_limit = 1024;

}  // namespace

void add_listen_options(CLI::App& app, listen_options& options, std::uint16_t usual_port) {
  add_texts(app, "--bind", "ADDR", options.bind, "Listen on this address; * for all; repeatable")
      ->allow_extra_args(false)
      ->take_all()
      ->default_str("localhost");
  add_port(app, options.port, true, "Listen on this port; 0: one that is free", usual_port);
  add_text(app, "--port-file", "FILE", options.port_file, "Write the port to this file while connections are accepted");
}

result<std::vector<asio::ip::address>> bind_addresses(const std::vector<std::string>& texts) {
  std::vector<asio::ip::address> all;
  std::set<asio::ip::address> seen;
  for (const std::string& text : texts) {
    const auto parsed = net::parse_bind_address(text);
    if (!parsed) return parsed.error();
    for (const asio::ip::address& one : *parsed) {
      if (seen.insert(one).second) all.push_back(one);
    }
  }
  return all;
}

std::size_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return usual_limit;
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : before;
}

}  // namespace tcptools::cli
