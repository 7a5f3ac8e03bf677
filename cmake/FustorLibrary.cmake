# fustor_library(<folder under src> DEPS <folders> FOREIGN <names> API <generated targets>)
#
# Makes the static library fustor_<folder with _> of all *.cc of the folder, and with it:
#   - <name>_links: a program that links all of the library with nothing but its declared dependencies,
#     so that an undeclared use fails the build;
#   - headers that must compile alone (target all_verify_interface_header_sets);
#   - <name>_test of all *_test.cc, registered with ctest. TEST_DEPS: folders that only tests need.
#   - <name>_<target>_fuzz of each <target>_fuzz.cc: with the preset `fuzz` a fuzzer, else a program that
#     runs what is kept in fuzz/<folder with _>_<target>, registered with ctest.
# Files *_bench.cc are left to bench/.

set_property(GLOBAL PROPERTY GLOBAL_DEPENDS_NO_CYCLES ON)
set(CMAKE_VERIFY_INTERFACE_HEADER_SETS ON)
file(WRITE ${CMAKE_BINARY_DIR}/empty_main.cc "int main() { return 0; }\n")

# fustor_pch(<name> [<options>]): build/<preset>/pch/<name>.pch of cmake/pch/<name>.h, parsed once.
#
# target_precompile_headers is not used: it names the checkout's folder in the result and on each command
# line, so that no two checkouts could share a compiler cache. Read from stdin in a fixed folder, the
# precompiled header has the same bytes everywhere.
function(fustor_pch name)
  set(header ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/pch/${name}.h)
  set(pch ${CMAKE_BINARY_DIR}/pch/${name}.pch)
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/pch)
  string(TOUPPER "${CMAKE_BUILD_TYPE}" type)
  separate_arguments(flags UNIX_COMMAND "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${type}}")
  get_directory_property(options COMPILE_OPTIONS)
  add_custom_command(OUTPUT ${pch}
    COMMAND ${CMAKE_CXX_COMPILER} ${flags} ${options} ${ARGN} ${CMAKE_CXX23_STANDARD_COMPILE_OPTION}
      -x c++-header -fpch-instantiate-templates -Xclang -fno-pch-timestamp
      -MD -MT ${pch} -MF ${pch}.d -o ${pch} - < ${header}
    WORKING_DIRECTORY / DEPENDS ${header} DEPFILE ${pch}.d COMMENT "Precompiling ${name}.h")
  add_custom_target(fustor_pch_${name} DEPENDS ${pch})
endfunction()
fustor_pch(std)
fustor_pch(test -DGTEST_HAS_PTHREAD=1)  # As GTest::gtest says.

if(FUSTOR_SANITIZE)
  add_library(fustor_sanitizer_options OBJECT ${CMAKE_CURRENT_LIST_DIR}/sanitizer_options.cc)
  # Each by its own name: one line must not mean two libraries.
  string(REGEX MATCHALL "-l[^ ]+" libraries "${FUSTOR_FOREIGN_grpc} ${FUSTOR_FOREIGN_openssl}")
  list(REMOVE_ITEM libraries -lz)  # Which we call ourselves.
  list(TRANSFORM libraries REPLACE "^-l(.+)$" "called_from_lib:lib\\1.so\\\\n")
  list(JOIN libraries "" libraries)
  target_compile_definitions(fustor_sanitizer_options PRIVATE "FUSTOR_TSAN_LIBRARIES=\"${libraries}\"")
endif()

# fustor_common(<target> [<pch>]): what every target of ours is compiled with.
function(fustor_common target)
  set(pch std)
  if(ARGC GREATER 1)
    set(pch ${ARGV1})
  endif()
  target_include_directories(${target} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  target_compile_options(${target} PRIVATE ${FUSTOR_WARNINGS}
    "SHELL:-include-pch ${CMAKE_BINARY_DIR}/pch/${pch}.pch")
  add_dependencies(${target} fustor_pch_${pch})
  get_target_property(sources ${target} SOURCES)
  set_property(SOURCE ${sources} APPEND PROPERTY OBJECT_DEPENDS ${CMAKE_BINARY_DIR}/pch/${pch}.pch)
  get_target_property(type ${target} TYPE)
  if(FUSTOR_SANITIZE AND type STREQUAL "EXECUTABLE")
    target_link_libraries(${target} PRIVATE fustor_sanitizer_options)
  endif()
endfunction()

function(fustor_names out)
  set(names ${ARGN})
  list(TRANSFORM names REPLACE "/" "_")
  list(TRANSFORM names PREPEND fustor_)
  set(${out} ${names} PARENT_SCOPE)
endfunction()

# Seconds, of a machine that does much else; sanitizers cost five to twenty times.
set(FUSTOR_TEST_TIMEOUT 300)
if(FUSTOR_SANITIZE)
  set(FUSTOR_TEST_TIMEOUT 1200)
endif()

# fustor_fuzzers(<folder> <source>...): see above. Uses the ARG_ variables of fustor_library.
function(fustor_fuzzers folder)
  fustor_names(name ${folder})
  fustor_names(test_deps ${ARG_TEST_DEPS})
  foreach(source ${ARGN})
    get_filename_component(target ${source} NAME_WE)
    set(program ${name}_${target})
    if(FUSTOR_FUZZ)
      add_executable(${program} ${source})
      target_link_options(${program} PRIVATE -fsanitize=fuzzer)
      set_property(GLOBAL APPEND PROPERTY FUSTOR_FUZZERS ${program})
    else()
      add_executable(${program} ${source} ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/fuzz_replay.cc)
      string(REGEX REPLACE "^fustor_(.*)_fuzz$" "\\1" kept ${program})
      add_test(NAME ${folder}/${target} COMMAND ${program} ${CMAKE_SOURCE_DIR}/fuzz/${kept})
      set_tests_properties(${folder}/${target} PROPERTIES TIMEOUT ${FUSTOR_TEST_TIMEOUT})
    endif()
    fustor_common(${program})
    set_target_properties(${program} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
    target_link_libraries(${program} PRIVATE ${name} ${test_deps} ${ARG_API})
  endforeach()
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
  set(fuzzers ${sources})
  list(FILTER fuzzers INCLUDE REGEX "_fuzz\\.cc$")
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
    fustor_common(${name}_test test)
    set_target_properties(${name}_test PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    target_link_libraries(${name}_test PRIVATE ${name} ${test_deps} ${foreign} ${ARG_API}
      GTest::gmock GTest::gtest_main)
    add_test(NAME ${folder} COMMAND ${name}_test)
    set_tests_properties(${folder} PROPERTIES TIMEOUT ${FUSTOR_TEST_TIMEOUT})
  endif()
  fustor_fuzzers(${folder} ${fuzzers})
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
