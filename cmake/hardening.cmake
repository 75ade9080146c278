# What makes a bug in the programs harder to use, without a say of theirs: docs/security.md, "How the programs are built". Floors
# and programs take it from tcptools_hardening; tests/hardening.py reads the programs. Not with sanitizers, which have ways of
# their own.
include(CheckCXXCompilerFlag)
include(CheckLinkerFlag)

add_library(tcptools_hardening INTERFACE)

set(TCPTOOLS_HARDENED OFF)
if(TCPTOOLS_SANITIZE OR TCPTOOLS_FUZZ)
  return()
endif()
if(CMAKE_SYSTEM_NAME STREQUAL Linux AND NOT CMAKE_BUILD_TYPE STREQUAL Debug)
  set(TCPTOOLS_HARDENED ON)
endif()

# tcptools_harden(FLAG...): those that the compiler has.
function(tcptools_harden)
  foreach(flag IN LISTS ARGN)
    string(MAKE_C_IDENTIFIER "has${flag}" has)
    check_cxx_compiler_flag(${flag} ${has})
    if(${has})
      target_compile_options(tcptools_hardening INTERFACE ${flag})
    endif()
  endforeach()
endfunction()

# All libraries of ours end in programs, so code that can be loaded anywhere need not be code that others could replace.
tcptools_harden(-fPIE -fstack-protector-strong -fstack-clash-protection)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|i.86)$")
  tcptools_harden(-fcf-protection=full)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
  tcptools_harden(-mbranch-protection=standard)
endif()

# The C library checks sizes only in code that is optimised. Level 3 also where a size is known at run time only.
set(level 2)
if(CMAKE_CXX_COMPILER_ID MATCHES Clang OR CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 12)
  set(level 3)
endif()
target_compile_options(tcptools_hardening
                       INTERFACE "$<$<NOT:$<CONFIG:Debug>>:SHELL:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=${level}>")

foreach(flag IN ITEMS -pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,-z,separate-code)
  string(MAKE_C_IDENTIFIER "links${flag}" links)
  check_linker_flag(CXX ${flag} ${links})
  if(${links})
    target_link_options(tcptools_hardening INTERFACE ${flag})
  endif()
endforeach()
