# SPDX-License-Identifier: BSD-2-Clause
# Interface definitions (docs/defs.md) to C.
#
#   wharf_interface(NAME FILE.defs)
#
# makes, under build/.../generated/, whatever tools/defsgen.py can make of the interface, which has to be called NAME:
#   include/wharf/if/NAME_types.h, NAME.h      for programs; NAME_types.h also for the kernel
#   NAME_client.c, NAME_server.c, NAME_fuzz.c  the two sides of programs, and the server side's fuzzing function
#   include/wharf/if/NAME_kernel.h, NAME_kernel.c   only if the interface is marked `kernel TARGET`
#   NAME.json, NAME.md, NAME.trace.json, NAME.abi   intermediate form, reference page, table for trace decoders, dump
# If interfaces/golden/NAME.abi exists, a test defs.NAME.abi fails when the dump is not the same.
#
# What other lists use afterwards:
#   interfaces_generated      INTERFACE library: the include folder, and that it is made before what links the library
#   global properties         WHARF_IF_CLIENTS, WHARF_IF_SERVERS, WHARF_IF_KERNEL, WHARF_IF_FUZZ: the sources; WHARF_IF_TRACE: the tables
#   wharf_interface_sources(VARIABLE KIND)   the same as a variable; KIND is one of CLIENTS SERVERS KERNEL FUZZ TRACE
#
# A target that compiles them links interfaces_generated, also for the order. After include(kernel) or include(user):
#   include(defs)
#   wharf_interface(block ${CMAKE_SOURCE_DIR}/interfaces/block.defs)
#   wharf_interface_sources(clients CLIENTS)
#   target_sources(libsys PRIVATE ${clients})
#   target_link_libraries(libsys PUBLIC interfaces_generated)
# wharf_interface() in the root directory, before the directories that ask for sources.
include_guard(GLOBAL)

find_package(Python3 3.11 REQUIRED COMPONENTS Interpreter)
set(WHARF_GENERATED ${CMAKE_BINARY_DIR}/generated)
file(GLOB WHARF_GENERATOR_PARTS CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tools/defs/*.py)

add_library(interfaces_generated INTERFACE)
target_include_directories(interfaces_generated INTERFACE ${WHARF_GENERATED}/include)

function(wharf_interface name file)
    set(generator ${CMAKE_SOURCE_DIR}/tools/defsgen.py)
    set(errors ${CMAKE_SOURCE_DIR}/interfaces/include/wharf/abi/errors.def)
    set(base ${WHARF_GENERATED}/${name})
    set(header ${WHARF_GENERATED}/include/wharf/if/${name})
    file(MAKE_DIRECTORY ${WHARF_GENERATED}/include/wharf/if)

    add_custom_command(OUTPUT ${base}.json
        COMMAND Python3::Interpreter ${generator} ${file} --errors ${errors} --json ${base}.json
        DEPENDS ${generator} ${WHARF_GENERATOR_PARTS} ${file} ${errors}
        COMMENT "Reading interface ${name}" VERBATIM)

    set(flags --types ${header}_types.h --header ${header}.h --client ${base}_client.c --server ${base}_server.c
        --fuzz ${base}_fuzz.c --md ${base}.md --trace ${base}.trace.json --abi ${base}.abi)
    # Whether it is the kernel's stands in the file, and decides what there is to compile: look again when it changes.
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    file(STRINGS ${file} marked REGEX "^interface .* kernel [a-z]")
    if(marked)
        list(APPEND flags --kernel-header ${header}_kernel.h --kernel ${base}_kernel.c)
        set_property(GLOBAL APPEND PROPERTY WHARF_IF_KERNEL ${base}_kernel.c)
    endif()
    set(outputs ${flags})
    list(FILTER outputs EXCLUDE REGEX "^--")
    add_custom_command(OUTPUT ${outputs}
        COMMAND Python3::Interpreter ${generator} ${base}.json ${flags}
        DEPENDS ${generator} ${WHARF_GENERATOR_PARTS} ${base}.json
        COMMENT "Generating interface ${name}" VERBATIM)

    add_custom_target(interface_${name} ALL DEPENDS ${outputs})
    add_dependencies(interfaces_generated interface_${name})
    set_property(GLOBAL APPEND PROPERTY WHARF_IF_CLIENTS ${base}_client.c)
    set_property(GLOBAL APPEND PROPERTY WHARF_IF_SERVERS ${base}_server.c)
    set_property(GLOBAL APPEND PROPERTY WHARF_IF_FUZZ ${base}_fuzz.c)
    set_property(GLOBAL APPEND PROPERTY WHARF_IF_TRACE ${base}.trace.json)

    set(golden ${CMAKE_SOURCE_DIR}/interfaces/golden/${name}.abi)
    if(EXISTS ${golden})
        add_test(NAME defs.${name}.abi COMMAND Python3::Interpreter ${generator} --check-abi ${golden} ${base}.abi)
    endif()
endfunction()

function(wharf_interface_sources variable kind)
    get_property(sources GLOBAL PROPERTY WHARF_IF_${kind})
    set(${variable} ${sources} PARENT_SCOPE)
endfunction()
