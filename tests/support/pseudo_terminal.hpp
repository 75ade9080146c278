// A terminal of which the test holds the other end.
#pragma once

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>
#include <string_view>

#include "support/catch.hpp"
#include "tcptools/base/unique_fd.hpp"

namespace tcptools::testing {

class pseudo_terminal {
 public:
  pseudo_terminal() : main_{::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)} {
    REQUIRE(main_);
    REQUIRE(::grantpt(main_.get()) == 0);
    REQUIRE(::unlockpt(main_.get()) == 0);
    std::array<char, 64> name{};
    REQUIRE(::ptsname_r(main_.get(), name.data(), name.size()) == 0);
    end_.reset(::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC));
    REQUIRE(end_);
    const winsize size{24, 80, 0, 0};
    REQUIRE(::ioctl(main_.get(), TIOCSWINSZ, &size) == 0);
  }

  // The program's end.
  [[nodiscard]] int end() const { return end_.get(); }

  void type(std::string_view keys) {
    REQUIRE(::write(main_.get(), keys.data(), keys.size()) == static_cast<ssize_t>(keys.size()));
  }

  // What the program has written and nobody has read yet; "" if there is nothing.
  [[nodiscard]] std::string shown() {
    std::string all;
    std::array<char, 4096> bytes{};
    int waiting = 0;
    while (::ioctl(main_.get(), FIONREAD, &waiting) == 0 && waiting > 0) {
      const ssize_t size = ::read(main_.get(), bytes.data(), bytes.size());
      if (size <= 0) break;
      all.append(bytes.data(), static_cast<std::size_t>(size));
    }
    return all;
  }

  void hang_up() { main_.reset(); }

 private:
  unique_fd main_;
  unique_fd end_;
};

}  // namespace tcptools::testing
