# A floor is the static library tcptools_NAME made of src/NAME/*.cpp; a room of it, tcptools_FLOOR_NAME made of
# src/FLOOR/NAME/*.cpp, is built like one. One without sources is left out.

# tcptools_floor(NAME|FLOOR/NAME [PRIVATE_HEADERS] [ON floor...] [LINKS library...]): stands on other floors and on libraries.
# With PRIVATE_HEADERS its headers are in src/NAME and included as "NAME/header.hpp", otherwise in include/tcptools/NAME.
function(tcptools_floor name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "PRIVATE_HEADERS" "" "ON;LINKS")
  file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/${name}/*.cpp")
  if(NOT sources)
    message(STATUS "The floor ${name} has no sources and is left out")
    return()
  endif()

  string(REPLACE "/" "_" library "tcptools_${name}")
  add_library(${library} STATIC ${sources})
  target_include_directories(${library} PUBLIC "${PROJECT_SOURCE_DIR}/include")
  if(arg_PRIVATE_HEADERS)
    target_include_directories(${library} PUBLIC "${PROJECT_SOURCE_DIR}/src")
  endif()
  list(TRANSFORM arg_ON REPLACE "/" "_")
  list(TRANSFORM arg_ON REPLACE "(.+)" "$<TARGET_NAME_IF_EXISTS:tcptools_\\1>")
  target_link_libraries(
    ${library}
    PUBLIC ${arg_ON} ${arg_LINKS}
    PRIVATE tcptools_options tcptools_hardening)
endfunction()

# tcptools_program(NAME): the executable made of apps/NAME/*.cpp, on its room src/cli/NAME, its manual page and their
# installation.
function(tcptools_program name)
  file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/apps/${name}/*.cpp")
  if(NOT sources OR NOT TARGET tcptools_cli_${name})
    message(STATUS "The program ${name} is left out: no sources in apps/${name} or src/cli/${name}")
    return()
  endif()

  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE tcptools_cli_${name} tcptools_options tcptools_hardening)
  install(TARGETS ${name} RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
  if(EXISTS "${PROJECT_SOURCE_DIR}/docs/${name}.1")
    install(FILES "${PROJECT_SOURCE_DIR}/docs/${name}.1" DESTINATION "${CMAKE_INSTALL_MANDIR}/man1")
  endif()
endfunction()
