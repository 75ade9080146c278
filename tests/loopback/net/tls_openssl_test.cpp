// An independent peer: the command openssl.

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/certificates.hpp"
#include "support/child_process.hpp"
#include "support/loop.hpp"
#include "support/temp_dir.hpp"
#include "support/tls.hpp"
#include "tcptools/net/acceptor.hpp"
#include "tcptools/net/connect.hpp"
#include "tcptools/net/task_group.hpp"

using namespace std::chrono_literals;
using namespace tcptools;
using namespace tcptools::net;
using namespace tcptools::testing;
using tcptools::testing::certificate_authority;
using tcptools::testing::child_process;
using tcptools::testing::comes_true;
using tcptools::testing::make_key;
using tcptools::testing::make_key_client;
using tcptools::testing::make_key_server;
using tcptools::testing::run_test_loop;
using tcptools::testing::temp_dir;

namespace {

constexpr int filling = 0x5A;

std::string hex_secret() {
  std::string text;
  for (std::size_t i = 0; i < secret::size; ++i) text += "5A";
  return text;
}

std::vector<std::string> openssl(std::vector<std::string> words) {
  words.insert(words.begin(), "openssl");
  return words;
}

// What `openssl s_client` with these options and the input "question" came to with a server.
struct conversation {
  tls_end accepted = error{errc::cancelled};
  std::string asked;
  std::string output;
};

awaitable<conversation> talk(any_executor executor, const temp_dir& folder, std::shared_ptr<const tls_server> server,
                             std::vector<std::string> options) {
  conversation all;
  asio::basic_socket_acceptor<asio::ip::tcp, any_executor> door{executor, {asio::ip::address_v4::loopback(), 0}};
  std::vector<std::string> words = openssl({"s_client", "-quiet", "-connect"});
  words.push_back("127.0.0.1:" + std::to_string(door.local_endpoint().port()));
  words.insert(words.end(), options.begin(), options.end());
  child_process client{std::move(words), folder.write("question", "question\n"), folder / "output"};
  auto [failure, socket] = co_await door.async_accept(use_tuple);
  REQUIRE_FALSE(failure);
  auto over = std::make_shared<tcp_stream>(std::move(socket));
  over->set_deadline(stream::clock::now() + 10s);
  all.accepted = co_await accept_tls(std::move(over), std::move(server));
  if (all.accepted) {
    stream& with = **all.accepted;
    std::array<std::byte, 64> into{};
    const result<std::size_t> got = co_await with.read_some(into);
    REQUIRE(got);
    all.asked = as_text(byte_view{into}.first(*got));
    const result<void> answered = co_await with.write(as_bytes("answer"));
    REQUIRE(answered);
    const result<void> ended = co_await with.shutdown_send();
    REQUIRE(ended);
  }
  const bool has_ended = co_await comes_true([&client] { return client.has_ended(); });
  CHECK(has_ended);
  all.output = folder.read("output");
  co_return all;
}

}  // namespace

