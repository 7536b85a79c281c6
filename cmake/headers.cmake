# SPDX-License-Identifier: Apache-2.0
# Each header compiled alone: none may lean on what its includers happened to include.
option(BOBBIN_HEADERS "compile each header alone in the default build" OFF)

set(alone)
foreach(folder base spoolfmt hints smtp net policy engine receiver qrunner utils tests/support)
  file(GLOB headers RELATIVE ${CMAKE_SOURCE_DIR} CONFIGURE_DEPENDS ${folder}/*.h)
  foreach(header ${headers})
    set(source ${CMAKE_BINARY_DIR}/headers/${header}.cc)
    file(CONFIGURE OUTPUT ${source} CONTENT "#include \"${header}\"\n")
    list(APPEND alone ${source})
  endforeach()
endforeach()
add_library(headers OBJECT ${alone})
target_compile_options(headers PRIVATE -O0 -g0)
target_link_libraries(headers PRIVATE build_flags)
if(NOT BOBBIN_HEADERS)
  set_target_properties(headers PROPERTIES EXCLUDE_FROM_ALL ON)
endif()
