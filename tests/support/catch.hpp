// Catch2 3 where it is installed, otherwise Catch2 2; and how it prints what this project compares.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif

#include <string>

#include "tcptools/base/error.hpp"

template <>
struct Catch::StringMaker<tcptools::errc> {
  static std::string convert(tcptools::errc code) { return std::string{tcptools::describe(code)}; }
};

template <>
struct Catch::StringMaker<tcptools::error> {
  static std::string convert(const tcptools::error& failure) {
    return StringMaker<tcptools::errc>::convert(failure.code()) + " (" + failure.text() + ")";
  }
};