TEST_CASE("openssl s_client comes in with a key, and not without") {
  const temp_dir folder;
  run_test_loop([&](any_executor executor) -> awaitable<void> {
    const auto server = make_key_server(std::vector<key>(1, make_key("alice", filling)));
    std::vector<std::string> options{"-tls1_3", "-psk_identity", "alice", "-psk", hex_secret()};
    const conversation good = co_await talk(executor, folder, server, options);
    REQUIRE(good.accepted);
    CHECK((*good.accepted)->identity()->name == "alice");
    CHECK(good.asked == "question\n");
    CHECK(good.output.find("answer") != std::string::npos);

    options.emplace_back("-ciphersuites");
    options.emplace_back("TLS_CHACHA20_POLY1305_SHA256");
    const conversation other_suite = co_await talk(executor, folder, server, options);
    CHECK(other_suite.asked == "question\n");

    options = {"-tls1_3", "-psk_identity", "alice", "-psk", hex_secret().replace(0, 2, "00")};
    const conversation wrong = co_await talk(executor, folder, server, options);
    REQUIRE_FALSE(wrong.accepted);
    CHECK(wrong.accepted.error() == error{errc::refused, "wrong secret for key 'alice'"});
    options = {"-tls1_3", "-psk_identity", "bob", "-psk", hex_secret()};
    const conversation unknown = co_await talk(executor, folder, server, options);
    REQUIRE_FALSE(unknown.accepted);
    CHECK(unknown.accepted.error() == error{errc::refused, "unknown key 'bob'"});
    // But for error codes with the addresses of its memory, the client has learned the same.
    const auto alert_in = [](const std::string& output) {
      const std::size_t begin = output.find("SSL alert number");
      REQUIRE(begin != std::string::npos);
      return output.substr(begin, output.find('\n', begin) - begin);
    };
    CHECK(alert_in(wrong.output) == alert_in(unknown.output));

    options = {"-tls1_3"};
    const conversation keyless = co_await talk(executor, folder, server, options);
    REQUIRE_FALSE(keyless.accepted);
    CHECK(keyless.accepted.error() == error{errc::refused, "it has no key"});
    options = {"-tls1_2"};
    const conversation old = co_await talk(executor, folder, server, options);
    REQUIRE_FALSE(old.accepted);
    CHECK(old.accepted.error().code() == errc::version_unsupported);
  });
}

TEST_CASE("openssl s_client with a certificate") {
  const temp_dir folder;
  certificate_authority ours{folder, "ours"};
  run_test_loop([&](any_executor executor) -> awaitable<void> {
    tls_server::settings chosen;
    chosen.certificate = ours.issue();
    chosen.client_ca = ours.file();
    const auto made = tls_server::make(chosen);
    REQUIRE(made);
    const certificate_files shown = ours.issue();
    std::vector<std::string> options{
        "-tls1_3", "-CAfile",   ours.file(), "-verify_return_error", "-verify_hostname", "localhost",
        "-cert",   shown.chain, "-key",      shown.private_key};
    const conversation good = co_await talk(executor, folder, *made, options);
    REQUIRE(good.accepted);
    CHECK(good.asked == "question\n");
    CHECK(good.output.find("answer") != std::string::npos);
    options.resize(6);
    const conversation without = co_await talk(executor, folder, *made, options);
    REQUIRE_FALSE(without.accepted);
    CHECK(without.accepted.error() == error{errc::refused, "it showed no certificate"});
  });
}

TEST_CASE("openssl s_server proves that it has the key, and not another") {
  const temp_dir folder;
  run_test_loop([&](any_executor executor) -> awaitable<void> {
    std::vector<std::string> words =
        openssl({"s_server", "-accept", "127.0.0.1:0", "-tls1_3", "-nocert", "-rev", "-psk", hex_secret()});
    const child_process server{std::move(words), "/dev/null", folder / "output"};
    const std::string before = "ACCEPT 127.0.0.1:";
    const auto port_text = [&] {
      const std::string output = folder.read("output");
      const std::size_t begin = output.find(before);
      const std::size_t end = begin == std::string::npos ? begin : output.find('\n', begin);
      return end == std::string::npos ? "" : output.substr(begin + before.size(), end - begin - before.size());
    };
    const bool is_up = co_await comes_true([&] { return !port_text().empty(); });
    REQUIRE(is_up);
    const auto port = static_cast<std::uint16_t>(std::stoi(port_text()));

    connector good{executor};
    good.secure_with(make_key_client(make_key("Client_identity", filling)));
    const auto secured = co_await good.connect("127.0.0.1", port, 10s);
    REQUIRE(secured);
    CHECK((*secured)->identity()->name == "Client_identity");
    const result<void> asked = co_await (*secured)->write(as_bytes("stressed\n"));
    REQUIRE(asked);
    std::array<std::byte, 64> into{};
    const result<std::size_t> answer = co_await (*secured)->read_some(into);
    REQUIRE(answer);
    CHECK(as_text(byte_view{into}.first(*answer)) == "desserts\n");
    (*secured)->close();

    connector bad{executor};
    bad.secure_with(make_key_client(make_key("Client_identity", filling + 1)));
    const auto refused = co_await bad.connect("127.0.0.1", port, 10s);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code() == errc::refused);
  });
}
