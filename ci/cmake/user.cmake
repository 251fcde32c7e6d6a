# SPDX-License-Identifier: BSD-2-Clause
# User programs and the initrd that holds them.
#
#   add_user_program(NAME source...)   a static ELF program, linked with libsys, in the initrd as NAME
#   add_initrd_file(NAME FILE)         a file in the initrd as NAME, as it is
#   target `initrd`                    BUILD/initrd.cpio from all of them; part of `all`
#   BUILD/system.txt                   names of the programs that are for more than tests and benchmarks
#
# Include it in the root before the directories that call add_user_program(). The initrd is added
# when the root directory has been read, so the order of those directories does not matter.
include_guard(GLOBAL)

set(WHARF_NEWLIB_DIR ${CMAKE_SOURCE_DIR}/build/deps/newlib CACHE PATH "The C library, put there by ./wharf")
if(NOT EXISTS ${WHARF_NEWLIB_DIR}/lib/libc.a)
    message(FATAL_ERROR "newlib is not in ${WHARF_NEWLIB_DIR}: run ./wharf test or ./wharf run, they build it")
endif()

# The compiler's own headers and newlib's, no others. Debian's cross gcc takes its target for Linux: programs must not.
execute_process(COMMAND ${CMAKE_C_COMPILER} -print-file-name=include
    OUTPUT_VARIABLE compiler_headers OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
set(WHARF_USER_FLAGS
    -std=gnu2x -O2 -g -fno-pic -fno-pie -ftls-model=local-exec -fno-stack-protector
    -fno-omit-frame-pointer -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections -fno-common
    -mno-outline-atomics -march=armv8-a -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
    -Wundef -nostdinc -isystem ${CMAKE_SOURCE_DIR}/libsys/newlib/include -isystem ${compiler_headers} -isystem ${WHARF_NEWLIB_DIR}/include
    -U__linux__ -U__linux -Ulinux -U__gnu_linux__ -U__unix__ -U__unix -Uunix -D__wharf__=1)

# What every object of a user program is compiled with.
add_library(user_flags INTERFACE)
target_compile_options(user_flags INTERFACE
    "$<$<COMPILE_LANGUAGE:C>:SHELL:$<JOIN:${WHARF_USER_FLAGS}, >>" "$<$<COMPILE_LANGUAGE:ASM>:-march=armv8-a;-g>")
target_include_directories(user_flags INTERFACE
    ${CMAKE_SOURCE_DIR}/libsys/include
    ${CMAKE_SOURCE_DIR}/interfaces/include
    ${CMAKE_SOURCE_DIR}/arch/${WHARF_ARCH}/user/include)

# WHARF_PROGRAM_LIBRARIES, if set by the caller: libraries that call, or are called by, those that all have.
function(add_user_program name)
    add_executable(${name} ${ARGN})
    set(script ${CMAKE_SOURCE_DIR}/libsys/program.ld)
    set(compiler_support gcc)
    if(WHARF_LIBGCC)
        set(compiler_support ${WHARF_LIBGCC})
    endif()
    set_target_properties(${name} PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/programs
        LINK_DEPENDS ${script})
    # libsys and newlib call each other; what drivers stand on is linked by who uses it.
    target_link_libraries(${name} PRIVATE user_flags
        -Wl,--start-group ${WHARF_PROGRAM_LIBRARIES} libsys driver ${WHARF_NEWLIB_DIR}/lib/libm.a ${WHARF_NEWLIB_DIR}/lib/libc.a ${compiler_support}
        -Wl,--end-group)
    target_link_options(${name} PRIVATE
        -nostdlib -static -Wl,-T,${script} -Wl,--gc-sections -Wl,--build-id=none
        -Wl,-z,max-page-size=4096)
    set_property(GLOBAL APPEND PROPERTY WHARF_PROGRAMS ${name})
    if(NOT CMAKE_CURRENT_SOURCE_DIR MATCHES "/(apps/tests|bench)(/|$)")
        set_property(GLOBAL APPEND PROPERTY WHARF_SYSTEM_PROGRAMS ${name})
    endif()
endfunction()

function(add_initrd_file name file)
    set_property(GLOBAL APPEND PROPERTY WHARF_INITRD_ENTRIES ${name}=${file})
    set_property(GLOBAL APPEND PROPERTY WHARF_INITRD_FILES ${file})
endfunction()

function(wharf_add_initrd)
    get_property(programs GLOBAL PROPERTY WHARF_PROGRAMS)
    get_property(entries GLOBAL PROPERTY WHARF_INITRD_ENTRIES)
    get_property(files GLOBAL PROPERTY WHARF_INITRD_FILES)
    foreach(name IN LISTS programs)
        list(APPEND entries ${name}=$<TARGET_FILE:${name}>)
        list(APPEND files $<TARGET_FILE:${name}>)
    endforeach()
    get_property(system GLOBAL PROPERTY WHARF_SYSTEM_PROGRAMS)
    list(JOIN system "\n" system)
    file(GENERATE OUTPUT ${CMAKE_BINARY_DIR}/system.txt CONTENT "${system}\n")
    set(maker ${CMAKE_SOURCE_DIR}/tools/mkinitrd.py)
    add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/initrd.cpio
        COMMAND ${maker} --strip ${CMAKE_OBJCOPY} -o ${CMAKE_BINARY_DIR}/initrd.cpio ${entries}
        DEPENDS ${maker} ${files}
        COMMENT "Packing initrd.cpio" VERBATIM)
    add_custom_target(initrd ALL DEPENDS ${CMAKE_BINARY_DIR}/initrd.cpio)
endfunction()

cmake_language(DEFER DIRECTORY ${CMAKE_SOURCE_DIR} CALL wharf_add_initrd)
