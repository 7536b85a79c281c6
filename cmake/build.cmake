# SPDX-License-Identifier: Apache-2.0
# What all targets share: flags, and one function for each kind of target.

option(BOBBIN_TESTS "build the tests" ON)
option(BOBBIN_BENCH "build the benchmarks" OFF)
set(BOBBIN_SANITIZE "" CACHE STRING "value for -fsanitize=, empty for none")

# build_flags: how our own code is compiled, for every target of ours and nobody else's.
# Libraries that are installed link $<BUILD_INTERFACE:build_flags>: it must not leak out.
add_library(build_flags INTERFACE)
target_include_directories(build_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(build_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow
                                             -Wconversion -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 warns about uninitialised and dangling bytes inside its own coroutine frames and
  # std::string when sanitizers are on; clang-tidy and -fanalyzer look after ours.
  target_compile_options(build_flags INTERFACE -Wno-maybe-uninitialized -Wno-restrict
                                               -Wno-stringop-overflow -Wno-array-bounds)
else()
  # clang 19 blames the caller for what libstdc++ 12's own stable_sort uses.
  target_compile_options(build_flags INTERFACE -Wno-deprecated-declarations)
endif()
if(BOBBIN_SANITIZE)
  target_compile_options(build_flags INTERFACE -fsanitize=${BOBBIN_SANITIZE}
                                               -fno-omit-frame-pointer)
  target_link_options(build_flags INTERFACE -fsanitize=${BOBBIN_SANITIZE})
endif()
find_program(MOLD mold)
if(BOBBIN_SANITIZE AND MOLD)
  target_link_options(build_flags INTERFACE -fuse-ld=mold)  # a quarter of the time
endif()
if(BOBBIN_SANITIZE MATCHES undefined)
  # Its notes on each check are full of pointers: with programs that may be loaded
  # anywhere that is a tenth of a second of relocations whenever one starts.
  target_compile_options(build_flags INTERFACE -fno-pie)
  target_link_options(build_flags INTERFACE -no-pie)
endif()

# quick_build: for what is large and is not waited for when tests run.  Sanitized code
# takes twice as long to compile with -O1, and two processors build all of it in CI.
add_library(quick_build INTERFACE)
target_compile_options(quick_build INTERFACE $<$<AND:$<CONFIG:Debug>,$<NOT:$<BOOL:${BOBBIN_FUZZ}>>>:-O0>)

# add_tool(FOLDER NAME libraries...): FOLDER/NAME.cc, one main, becomes bin/bobbin-NAME.
function(add_tool name)
  add_executable(bobbin-${name} ${name}.cc)
  target_link_libraries(bobbin-${name} PRIVATE ${ARGN} build_flags)
  set_property(GLOBAL APPEND PROPERTY BOBBIN_TOOLS ${name})
  install(TARGETS bobbin-${name} RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/bobbin)
endfunction()
