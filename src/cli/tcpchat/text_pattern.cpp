#include "cli/tcpchat/text_pattern.hpp"

#include <locale.h>  // NOLINT(modernize-deprecated-headers): newlocale
#include <regex.h>

#include <array>
#include <utility>

#include "tcptools/base/text.hpp"

namespace tcptools::cli {
namespace {

// This thread's locale while it lives; nothing changes where there is none.
class locale_here {
 public:
  explicit locale_here(locale_t ours) : before_{ours == nullptr ? nullptr : ::uselocale(ours)} {}
  locale_here(const locale_here&) = delete;
  locale_here& operator=(const locale_here&) = delete;
  ~locale_here() {
    if (before_ != nullptr) ::uselocale(before_);
  }

 private:
  locale_t before_;
};

}  // namespace

struct text_pattern::compiled {
  compiled() = default;
  compiled(const compiled&) = delete;
  compiled& operator=(const compiled&) = delete;
  ~compiled() {
    if (is_compiled) ::regfree(&expression);
    if (utf8 != nullptr) ::freelocale(utf8);
  }

  // Characters are those of UTF-8, whatever the user's locale is; bytes where the system has no such locale.
  locale_t utf8 = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  regex_t expression{};
  bool is_compiled = false;
};

result<text_pattern> text_pattern::compile(const std::string& expression) {
  auto made = std::make_shared<compiled>();
  const locale_here characters{made->utf8};
  const int failed = ::regcomp(&made->expression, expression.c_str(), REG_EXTENDED | REG_NOSUB);
  made->is_compiled = failed == 0;
  if (made->is_compiled) return text_pattern{std::move(made)};
  std::array<char, 200> why{};
  (void)::regerror(failed, &made->expression, why.data(), why.size());
  return error{errc::usage, in_quotes(expression) + " is no regular expression: " + why.data()};
}

bool text_pattern::matches(const std::string& text) const {
  const locale_here characters{compiled_->utf8};
  return ::regexec(&compiled_->expression, text.c_str(), 0, nullptr, 0) == 0;
}

}  // namespace tcptools::cli
