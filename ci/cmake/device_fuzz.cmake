# SPDX-License-Identifier: BSD-2-Clause
# Fuzzing of a driver's logic by what its device answers (tests/fuzz/NAME/fuzz_NAME.c):
#   NAME.random  the target on random inputs, with any compiler
#   fuzz_NAME    the fuzzer (clang only):  ./fuzz_NAME -max_total_time=600 corpus
#   NAME.fuzz    a test that runs it for a few seconds

# wharf_logic_fuzz(NAME LOGIC INPUTS): the sources of the library LOGIC; NAME.random runs INPUTS inputs.
function(wharf_logic_fuzz name logic inputs)
    get_target_property(sources ${logic} SOURCES)
    get_target_property(folder ${logic} SOURCE_DIR)
    list(TRANSFORM sources PREPEND ${folder}/)
    add_executable(random_${name} fuzz_${name}.c ../random_inputs.c ${sources})
    target_link_libraries(random_${name} PRIVATE device_logic_flags)
    target_include_directories(random_${name} PRIVATE ${folder})
    add_test(NAME ${name}.random COMMAND random_${name} ${inputs})
    set_tests_properties(${name}.random PROPERTIES TIMEOUT 120)
    if(NOT CMAKE_C_COMPILER_ID MATCHES Clang)
        return()
    endif()

    # Compiled again, with the fuzzer's instrumentation.
    add_executable(fuzz_${name} fuzz_${name}.c ${sources})
    target_link_libraries(fuzz_${name} PRIVATE device_logic_flags)
    target_include_directories(fuzz_${name} PRIVATE ${folder})
    target_compile_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/corpus)
    add_test(NAME ${name}.fuzz COMMAND fuzz_${name} -max_total_time=5 -max_len=8192 -print_final_stats=1
        ${CMAKE_CURRENT_BINARY_DIR}/corpus)
    set_tests_properties(${name}.fuzz PROPERTIES TIMEOUT 60)
endfunction()
