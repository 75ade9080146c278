#include <openssl/ssl.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/certificates.hpp"
#include "support/loop.hpp"
#include "support/temp_dir.hpp"
#include "support/tls.hpp"
#include "tcptools/net/tls_stream.hpp"

using namespace tcptools;
using namespace tcptools::net;
using namespace tcptools::testing;
using tcptools::testing::certificate_authority;
using tcptools::testing::certificate_wish;
using tcptools::testing::make_key;
using tcptools::testing::make_key_client;
using tcptools::testing::run_test_loop;
using tcptools::testing::shake_hands;
using tcptools::testing::temp_dir;

namespace {

std::shared_ptr<const tls_server> make_server(tls_server::settings chosen) {
  auto made = tls_server::make(std::move(chosen));
  REQUIRE(made);
  return *made;
}

std::shared_ptr<const tls_server> make_server(certificate_files certificate, std::string client_ca = {}) {
  tls_server::settings chosen;
  chosen.certificate = std::move(certificate);
  chosen.client_ca = std::move(client_ca);
  return make_server(std::move(chosen));
}

std::shared_ptr<const tls_client> make_client(std::string ca, certificate_files certificate = {}, bool tls12 = false) {
  tls_client::settings chosen;
  chosen.ca = std::move(ca);
  chosen.certificate = std::move(certificate);
  chosen.tls12 = tls12;
  auto made = tls_client::make(std::move(chosen));
  REQUIRE(made);
  return *made;
}

// What a client is told when it reads: with TLS 1.3 its handshake is over before the server has judged it.
awaitable<error> read_error(stream& from) {
  std::array<std::byte, 8> into{};
  const result<std::size_t> got = co_await from.read_some(into);
  REQUIRE_FALSE(got);
  co_return got.error();
}

}  // namespace

TEST_CASE("a server with a certificate, by name and by address") {
  const temp_dir folder;
  certificate_authority ours{folder, "ours"};
  run_test_loop([&](any_executor executor) -> awaitable<void> {
    const auto server = make_server(ours.issue());
    const auto client = make_client(ours.file());
    for (const char* const host : {"localhost", "127.0.0.1", "::1", "localhost."}) {
      const handshake done = co_await shake_hands(executor, client, server, host);
      REQUIRE(done.client);
      REQUIRE(done.server);
      CHECK((*done.client)->identity()->name == "server");
      CHECK((*done.client)->identity()->by_key == nullptr);
      CHECK((*done.server)->identity() == nullptr);
    }
  });
}

TEST_CASE("certificates that are not accepted") {
  const temp_dir folder;
  certificate_authority ours{folder, "ours"};
  certificate_authority theirs{folder, "theirs"};
  certificate_wish expired;
  expired.lives_to = std::chrono::seconds{-60};
  certificate_wish early;
  early.lives_from = std::chrono::seconds{600};
  certificate_wish of_client;
  of_client.usage = "clientAuth";
  run_test_loop([&](any_executor executor) -> awaitable<void> {
    const auto client = make_client(ours.file());
    const auto judge = [&](certificate_authority& by, const certificate_wish& wish,
                           std::string host) -> awaitable<error> {
      const auto server = make_server(by.issue(wish));
      const handshake done = co_await shake_hands(executor, client, server, std::move(host));
      REQUIRE_FALSE(done.client);
      CHECK_FALSE(done.server);
      co_return done.client.error();
    };
    const certificate_wish usual;
    const error other_name = co_await judge(ours, usual, "example.org");
    CHECK(other_name == error{errc::refused, "the server's certificate is not for 'example.org'"});
    const error other_address = co_await judge(ours, usual, "127.0.0.2");
    CHECK(other_address == error{errc::refused, "the server's certificate is not for '127.0.0.2'"});
    const error late = co_await judge(ours, expired, "localhost");
    CHECK(late == error{errc::refused, "the server's certificate is not accepted: certificate has expired"});
    const error soon = co_await judge(ours, early, "localhost");
    CHECK(soon == error{errc::refused, "the server's certificate is not accepted: certificate is not yet valid"});
    const error unknown = co_await judge(theirs, usual, "localhost");
    CHECK(unknown ==
          error{errc::refused, "the server's certificate is not accepted: unable to get local issuer certificate"});
    const error purpose = co_await judge(ours, of_client, "localhost");
    CHECK(purpose.code() == errc::refused);
  });
}

