# One compiler, one standard, warnings are errors. See docs/adr/0001-clang-19.md.

if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang" OR CMAKE_CXX_COMPILER_VERSION VERSION_LESS 19)
  message(FATAL_ERROR
    "Fustor is built with Clang 19 or newer, found ${CMAKE_CXX_COMPILER_ID} "
    "${CMAKE_CXX_COMPILER_VERSION} (${CMAKE_CXX_COMPILER}).\n"
    "On Debian 12: apt-get install clang-19 lld-19 libclang-rt-19-dev - or simply run ./dev setup.\n"
    "Then configure with a preset: cmake --preset dev")
endif()

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
# One code model for libraries and programs, so that all can share the precompiled header.
set(CMAKE_POSITION_INDEPENDENT_CODE OFF)
set(FUSTOR_OPTIMIZE "-O2" CACHE STRING "Optimisation flags")
set(FUSTOR_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize=")
# Never in what is shipped (src/base/mutants.h).
option(FUSTOR_MUTANTS "Rules of the product can be broken, for the simulation" OFF)
if(FUSTOR_MUTANTS)
  add_compile_definitions(FUSTOR_MUTANTS)
endif()

# The targets *_fuzz.cc become fuzzers; everything says which paths an input takes.
option(FUSTOR_FUZZ "Build fuzzers" OFF)

# Some compilers destroy temporaries inside a co_await expression twice. Prove that this one does not.
if(NOT DEFINED FUSTOR_COROUTINE_PROBE)
  try_run(FUSTOR_COROUTINE_PROBE FUSTOR_COROUTINE_PROBE_COMPILED
    ${CMAKE_BINARY_DIR}/coroutine_probe SOURCES ${CMAKE_SOURCE_DIR}/cmake/coroutine_probe.cc
    CXX_STANDARD 23 CXX_STANDARD_REQUIRED ON
    RUN_OUTPUT_VARIABLE FUSTOR_COROUTINE_PROBE_OUTPUT)
  if(NOT FUSTOR_COROUTINE_PROBE EQUAL 0)
    set(result "${FUSTOR_COROUTINE_PROBE}")
    unset(FUSTOR_COROUTINE_PROBE CACHE)
    message(FATAL_ERROR
      "${CMAKE_CXX_COMPILER} miscompiles coroutines (probe: ${result}): objects would be freed twice.\n"
      "On Debian 12: apt-get install clang-19 - or simply run ./dev setup.")
  endif()
endif()

# The cache is shared by all checkouts: paths in it are relative to the checkout, and what is looked up is
# the list of headers that the compiler wrote, so that a miss costs no extra run of the preprocessor.
find_program(FUSTOR_CCACHE ccache)
if(FUSTOR_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
      CCACHE_DEPEND=1 CCACHE_SLOPPINESS=pch_defines,time_macros ${FUSTOR_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CMAKE_CXX_COMPILER_LAUNCHER})
endif()

set(CMAKE_CXX_FLAGS_DEBUG "${FUSTOR_OPTIMIZE} -g1")
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "${FUSTOR_OPTIMIZE} -g1")
add_compile_options(-fPIE -fno-omit-frame-pointer -fcolor-diagnostics)
add_link_options(-pie -fuse-ld=lld -Wl,--gc-sections -Wl,--as-needed)
add_compile_options(-ffunction-sections -fdata-sections)
if(FUSTOR_SANITIZE)
  add_compile_options(-fsanitize=${FUSTOR_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${FUSTOR_SANITIZE})
endif()
if(FUSTOR_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# Ours only: foreign and generated code is compiled without them.
set(FUSTOR_WARNINGS -Wall -Wextra -Wpedantic -Wshadow-uncaptured-local -Wconversion -Wno-sign-conversion
    -Wnon-virtual-dtor -Wold-style-cast -Woverloaded-virtual -Wimplicit-fallthrough
    -Wthread-safety -Werror)

set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
