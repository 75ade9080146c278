// POSIX extended regular expressions on UTF-8.
#pragma once

#include <memory>
#include <string>

#include "tcptools/base/result.hpp"

namespace tcptools::cli {

class text_pattern {
 public:
  // Fails with errc::usage and what is wrong with it.
  [[nodiscard]] static result<text_pattern> compile(const std::string& expression);

  // Whether some part of `text` matches.
  [[nodiscard]] bool matches(const std::string& text) const;

 private:
  struct compiled;
  explicit text_pattern(std::shared_ptr<const compiled> one) : compiled_{std::move(one)} {}

  std::shared_ptr<const compiled> compiled_;
};

}  // namespace tcptools::cli
