# Every foreign library, as one imported target fustor_foreign_<name>. Only src/adapters may link them
# (and what is generated from api/ links protobuf). docs/dependencies.md says why each is here.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

function(fustor_foreign name)
  pkg_check_modules(FOREIGN_${name} REQUIRED IMPORTED_TARGET ${ARGN})
  add_library(fustor_foreign_${name} INTERFACE)
  target_link_libraries(fustor_foreign_${name} INTERFACE PkgConfig::FOREIGN_${name} Threads::Threads)
endfunction()

fustor_foreign(protobuf protobuf)
fustor_foreign(grpc grpc++)
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