TEST_CASE("without a name no certificate is good") {
  const temp_dir folder;
  certificate_authority ours{folder, "ours"};
  run_test_loop([&](any_executor executor) -> awaitable<void> {
    const auto server = make_server(ours.issue());
    const auto client = make_client(ours.file());
    for (const char* const host : {"", "."}) {
      const handshake done = co_await shake_hands(executor, client, server, host);
      REQUIRE_FALSE(done.client);
      CHECK(done.client.error().code() == errc::refused);
    }
  });
}

TEST_CASE("clients show certificates, too") {
  const temp_dir folder;
  certificate_authority ours{folder, "ours"};
  certificate_authority theirs{folder, "theirs"};
  certificate_wish wish;
  wish.name = "alice\n\x1b[1m";
  run_test_loop([&](any_executor executor) -> awaitable<void> {
    const auto server = make_server(ours.issue(), ours.file());
    const auto known = make_client(ours.file(), ours.issue(wish));
    const handshake good = co_await shake_hands(executor, known, server, "localhost");
    REQUIRE(good.server);
    REQUIRE((*good.server)->identity());
    CHECK((*good.server)->identity()->name == "alice\\n\\x1B[1m");

    const auto nobody = make_client(ours.file());
    const handshake without = co_await shake_hands(executor, nobody, server, "localhost");
    REQUIRE_FALSE(without.server);
    CHECK(without.server.error() == error{errc::refused, "it showed no certificate"});
    REQUIRE(without.client);
    const error told = co_await read_error(**without.client);
    CHECK(told.code() == errc::refused);

    const auto stranger = make_client(ours.file(), theirs.issue());
    const handshake foreign = co_await shake_hands(executor, stranger, server, "localhost");
    REQUIRE_FALSE(foreign.server);
    CHECK(foreign.server.error() ==
          error{errc::refused, "its certificate is not accepted: unable to get local issuer certificate"});
  });
}

TEST_CASE("keys and certificates do not stand in for each other") {
  const temp_dir folder;
  certificate_authority ours{folder, "ours"};
  run_test_loop([&](any_executor executor) -> awaitable<void> {
    const key one = make_key("alice", 1);
    const auto with_certificate = make_server(ours.issue());
    const auto by_key = make_key_client(one);
    const handshake impostor = co_await shake_hands(executor, by_key, with_certificate, "localhost");
    REQUIRE_FALSE(impostor.client);
    CHECK(impostor.client.error() ==
          error{errc::refused, "the server did not take the key 'alice' but showed a certificate"});
    CHECK_FALSE(impostor.server);

    const auto with_key = make_key_server(std::vector<key>(1, one));
    const auto nobody = make_client(ours.file(), ours.issue());
    const handshake keyless = co_await shake_hands(executor, nobody, with_key, "localhost");
    REQUIRE_FALSE(keyless.server);
    CHECK(keyless.server.error() == error{errc::refused, "it has no key"});
    REQUIRE_FALSE(keyless.client);
    CHECK(keyless.client.error() == error{errc::refused, "the server ended the TLS handshake; it may demand a key"});

    tls_server::settings chosen;
    chosen.keys = std::make_shared<const key_ring>(std::vector<key>(1, one));
    chosen.certificate = ours.issue();
    chosen.client_ca = ours.file();
    const auto with_both = make_server(chosen);
    const handshake key_alone = co_await shake_hands(executor, by_key, with_both, "localhost");
    REQUIRE(key_alone.server);
    CHECK((*key_alone.server)->identity()->by_key != nullptr);
    const handshake certificate_alone = co_await shake_hands(executor, nobody, with_both, "localhost");
    REQUIRE(certificate_alone.server);
    CHECK((*certificate_alone.server)->identity()->name == "server");
    CHECK((*certificate_alone.server)->identity()->by_key == nullptr);
    const auto neither = make_client(ours.file());
    const handshake refused = co_await shake_hands(executor, neither, with_both, "localhost");
    REQUIRE_FALSE(refused.server);
    CHECK(refused.server.error() == error{errc::refused, "it has neither a key nor a certificate"});
    const auto wrong = make_key_client(make_key("alice", 2));
    const handshake wrong_key = co_await shake_hands(executor, wrong, with_both, "localhost");
    REQUIRE_FALSE(wrong_key.server);
    CHECK(wrong_key.server.error() == error{errc::refused, "wrong secret for key 'alice'"});
  });
}

