# SPDX-License-Identifier: BSD-2-Clause
# The kernel's device-tree reader and libfdt as a library for programs of the development host.
# Included by the tests, the fuzzer and dt-survey; defines
#   dt_host                              link to it; it does not exist where libfdt is missing
#   dt_compile_trees(TARGET FOLDER)      see below; needs DT_HOST_DTC
include_guard(GLOBAL)

set(WHARF_LIBFDT_DIR ${CMAKE_SOURCE_DIR}/build/deps/libfdt CACHE PATH "libfdt's sources")
find_program(DT_HOST_DTC dtc)

if(NOT EXISTS ${WHARF_LIBFDT_DIR}/fdt.c)
    message(WARNING "no libfdt in ${WHARF_LIBFDT_DIR}: the device-tree tests are left out (see ./wharf doctor)")
else()
    get_filename_component(dt_root ${CMAKE_CURRENT_LIST_DIR}/../../.. ABSOLUTE)
    file(GLOB dt_sources CONFIGURE_DEPENDS ${dt_root}/kernel/device/dt*.c)
    # fdt_rw, fdt_wip and fdt_addresses are for programs that make trees; the kernel has no use for them.
    set(dt_libfdt)
    foreach(name fdt fdt_ro fdt_rw fdt_wip fdt_addresses)
        list(APPEND dt_libfdt ${WHARF_LIBFDT_DIR}/${name}.c)
    endforeach()
    add_library(dt_host STATIC ${dt_sources} ${dt_libfdt})
    set_source_files_properties(${dt_libfdt} PROPERTIES COMPILE_OPTIONS
        "-w;-include;${dt_root}/kernel/device/fdt/libfdt_env.h")
    set_source_files_properties(${dt_sources} PROPERTIES COMPILE_OPTIONS
        "-Wall;-Wextra;-Wshadow;-Wstrict-prototypes;-Wmissing-prototypes;-Wvla;-Wundef")
    target_include_directories(dt_host PUBLIC ${dt_root}/kernel/include ${dt_root}/interfaces/include)
    target_include_directories(dt_host SYSTEM PUBLIC ${WHARF_LIBFDT_DIR})
    target_compile_options(dt_host PUBLIC -std=gnu2x)

    set(DT_HOST_TREES ${dt_root}/dts/tests CACHE INTERNAL "")
endif()

# dt_compile_trees(TARGET FOLDER): a target that makes FOLDER/NAME.dtb of each dts/tests/NAME.dts
function(dt_compile_trees target folder)
    file(GLOB trees CONFIGURE_DEPENDS ${DT_HOST_TREES}/*.dts)
    set(outputs)
    foreach(tree ${trees})
        get_filename_component(name ${tree} NAME_WE)
        add_custom_command(OUTPUT ${folder}/${name}.dtb DEPENDS ${tree}
            COMMAND ${CMAKE_COMMAND} -E make_directory ${folder}
            COMMAND ${DT_HOST_DTC} -q -I dts -O dtb -o ${folder}/${name}.dtb ${tree} VERBATIM)
        list(APPEND outputs ${folder}/${name}.dtb)
    endforeach()
    add_custom_target(${target} ALL DEPENDS ${outputs})
endfunction()
