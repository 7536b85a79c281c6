# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` puts in place beside the tools (add_tool): manual pages, shell
# completions, and spoolfmt as a library for others.
include(CMakePackageConfigHelpers)

file(GLOB pages CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/man/*.[1-8])
foreach(page ${pages})
  string(REGEX MATCH "[1-8]$" section ${page})
  install(FILES ${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endforeach()

# Completions come from the tools themselves, so they are made once these are built.
get_property(tools GLOBAL PROPERTY BOBBIN_TOOLS)
if(tools)
  list(SORT tools)
  list(TRANSFORM tools PREPEND bobbin- OUTPUT_VARIABLE programs)
  list(TRANSFORM programs PREPEND ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/ OUTPUT_VARIABLE paths)
  set(script ${CMAKE_SOURCE_DIR}/scripts/completions)
  set(completions ${CMAKE_BINARY_DIR}/completions)
  file(MAKE_DIRECTORY ${completions})
  foreach(shell bash zsh)
    add_custom_command(OUTPUT ${completions}/${shell}
      COMMAND ${script} ${shell} ${paths} > ${completions}/${shell}
      DEPENDS ${script} ${programs} VERBATIM)
  endforeach()
  add_custom_target(completions ALL DEPENDS ${completions}/bash ${completions}/zsh)
  install(FILES ${completions}/bash RENAME bobbin
          DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  install(FILES ${completions}/zsh RENAME _bobbin
          DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
endif()

# Units of systemd; it looks for them in the prefix /usr and /usr/local alone, and a
# packager may have a place of his own.
option(BOBBIN_SYSTEMD "install units, users and directories for systemd" ON)
if(TARGET bobbin-receive)
  set(BOBBIN_UNIT_DIR lib/systemd/system CACHE STRING "where units of systemd go")
  set(units ${CMAKE_SOURCE_DIR}/scripts/systemd)
  set(made ${CMAKE_BINARY_DIR}/systemd)
  foreach(service bobbin-receive bobbin-run)
    configure_file(${units}/${service}.service.in ${made}/${service}.service @ONLY)
  endforeach()
  foreach(unit bobbin-receive.socket bobbin-run.timer)
    configure_file(${units}/${unit} ${made}/${unit} COPYONLY)
  endforeach()
  if(BOBBIN_SYSTEMD)
    install(FILES ${made}/bobbin-receive.service ${made}/bobbin-receive.socket
                  ${made}/bobbin-run.service ${made}/bobbin-run.timer
            DESTINATION ${BOBBIN_UNIT_DIR})
    install(FILES ${units}/bobbin.sysusers RENAME bobbin.conf
            DESTINATION lib/sysusers.d)
    install(FILES ${units}/bobbin.tmpfiles RENAME bobbin.conf
            DESTINATION lib/tmpfiles.d)
  endif()
endif()

if(NOT TARGET spoolfmt)
  return()
endif()

# The headers of spoolfmt, and those of base that they bring in.
file(GLOB queue RELATIVE ${CMAKE_SOURCE_DIR} CONFIGURE_DEPENDS spoolfmt/*.h)
set(headers)
while(queue)
  list(POP_FRONT queue header)
  list(APPEND headers ${header})
  file(STRINGS ${CMAKE_SOURCE_DIR}/${header} includes REGEX "^#include \"")
  foreach(include ${includes})
    string(REGEX REPLACE "^#include \"(.*)\".*" "\\1" include ${include})
    if(NOT include IN_LIST headers AND NOT include IN_LIST queue)
      list(APPEND queue ${include})
    endif()
  endforeach()
endwhile()
foreach(header ${headers})
  get_filename_component(folder ${header} DIRECTORY)
  install(FILES ${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/bobbin/${folder})
endforeach()

# lib/libbase.a would be nobody's; the targets stay bobbin::base and bobbin::spoolfmt.
set_target_properties(base PROPERTIES OUTPUT_NAME bobbin_base)
set_target_properties(spoolfmt PROPERTIES OUTPUT_NAME bobbin_spoolfmt)
target_include_directories(base INTERFACE
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/bobbin>)
target_compile_features(base INTERFACE cxx_std_23)
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/spoolfmt)
install(TARGETS base spoolfmt EXPORT spoolfmt ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT spoolfmt NAMESPACE bobbin:: FILE spoolfmt-targets.cmake
        DESTINATION ${package})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/spoolfmt-config-version.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES cmake/spoolfmt-config.cmake
              ${CMAKE_BINARY_DIR}/spoolfmt-config-version.cmake DESTINATION ${package})
# Relative to where it lies, so that --prefix at installation is followed.
file(RELATIVE_PATH up_to_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(cmake/spoolfmt.pc.in ${CMAKE_BINARY_DIR}/spoolfmt.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/spoolfmt.pc
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
