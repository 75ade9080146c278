# What comes from the distribution. Nothing is downloaded or copied in.

# Where something is missing: what it is called in Debian and Ubuntu, and how all of it is installed at once.
function(tcptools_missing what package)
  message(FATAL_ERROR "${what} was not found. On Debian and Ubuntu it is the package ${package}; "
                      "script/bootstrap installs everything that is needed to build and test.")
endfunction()

macro(tcptools_find package_name debian_package)
  find_package(${package_name} QUIET ${ARGN})
  if(NOT ${package_name}_FOUND)
    tcptools_missing(${package_name} ${debian_package})
  endif()
endmacro()

set(THREADS_PREFER_PTHREAD_FLAG ON)
tcptools_find(Threads libc6-dev)
tcptools_find(PkgConfig pkg-config)
tcptools_find(CLI11 libcli11-dev)
tcptools_find(spdlog libspdlog-dev)
tcptools_find(nlohmann_json nlohmann-json3-dev)
tcptools_find(SQLite3 libsqlite3-dev)
tcptools_find(OpenSSL libssl-dev)

pkg_check_modules(XXHASH QUIET IMPORTED_TARGET libxxhash>=0.8)
if(NOT XXHASH_FOUND)
  tcptools_missing("xxHash 0.8 or later" libxxhash-dev)
endif()

pkg_check_modules(ZSTD QUIET IMPORTED_TARGET libzstd>=1.4)
if(NOT ZSTD_FOUND)
  tcptools_missing("zstd 1.4 or later" libzstd-dev)
endif()

pkg_check_modules(LIBEDIT QUIET IMPORTED_TARGET libedit)
if(NOT LIBEDIT_FOUND)
  tcptools_missing("libedit" libedit-dev)
endif()

# Asio's package has neither a CMake nor, everywhere, a pkg-config file.
find_path(ASIO_INCLUDE_DIR asio/awaitable.hpp)
if(NOT ASIO_INCLUDE_DIR)
  tcptools_missing("Standalone Asio" libasio-dev)
endif()
mark_as_advanced(ASIO_INCLUDE_DIR)
add_library(asio::asio INTERFACE IMPORTED)
target_include_directories(asio::asio SYSTEM INTERFACE "${ASIO_INCLUDE_DIR}")
# Without the last one, what Asio takes for its memory depends on which header a source includes first, and one part frees what
# the other has not allocated.
target_compile_definitions(asio::asio INTERFACE ASIO_STANDALONE ASIO_SEPARATE_COMPILATION ASIO_NO_DEPRECATED
                                                ASIO_DISABLE_STD_ALIGNED_ALLOC)
if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  # Asio before 1.23 looks for the coroutines of the technical specification only.
  target_compile_definitions(asio::asio INTERFACE ASIO_HAS_CO_AWAIT=1 ASIO_HAS_STD_COROUTINE=1)
endif()

if(TCPTOOLS_TESTS OR TCPTOOLS_FUZZ)
  tcptools_find(Python3 python3 COMPONENTS Interpreter)
endif()
if(TCPTOOLS_TESTS)
  tcptools_find(Catch2 catch2)
endif()
