# SPDX-License-Identifier: BSD-2-Clause
# Our overlays (dts/overlays/*.dtso), compiled, beside the text that says which tree they are for.
#   WHARF_OVERLAYS_DIR     where they are: overlays.conf and *.dtbo
#   WHARF_OVERLAY_FILES    all of them
#   target `overlays`      makes them
include_guard(GLOBAL)

set(WHARF_OVERLAYS_DIR ${CMAKE_BINARY_DIR}/overlays)
find_program(WHARF_DTC dtc)
if(NOT WHARF_DTC)
    message(FATAL_ERROR "no dtc (Debian: device-tree-compiler): see ./wharf doctor")
endif()

file(GLOB overlay_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/dts/overlays/*.dtso)
set(WHARF_OVERLAY_FILES ${WHARF_OVERLAYS_DIR}/overlays.conf)
add_custom_command(OUTPUT ${WHARF_OVERLAYS_DIR}/overlays.conf DEPENDS ${CMAKE_SOURCE_DIR}/dts/overlays/overlays.conf
    COMMAND ${CMAKE_COMMAND} -E make_directory ${WHARF_OVERLAYS_DIR}
    COMMAND ${CMAKE_COMMAND} -E copy ${CMAKE_SOURCE_DIR}/dts/overlays/overlays.conf ${WHARF_OVERLAYS_DIR}/overlays.conf VERBATIM)
foreach(source IN LISTS overlay_sources)
    cmake_path(GET source STEM name)
    set(output ${WHARF_OVERLAYS_DIR}/${name}.dtbo)
    add_custom_command(OUTPUT ${output} DEPENDS ${source}
        COMMAND ${CMAKE_COMMAND} -E make_directory ${WHARF_OVERLAYS_DIR}
        COMMAND ${WHARF_DTC} -q -@ -I dts -O dtb -o ${output} ${source} VERBATIM)
    list(APPEND WHARF_OVERLAY_FILES ${output})
endforeach()
add_custom_target(overlays ALL DEPENDS ${WHARF_OVERLAY_FILES})
