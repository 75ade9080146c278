#include "cli/tcpsend/progress_line.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "cli/columns.hpp"
#include "tcptools/base/units.hpp"

namespace tcptools::cli {
namespace {

constexpr std::size_t bar_width = 16;
constexpr std::size_t least_name = 8;

// One code point: its bytes and its columns.
struct glyph {
  std::string_view bytes;
  std::size_t columns = 1;
};

// Of a UTF-8 sequence that begins so.
std::size_t sequence_length(unsigned char lead) noexcept {
  if (lead < 0x80U) return 1;
  if (lead < 0xE0U) return 2;
  return lead < 0xF0U ? 3 : 4;
}

std::vector<glyph> glyphs(std::string_view text) {
  std::vector<glyph> all;
  while (!text.empty()) {
    const auto lead = static_cast<unsigned char>(text[0]);
    const std::size_t length = std::min(sequence_length(lead), text.size());
    std::uint32_t code = length == 1 ? lead : lead & (0xFFU >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) code = (code << 6U) | (static_cast<unsigned char>(text[i]) & 0x3FU);
    all.push_back({text.substr(0, length), columns_of(static_cast<char32_t>(code)).value_or(1)});
    text.remove_prefix(length);
  }
  return all;
}

std::size_t width_of(const std::vector<glyph>& all) {
  std::size_t width = 0;
  for (const glyph& one : all) width += one.columns;
  return width;
}

std::string bar(std::uint64_t done, std::uint64_t total) {
  const std::size_t full =
      total == 0 ? bar_width
                 : static_cast<std::size_t>(static_cast<double>(done) / static_cast<double>(total) * bar_width);
  const std::size_t filled = std::min(full, bar_width);
  return "[" + std::string(filled, '=') + std::string(bar_width - filled, ' ') + "]";
}

std::string percent(std::uint64_t done, std::uint64_t total) {
  const double share = total == 0 ? 100.0 : 100.0 * static_cast<double>(done) / static_cast<double>(total);
  std::string digits = std::to_string(static_cast<unsigned>(std::min(share, 100.0)));
  return std::string(3 - std::min<std::size_t>(3, digits.size()), ' ') + digits + "%";
}

}  // namespace

std::size_t display_width(std::string_view text) { return width_of(glyphs(text)); }

std::string shorten(std::string_view text, std::size_t width) {
  const std::vector<glyph> all = glyphs(text);
  if (width_of(all) <= width) return std::string{text};
  if (width < 2) return width == 0 ? "" : ".";
  const std::size_t front_most = (width - 1) / 2;
  const std::size_t back_most = width - 1 - front_most;
  std::string front;
  std::size_t columns = 0;
  for (const glyph& one : all) {
    columns += one.columns;
    if (columns > front_most) break;
    front += one.bytes;
  }
  std::size_t start = all.size();
  columns = 0;
  while (start > 0 && columns + all[start - 1].columns <= back_most) columns += all[--start].columns;
  std::string back;
  for (; start < all.size(); ++start) back += all[start].bytes;
  return front + "~" + back;
}

std::string render_progress(const progress_state& state, std::size_t width) {
  // In the order of the line, with what each is worth: the highest number goes first when there is no room.
  struct part {
    std::string text;
    int expendable;
  };
  std::vector<part> parts;
  if (state.bytes_total) {
    parts.push_back({bar(state.bytes_done, *state.bytes_total), 4});
    parts.push_back({percent(state.bytes_done, *state.bytes_total), 0});
  } else {
    parts.push_back({format_size(state.bytes_done), 0});
  }
  parts.push_back({format_size(state.bytes_per_second) + "/s", 1});
  if (state.bytes_total && state.bytes_per_second > 0 && *state.bytes_total > state.bytes_done) {
    const std::uint64_t left = (*state.bytes_total - state.bytes_done) / state.bytes_per_second + 1;
    parts.push_back({"ETA " + format_duration(std::chrono::seconds{static_cast<std::int64_t>(left)}), 2});
  }
  if (state.files_total && *state.files_total != 1) {
    parts.push_back({std::to_string(state.files_done) + "/" + std::to_string(*state.files_total), 3});
  } else if (!state.files_total && state.files_done > 0) {
    parts.push_back({std::to_string(state.files_done) + " files", 3});
  }

  const auto join = [&parts] {
    std::string line;
    for (const part& one : parts) line += (line.empty() ? "" : "  ") + one.text;
    return line;
  };
  std::string line = join();
  while (parts.size() > 1 && line.size() + 2 + least_name > width) {
    const auto worst = std::ranges::max_element(parts, {}, &part::expendable);
    parts.erase(worst);
    line = join();
  }
  if (line.size() > width) return line.substr(0, width);
  if (line.size() + 2 + least_name > width) return line;
  const std::string name = shorten(state.name, width - line.size() - 2);
  return name.empty() ? line : name + "  " + line;
}

}  // namespace tcptools::cli
