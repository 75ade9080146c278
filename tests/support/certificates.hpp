// Certificates for tests, made when they are needed: no private key is worth keeping in the tree.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "support/temp_dir.hpp"
#include "tcptools/net/tls_context.hpp"

namespace tcptools::testing {

struct certificate_wish {
  std::string name = "server";
  std::string for_whom = "DNS:localhost,IP:127.0.0.1,IP:::1";  // subjectAltName; empty: none
  std::string usage = "serverAuth,clientAuth";
  std::chrono::seconds lives_from{-3600};  // from now
  std::chrono::seconds lives_to{3600};
};

// An authority, with its files in a directory that outlives it.
class certificate_authority {
 public:
  certificate_authority(const temp_dir& folder, std::string name)
      : folder_{folder}, name_{std::move(name)}, key_{make_private_key()} {
    certificate_wish own;
    own.name = name_;
    certificate_ = make(own, *key_);
    write(file(), [this](FILE* out) { return PEM_write_X509(out, certificate_.get()); });
  }

  [[nodiscard]] std::string file() const { return folder_ / (name_ + "-ca.pem"); }

  [[nodiscard]] net::certificate_files issue(const certificate_wish& wish = {}) {
    const private_key own = make_private_key();
    const certificate made = make(wish, *own);
    const std::string stem = folder_ / (name_ + "-" + std::to_string(++issued_));
    net::certificate_files files{stem + ".pem", stem + ".key"};
    write(files.chain, [&](FILE* out) { return PEM_write_X509(out, made.get()); });
    write(files.private_key,
          [&](FILE* out) { return PEM_write_PrivateKey(out, own.get(), nullptr, nullptr, 0, nullptr, nullptr); });
    return files;
  }

 private:
  using private_key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
  using certificate = std::unique_ptr<X509, decltype(&X509_free)>;

  static void check(bool is_good) {
    if (!is_good) throw std::runtime_error{"a certificate could not be made"};
  }

  static private_key make_private_key() {
    std::string curve = "P-256";  // is asked for as if it would be changed
    private_key made{EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", curve.data()), &EVP_PKEY_free};
    check(made != nullptr);
    return made;
  }

  // Signed by this authority, or by itself if that is being made.
  certificate make(const certificate_wish& wish, EVP_PKEY& own) {
    const bool is_authority = certificate_ == nullptr;
    certificate made{X509_new(), &X509_free};
    X509* const raw = made.get();
    X509_set_version(raw, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(raw), ++serial_);
    X509_gmtime_adj(X509_getm_notBefore(raw), wish.lives_from.count());
    X509_gmtime_adj(X509_getm_notAfter(raw), wish.lives_to.count());
    X509_set_pubkey(raw, &own);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(raw), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(wish.name.c_str()), -1, -1, 0);
    X509_set_issuer_name(raw, X509_get_subject_name(is_authority ? raw : certificate_.get()));
    extend(raw, NID_basic_constraints, is_authority ? "critical,CA:TRUE" : "CA:FALSE");
    if (!is_authority) extend(raw, NID_ext_key_usage, wish.usage);
    if (!is_authority && !wish.for_whom.empty()) extend(raw, NID_subject_alt_name, wish.for_whom);
    check(X509_sign(raw, key_.get(), EVP_sha256()) > 0);
    return made;
  }

  static void extend(X509* raw, int what, const std::string& value) {
    const std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)> extension{
        X509V3_EXT_conf_nid(nullptr, nullptr, what, value.c_str()), &X509_EXTENSION_free};
    check(extension != nullptr && X509_add_ext(raw, extension.get(), -1) == 1);
  }

  template <class Print>
  static void write(const std::string& path, Print print) {
    const std::unique_ptr<FILE, decltype(&std::fclose)> out{std::fopen(path.c_str(), "w"), &std::fclose};
    check(out != nullptr && print(out.get()) == 1);
    std::filesystem::permissions(path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  }

  const temp_dir& folder_;
  std::string name_;
  private_key key_;
  certificate certificate_{nullptr, &X509_free};
  long serial_ = 0;
  int issued_ = 0;
};

}  // namespace tcptools::testing
