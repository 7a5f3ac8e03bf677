# Every foreign library, as one imported target fustor_foreign_<name>. Only src/adapters may link them
# (and what is generated from api/ links protobuf). docs/dependencies.md says why each is here.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

# One call of pkg-config each (pkg_check_modules makes a dozen, and for gRPC each takes most of a second).
function(fustor_foreign name)
  if(NOT DEFINED FUSTOR_FOREIGN_${name})
    execute_process(COMMAND ${PKG_CONFIG_EXECUTABLE} --cflags --libs ${ARGN}
      RESULT_VARIABLE failed OUTPUT_VARIABLE flags ERROR_VARIABLE why
      OUTPUT_STRIP_TRAILING_WHITESPACE)
    if(failed)
      message(FATAL_ERROR "${ARGN} is missing; run ./dev setup\n${why}")
    endif()
    set(FUSTOR_FOREIGN_${name} "${flags}" CACHE INTERNAL "Flags of ${ARGN}")
  endif()
  separate_arguments(flags UNIX_COMMAND "${FUSTOR_FOREIGN_${name}}")
  set(libraries ${flags})
  list(FILTER libraries INCLUDE REGEX "^-(l|L)")
  list(FILTER flags INCLUDE REGEX "^-(I|D|pthread)")
  add_library(fustor_foreign_${name} INTERFACE)
  target_compile_options(fustor_foreign_${name} INTERFACE ${flags})
  target_link_libraries(fustor_foreign_${name} INTERFACE ${libraries} Threads::Threads)
endfunction()

fustor_foreign(protobuf protobuf)
fustor_foreign(grpc grpc++)
if(FUSTOR_SANITIZE MATCHES "thread")
  target_compile_options(fustor_foreign_grpc INTERFACE
    -fsanitize-ignorelist=${CMAKE_CURRENT_LIST_DIR}/tsan_ignore.txt)
endif()
fustor_foreign(openssl libssl libcrypto)
fustor_foreign(zstd libzstd)
fustor_foreign(zlib zlib)
fustor_foreign(yaml yaml-cpp)
fustor_foreign(simdjson simdjson)
fustor_foreign(fmt fmt)
fustor_foreign(xxhash libxxhash)

# Boost.Asio and Beast are headers; each is compiled once (adapters/asio, adapters/http). 1.81 by path:
# Debian's unversioned headers are 1.74, too old for us.
add_library(fustor_foreign_asio INTERFACE)
target_compile_definitions(fustor_foreign_asio INTERFACE
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED)
target_link_libraries(fustor_foreign_asio INTERFACE Threads::Threads)

add_library(fustor_foreign_cli11 INTERFACE)

find_package(prometheus-cpp CONFIG REQUIRED)
add_library(fustor_foreign_prometheus INTERFACE)
target_link_libraries(fustor_foreign_prometheus INTERFACE prometheus-cpp::core)

find_package(GTest REQUIRED)
