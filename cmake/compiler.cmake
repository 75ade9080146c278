# How everything is compiled: language, optimisation, warnings, sanitizers, ccache. Targets take it from tcptools_options.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

get_property(multi_config GLOBAL PROPERTY GENERATOR_IS_MULTI_CONFIG)
if(NOT multi_config AND NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Release, RelWithDebInfo or Debug" FORCE)
endif()

# Only a release does without assertions, ours and the standard library's.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g -D_GLIBCXX_ASSERTIONS")
if(CMAKE_UNITY_BUILD)
  # Batches are there to be tested, not stepped through: functions and lines suffice, and cost less to compile.
  set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1 -D_GLIBCXX_ASSERTIONS")
endif()

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Paths seen from the source folder: all checkouts on a machine share what one of them compiled.
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}" CCACHE_NOHASHDIR=1
                                  "${CCACHE}")
endif()

add_library(tcptools_options INTERFACE)
target_compile_options(
  tcptools_options
  INTERFACE -Wall
            -Wextra
            -Wpedantic
            -Wcast-align
            -Wcast-qual
            -Wconversion
            -Wdeprecated-copy-dtor
            -Wdouble-promotion
            -Wextra-semi
            -Wformat=2
            -Wimplicit-fallthrough
            -Wnon-virtual-dtor
            -Wold-style-cast
            -Woverloaded-virtual
            -Wredundant-decls
            -Wshadow
            -Wsign-conversion
            -Wundef
            -Wunused
            $<$<CXX_COMPILER_ID:GNU>:-Wduplicated-cond>
            $<$<CXX_COMPILER_ID:GNU>:-Wlogical-op>
            # In a batch of sources anonymous namespaces are not in the main file, which is all that GCC minds.
            $<$<AND:$<CXX_COMPILER_ID:GNU>,$<BOOL:${CMAKE_UNITY_BUILD}>>:-Wno-subobject-linkage>
            # GCC 12 takes a coroutine frame's own operators new and delete for mismatched (GCC bug 103993).
            $<$<CXX_COMPILER_ID:GNU>:-Wno-mismatched-new-delete>)

# tcptools_build_sooner(TARGET...): half as long, neither optimised nor counted for fuzzing. For what is not itself under test,
# or spends no time worth mentioning.
function(tcptools_build_sooner)
  foreach(target IN LISTS ARGN)
    if(TARGET ${target})
      target_compile_options(${target} PRIVATE -O0)
      set_target_properties(${target} PROPERTIES TCPTOOLS_NOT_FUZZED ON)
    endif()
  endforeach()
endfunction()

set(sanitizers ${TCPTOOLS_SANITIZE})
if(TCPTOOLS_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES Clang)
    message(FATAL_ERROR "TCPTOOLS_FUZZ needs clang with libFuzzer: use `cmake --preset asan`, or set CMAKE_CXX_COMPILER.")
  endif()
  # Counts what has been reached, except in what no fuzz target is linked with and says so.
  target_compile_options(tcptools_options INTERFACE
                         $<$<NOT:$<BOOL:$<TARGET_PROPERTY:TCPTOOLS_NOT_FUZZED>>>:-fsanitize=fuzzer-no-link>)
  target_link_options(tcptools_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(sanitizers)
  list(JOIN sanitizers "," sanitizers)
  target_compile_options(tcptools_options INTERFACE -fsanitize=${sanitizers} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(tcptools_options INTERFACE -fsanitize=${sanitizers})
  # Asio's fences, which the sanitizer does not see; what they order is ordered by mutexes as well.
  target_compile_options(tcptools_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-tsan>)
endif()
