# fustor_library(<folder under src> DEPS <folders> FOREIGN <names> API <generated targets>)
#
# Makes the static library fustor_<folder with _> of all *.cc of the folder, and with it:
#   - <name>_links: a program that links all of the library with nothing but its declared dependencies,
#     so that an undeclared use fails the build;
#   - headers that must compile alone (target all_verify_interface_header_sets);
#   - <name>_test of all *_test.cc, registered with ctest. TEST_DEPS: folders that only tests need.
# Files *_bench.cc and *_fuzz.cc are left to bench/ and fuzz targets.

set_property(GLOBAL PROPERTY GLOBAL_DEPENDS_NO_CYCLES ON)
set(CMAKE_VERIFY_INTERFACE_HEADER_SETS ON)
file(WRITE ${CMAKE_BINARY_DIR}/empty_main.cc "int main() { return 0; }\n")

# The standard headers that nearly every file includes, parsed once.
file(WRITE ${CMAKE_BINARY_DIR}/pch_empty.cc "")
add_library(fustor_pch STATIC ${CMAKE_BINARY_DIR}/pch_empty.cc)
target_compile_options(fustor_pch PRIVATE -Xclang -fno-pch-timestamp)
target_precompile_headers(fustor_pch PRIVATE
  <algorithm> <array> <atomic> <chrono> <coroutine> <cstdint> <cstring> <expected> <functional> <map>
  <memory> <mutex> <optional> <span> <stop_token> <string> <string_view> <thread> <unordered_map>
  <utility> <variant> <vector>)

function(fustor_common target)
  target_include_directories(${target} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  target_compile_options(${target} PRIVATE ${FUSTOR_WARNINGS} -Xclang -fno-pch-timestamp)
  target_precompile_headers(${target} REUSE_FROM fustor_pch)
endfunction()

function(fustor_names out)
  set(names ${ARGN})
  list(TRANSFORM names REPLACE "/" "_")
  list(TRANSFORM names PREPEND fustor_)
  set(${out} ${names} PARENT_SCOPE)
endfunction()

function(fustor_library folder)
  cmake_parse_arguments(ARG "" "" "DEPS;FOREIGN;API;TEST_DEPS" ${ARGN})
  fustor_names(name ${folder})
  fustor_names(deps ${ARG_DEPS})
  set(foreign ${ARG_FOREIGN})
  list(TRANSFORM foreign PREPEND fustor_foreign_)

  file(GLOB headers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${folder}/*.h)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${folder}/*.cc)
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER sources EXCLUDE REGEX "_(test|bench|fuzz)\\.cc$")
  if(NOT sources)
    file(WRITE ${CMAKE_BINARY_DIR}/${name}_empty.cc "")
    set(sources ${CMAKE_BINARY_DIR}/${name}_empty.cc)
  endif()

  add_library(${name} STATIC ${sources})
  fustor_common(${name})
  target_sources(${name} PUBLIC FILE_SET HEADERS BASE_DIRS ${CMAKE_SOURCE_DIR}/src FILES ${headers})
  target_link_libraries(${name} PUBLIC ${deps} PRIVATE ${foreign} ${ARG_API})

  add_executable(${name}_links ${CMAKE_BINARY_DIR}/empty_main.cc)
  set_target_properties(${name}_links PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/links)
  # Collected sections would take undefined symbols with them.
  target_link_options(${name}_links PRIVATE -Wl,--no-gc-sections)
  target_link_libraries(${name}_links PRIVATE "$<LINK_LIBRARY:WHOLE_ARCHIVE,${name}>")

  if(tests)
    fustor_names(test_deps ${ARG_TEST_DEPS})
    add_executable(${name}_test ${tests})
    fustor_common(${name}_test)
    set_target_properties(${name}_test PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    target_link_libraries(${name}_test PRIVATE ${name} ${test_deps} ${foreign} ${ARG_API}
      GTest::gmock GTest::gtest_main)
    add_test(NAME ${folder} COMMAND ${name}_test)
    set_tests_properties(${folder} PROPERTIES TIMEOUT 300)
  endif()
endfunction()

# fustor_program(<name> <folder under src/apps> DEPS <folders> FOREIGN ...): build/<preset>/bin/<name>
function(fustor_program name folder)
  cmake_parse_arguments(ARG "" "" "DEPS;FOREIGN" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${folder}/*.cc)
  list(FILTER sources EXCLUDE REGEX "_(test|bench|fuzz)\\.cc$")
  fustor_names(deps ${ARG_DEPS})
  set(foreign ${ARG_FOREIGN})
  list(TRANSFORM foreign PREPEND fustor_foreign_)
  add_executable(${name} ${sources})
  fustor_common(${name})
  target_link_libraries(${name} PRIVATE ${deps} ${foreign})
endfunction()