TEST_CASE("TLS 1.2 only where it was asked for") {
  const temp_dir folder;
  certificate_authority ours{folder, "ours"};
  run_test_loop([&](any_executor executor) -> awaitable<void> {
    const auto old_client = make_client(ours.file(), {}, true);
    SSL_CTX_set_max_proto_version(old_client->native(), TLS1_2_VERSION);
    const auto strict = make_server(ours.issue());
    const handshake refused = co_await shake_hands(executor, old_client, strict, "localhost");
    REQUIRE_FALSE(refused.server);
    CHECK(refused.server.error().code() == errc::version_unsupported);
    REQUIRE_FALSE(refused.client);
    CHECK(refused.client.error().code() == errc::version_unsupported);

    tls_server::settings chosen;
    chosen.certificate = ours.issue();
    chosen.tls12 = true;
    const auto lenient = make_server(chosen);
    const handshake taken = co_await shake_hands(executor, old_client, lenient, "localhost");
    REQUIRE(taken.client);
    REQUIRE(taken.server);
    const result<void> sent = co_await (*taken.server)->write(as_bytes("hello"));
    REQUIRE(sent);
    std::array<std::byte, 8> into{};
    const result<std::size_t> got = co_await (*taken.client)->read_some(into);
    CHECK(got.value() == 5);
  });
}

TEST_CASE("what a side of TLS cannot be set up with") {
  const temp_dir folder;
  certificate_authority ours{folder, "ours"};
  const certificate_files good = ours.issue();
  const auto why_not = [](certificate_files certificate, std::string client_ca = {}, bool with_keys = false) {
    tls_server::settings chosen;
    chosen.certificate = std::move(certificate);
    chosen.client_ca = std::move(client_ca);
    if (with_keys) chosen.keys = std::make_shared<const key_ring>(std::vector<key>{});
    const auto made = tls_server::make(std::move(chosen));
    REQUIRE_FALSE(made);
    CHECK(made.error().code() == errc::usage);
    return made.error().text();
  };
  CHECK(why_not({}) == "TLS takes keys or a certificate");
  CHECK(why_not({good.chain, ""}).starts_with("a certificate and its private key belong together"));
  CHECK(why_not(good, "", true).starts_with("with both keys and a certificate"));
  CHECK(why_not({}, ours.file(), true).starts_with("clients can be asked for a certificate only by"));
  const std::string missing = why_not({folder / "none.pem", good.private_key});
  CHECK(missing.starts_with("'" + folder / "none.pem" + "' cannot be used"));
  const std::string no_authority = why_not(good, folder / "none.pem");
  for (const std::string& text : {missing, no_authority}) CHECK_FALSE(text.ends_with(" lib"));
  CHECK(why_not({good.private_key, good.private_key}).ends_with("no start line"));
  CHECK(why_not({good.chain, ours.issue().private_key}).find("cannot be used as the private key of") !=
        std::string::npos);
  CHECK(why_not(good, folder.write("empty.pem", "")).find("cannot be used as certificates of whom to trust") !=
        std::string::npos);

  std::filesystem::permissions(good.private_key, std::filesystem::perms::group_read,
                               std::filesystem::perm_options::add);
  CHECK(why_not(good).find(good.private_key) != std::string::npos);
}
