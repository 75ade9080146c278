// A directory of its own for a test, removed with everything in it.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace tcptools::testing {

class temp_dir {
 public:
  temp_dir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "tcptools-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error{"no temporary directory"};
    path_ = pattern;
  }
  temp_dir(const temp_dir&) = delete;
  temp_dir& operator=(const temp_dir&) = delete;
  ~temp_dir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  // The path of something in it.
  [[nodiscard]] std::string operator/(std::string_view relative) const { return (path_ / relative).string(); }

  // Writes a file, making the directories on its way; gives its path.
  std::string write(std::string_view relative, std::string_view content) const {
    const std::filesystem::path file = path_ / relative;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream out{file, std::ios::binary | std::ios::trunc};
    out.write(content.data(), static_cast<std::streamsize>(content.size()));
    out.close();
    if (!out) throw std::runtime_error{"cannot write " + file.string()};
    return file.string();
  }

  // The content of a file.
  [[nodiscard]] std::string read(std::string_view relative) const {
    std::ifstream in{path_ / relative, std::ios::binary};
    if (!in) throw std::runtime_error{"cannot read " + (path_ / relative).string()};
    std::string content(std::filesystem::file_size(path_ / relative), '\0');
    in.read(content.data(), static_cast<std::streamsize>(content.size()));
    return content;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace tcptools::testing
