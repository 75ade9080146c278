#include "cli/tcpchat/line_buffer.hpp"

#include <histedit.h>

#include <algorithm>
#include <array>
#include <clocale>
#include <cstdio>
#include <limits>
#include <optional>
#include <stdexcept>
#include <utility>

namespace tcptools::cli {
namespace {

// The commands that libedit does, each behind a key of our choice: its own bindings depend on the terminal's settings
// and read on within a command, which an event loop cannot allow.
struct command {
  key_code code;
  const wchar_t* name;
};

constexpr std::array commands{
    command{key_code::left, L"ed-prev-char"},
    command{key_code::right, L"ed-next-char"},
    command{key_code::home, L"ed-move-to-beg"},
    command{key_code::end, L"ed-move-to-end"},
    command{key_code::word_left, L"ed-prev-word"},
    command{key_code::word_right, L"em-next-word"},
    command{key_code::erase, L"em-delete-prev-char"},
    command{key_code::erase_next, L"ed-delete-next-char"},
    command{key_code::kill_word, L"ed-delete-prev-word"},
    command{key_code::kill_word_next, L"em-delete-next-word"},
    command{key_code::kill_rest, L"ed-kill-line"},
    command{key_code::kill_line, L"em-kill-line"},
    command{key_code::yank, L"em-yank"},
    command{key_code::transpose, L"ed-transpose-chars"},
    command{key_code::upper_case, L"em-upper-case"},
    command{key_code::lower_case, L"em-lower-case"},
    command{key_code::capital, L"em-capitol-case"},
};

constexpr wchar_t first_key = 1;
static_assert(first_key + commands.size() < 0x20, "control characters only: the others insert themselves");

std::optional<wchar_t> key_for(key_code code) {
  const auto at = std::ranges::find(commands, code, &command::code);
  if (at == commands.end()) return std::nullopt;
  return static_cast<wchar_t>(first_key + (at - commands.begin()));
}

std::wstring to_wide(std::u32string_view text) {
  static_assert(sizeof(wchar_t) == sizeof(char32_t), "wchar_t is UTF-32");
  return {text.begin(), text.end()};
}

// libedit asks the locale which characters are letters. The user's need not be UTF-8, and is nobody's business here.
class in_utf8_locale {
 public:
  in_utf8_locale() {
    static const locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    if (utf8 != nullptr) before_ = uselocale(utf8);
  }
  in_utf8_locale(const in_utf8_locale&) = delete;
  in_utf8_locale& operator=(const in_utf8_locale&) = delete;
  ~in_utf8_locale() {
    if (before_ != nullptr) uselocale(before_);
  }

 private:
  locale_t before_ = nullptr;
};

ssize_t swallow(void* /*cookie*/, const char* /*bytes*/, size_t size) { return static_cast<ssize_t>(size); }

}  // namespace

class line_buffer::engine {
 public:
  explicit engine(int terminal) : nowhere_{::fopencookie(nullptr, "w", {nullptr, swallow, nullptr, nullptr})} {
    if (nowhere_ == nullptr) throw std::runtime_error{"no memory for the line editor"};
    const in_utf8_locale utf8;
    // Its drawing goes nowhere: it knows no combining characters, and nothing of what others write to the terminal.
    editor_ = ::el_init_fd("tcpchat", nowhere_, nowhere_, nowhere_, terminal, terminal, terminal);
    if (editor_ == nullptr) {
      (void)std::fclose(nowhere_);
      throw std::runtime_error{"libedit cannot be started"};
    }
    ::el_wset(editor_, EL_CLIENTDATA, this);
    ::el_wset(editor_, EL_GETCFN, &engine::next_key);
    ::el_wset(editor_, EL_EDITOR, L"emacs");
    for (const command& one : commands) {
      const std::array<wchar_t, 2> sequence{key_for(one.code).value_or(0), 0};
      ::el_wset(editor_, EL_BIND, sequence.data(), one.name, static_cast<const wchar_t*>(nullptr));
    }
    ::el_wset(editor_, EL_UNBUFFERED, 1);
  }
  engine(const engine&) = delete;
  engine& operator=(const engine&) = delete;
  ~engine() {
    // Not editing any more, it leaves the terminal's mode alone, and what was typed ahead to whoever reads next.
    ::el_wset(editor_, EL_EDITMODE, 0);
    ::el_end(editor_);
    (void)std::fclose(nowhere_);
  }

  void press(wchar_t key) {
    const in_utf8_locale utf8;
    pressed_ = key;
    int length = 0;
    (void)::el_wgets(editor_, &length);
    pressed_.reset();
  }

  void insert(std::u32string_view text) {
    if (text.empty()) return;
    const in_utf8_locale utf8;
    ::el_winsertstr(editor_, to_wide(text).c_str());
    ::el_wset(editor_, EL_REFRESH);
  }

  void replace(std::u32string_view text, std::size_t cursor) {
    const in_utf8_locale utf8;
    // There is no call to empty the line, and deleting it by others would put it where yank finds it.
    ::el_wreplacestr(editor_, text.empty() ? L" " : to_wide(text).c_str());
    ::el_cursor(editor_, -static_cast<int>(this->cursor()));
    ::el_cursor(editor_, text.empty() ? 1 : static_cast<int>(std::min(cursor, text.size())));
    if (text.empty()) press(*key_for(key_code::erase));
    ::el_wset(editor_, EL_REFRESH);
  }

  [[nodiscard]] std::wstring_view text() const {
    const LineInfoW* const line = ::el_wline(editor_);
    return {line->buffer, static_cast<std::size_t>(line->lastchar - line->buffer)};
  }

  [[nodiscard]] std::size_t cursor() const {
    const LineInfoW* const line = ::el_wline(editor_);
    return static_cast<std::size_t>(line->cursor - line->buffer);
  }

 private:
  static int next_key(EditLine* editor, wchar_t* key) {
    engine* self = nullptr;
    ::el_wget(editor, EL_CLIENTDATA, &self);
    if (self == nullptr || !self->pressed_) return 0;
    *key = *std::exchange(self->pressed_, std::nullopt);
    return 1;
  }

  std::FILE* nowhere_;
  EditLine* editor_ = nullptr;
  std::optional<wchar_t> pressed_;
};

line_buffer::line_buffer(int terminal) : engine_{std::make_unique<engine>(terminal)} {
  // Where libedit found no terminal it does not edit but hands on, line by line, what it reads.
  engine_->insert(U"x");
  engine_->press(*key_for(key_code::erase));
  if (!empty()) throw std::runtime_error{"libedit does not edit on this terminal"};
}

line_buffer::~line_buffer() = default;

void line_buffer::edit(key_code code) {
  const std::optional<wchar_t> key = key_for(code);
  if (!key) return;
  engine_->press(*key);
  if (engine_->text().size() > most_characters) replace(std::u32string_view{text()}.substr(0, most_characters));
}

void line_buffer::insert(std::u32string_view text) {
  engine_->insert(text.substr(0, most_characters - std::min(most_characters, engine_->text().size())));
}

void line_buffer::replace(std::u32string_view text, std::size_t cursor) {
  engine_->replace(text.substr(0, most_characters), cursor);
}

std::u32string line_buffer::text() const {
  const std::wstring_view text = engine_->text();
  return {text.begin(), text.end()};
}

std::size_t line_buffer::cursor() const { return engine_->cursor(); }

bool line_buffer::empty() const { return engine_->text().empty(); }

}  // namespace tcptools::cli
