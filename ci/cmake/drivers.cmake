# SPDX-License-Identifier: BSD-2-Clause
# Device logic: the part of a driver that knows its device and nothing of the system (<libsys/device_logic.h>).
#
#   wharf_device_logic(NAME source...)   a static library NAME, for the drivers' programs and, on the host, for their tests
#   wharf_driver(NAME LOGIC source...)   the program around it, on the target
include_guard(GLOBAL)

add_library(device_logic_flags INTERFACE)
# Types of interfaces; and lint compiles all headers of a folder as the first of its sources.
target_link_libraries(device_logic_flags INTERFACE interfaces_generated)
if(WHARF_ARCH STREQUAL "host")
    target_compile_options(device_logic_flags INTERFACE
        -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef)
    target_include_directories(device_logic_flags INTERFACE
        ${CMAKE_SOURCE_DIR}/libsys/include
        ${CMAKE_SOURCE_DIR}/interfaces/include
        ${CMAKE_SOURCE_DIR}/arch/${WHARF_ARCH}/user/include)
    target_link_libraries(device_logic_flags INTERFACE host_flags)
else()
    target_link_libraries(device_logic_flags INTERFACE user_flags)
    target_compile_options(device_logic_flags INTERFACE $<$<COMPILE_LANGUAGE:C>:-mgeneral-regs-only>)
endif()

function(wharf_device_logic name)
    add_library(${name} STATIC ${ARGN})
    target_link_libraries(${name} PUBLIC device_logic_flags)
    target_include_directories(${name} PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
endfunction()

# The program of a driver, on the target: wharf_driver(NAME LOGIC source...). NAME.driver, its manifest, goes into the initrd.
function(wharf_driver name logic)
    if(WHARF_ARCH STREQUAL "host")
        return()
    endif()
    set(WHARF_PROGRAM_LIBRARIES ${logic})
    add_user_program(${name} ${ARGN})
endfunction()
