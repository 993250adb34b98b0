# The large end-to-end suites: `weirctl up` as a child process, with everything real.
add_library(e2e_harness STATIC harness.cc reference.cc sanitizer.cc)
target_link_libraries(e2e_harness PUBLIC weir_runtime GTest::gtest)
target_compile_definitions(e2e_harness PUBLIC WEIRCTL="$<TARGET_FILE:weirctl>")

# weir_suite(NAME SOURCES...): like weir_test. Suites of the program whose name ends in "Long" have
# the label `long`, the others `e2e`.
function(weir_suite name)
  weir_test_program(${name} e2e ${ARGN})
  target_link_libraries(${name} PRIVATE e2e_harness)
  add_dependencies(${name} weirctl weir-broker weir-agent weir-wrapper weir-guard weir-tail)
  math(EXPR timeout "300 * ${weir_test_slowdown}")
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 TEST_FILTER "-*Long.*"
    PROPERTIES LABELS e2e TIMEOUT ${timeout})
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 TEST_FILTER "*Long.*"
    PROPERTIES LABELS long TIMEOUT 3600)
endfunction()

weir_suite(equality_e2e_test equality_test.cc)
weir_suite(kill_e2e_test kill_test.cc)
weir_suite(bad_input_e2e_test bad_input_test.cc)
weir_suite(tail_e2e_test tail_test.cc)
weir_suite(daemons_e2e_test daemons_test.cc)
target_compile_definitions(daemons_e2e_test PRIVATE
  WEIR_BROKER="$<TARGET_FILE:weir-broker>"
  WEIR_AGENT="$<TARGET_FILE:weir-agent>")

add_executable(frames_program frames_program.cc)
target_link_libraries(frames_program PRIVATE weir_flags)
set_target_properties(frames_program PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/test)
weir_suite(frames_e2e_test frames_test.cc)
add_dependencies(frames_e2e_test frames_program)
target_compile_definitions(frames_e2e_test PRIVATE
  FRAMES_PROGRAM="$<TARGET_FILE:frames_program>")
weir_suite(bounds_e2e_test bounds_test.cc)
weir_suite(counts_e2e_test counts_test.cc)
weir_suite(outage_e2e_test outage_test.cc)
weir_suite(logs_e2e_test logs_test.cc)
weir_suite(shell_e2e_test shell_test.cc small_disk.cc)
weir_suite(dead_e2e_test dead_test.cc)
target_link_libraries(dead_e2e_test PRIVATE nlohmann_json::nlohmann_json)
weir_suite(damage_e2e_test damage_test.cc)
target_link_libraries(damage_e2e_test PRIVATE nlohmann_json::nlohmann_json)
weir_suite(protocols_e2e_test protocols_test.cc)
target_compile_definitions(protocols_e2e_test PRIVATE
  WEIR_EXAMPLES="${CMAKE_SOURCE_DIR}/docs/examples")
