# SPDX-License-Identifier: BSD-2-Clause
# How kernel code is compiled, on either machine.
#   kernel_flags    what every object of kernel/ and arch/ is compiled with
#   host_flags      sanitizers of host builds; also for their tests
include_guard(GLOBAL)

add_library(kernel_flags INTERFACE)
target_include_directories(kernel_flags INTERFACE
    ${CMAKE_SOURCE_DIR}/kernel/include
    ${CMAKE_SOURCE_DIR}/arch/include
    ${CMAKE_SOURCE_DIR}/arch/${WHARF_ARCH}/include
    ${CMAKE_SOURCE_DIR}/interfaces/include)
target_include_directories(kernel_flags SYSTEM INTERFACE ${WHARF_LIBFDT_DIR})

set(warnings -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef)
if(CMAKE_BUILD_TYPE STREQUAL "Debug")
    set(slow_checks 1)
else()
    set(slow_checks 0)
endif()
target_compile_options(kernel_flags INTERFACE "$<$<COMPILE_LANGUAGE:C>:-std=gnu2x;${warnings};-DCONFIG_SLOW_CHECKS=${slow_checks}>"
    -fmacro-prefix-map=${CMAKE_SOURCE_DIR}/=)

add_library(host_flags INTERFACE)
if(WHARF_ARCH STREQUAL "host")
    if(WHARF_SANITIZE STREQUAL "address")
        set(sanitize -fsanitize=address,undefined -fno-sanitize-recover=all)
    elseif(WHARF_SANITIZE STREQUAL "thread")
        set(sanitize -fsanitize=thread)
    endif()
    target_compile_options(host_flags INTERFACE -g -O1 -fno-omit-frame-pointer ${sanitize})
    target_link_options(host_flags INTERFACE ${sanitize})
    target_link_libraries(kernel_flags INTERFACE host_flags)
    add_compile_options(-std=gnu2x -g -O1 -fno-omit-frame-pointer ${sanitize})
    add_link_options(${sanitize})
else()
    # Frame pointers cost two instructions a function and give every report its backtrace. The FP registers belong to
    # user code. Outline atomics would need code that asks the CPU, -mstrict-align is for Device memory.
    target_compile_options(kernel_flags INTERFACE
        "$<$<COMPILE_LANGUAGE:C>:-ffreestanding;-mgeneral-regs-only;-mstrict-align;-mno-outline-atomics>"
        $<$<COMPILE_LANGUAGE:C>:-fno-omit-frame-pointer> $<$<COMPILE_LANGUAGE:C>:-fstack-protector-strong>
        $<$<COMPILE_LANGUAGE:C>:-ffunction-sections> $<$<COMPILE_LANGUAGE:C>:-fno-common> $<$<COMPILE_LANGUAGE:C>:-mbranch-protection=bti> -march=armv8-a -g)
    if(CMAKE_BUILD_TYPE STREQUAL "Debug")
        target_compile_options(kernel_flags INTERFACE "$<$<COMPILE_LANGUAGE:C>:-O1;-fsanitize=undefined;-fno-sanitize=alignment>")
    else()
        target_compile_options(kernel_flags INTERFACE "$<$<COMPILE_LANGUAGE:C>:-O2>")
    endif()
endif()
