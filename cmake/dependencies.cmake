# Every package that the project uses, declared once; docs/dependencies.md says why each is here.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(fmt 9.1 REQUIRED)
find_package(spdlog 1.10 REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(yaml-cpp 0.7 REQUIRED)
find_package(CLI11 2.1 REQUIRED)
find_package(valijson REQUIRED)

# yaml-cpp renamed its target in 0.8.
add_library(yaml-cpp-any INTERFACE)
if(TARGET yaml-cpp::yaml-cpp)
  target_link_libraries(yaml-cpp-any INTERFACE yaml-cpp::yaml-cpp)
else()
  target_link_libraries(yaml-cpp-any INTERFACE yaml-cpp)
endif()

# Debian 12 packages hiredis 0.14 only; scripts/setup puts 1.2 under HIREDIS_PREFIX there.
set(HIREDIS_PREFIX "" CACHE PATH "where hiredis >= 1.2 is, when the system's is too old")
if(HIREDIS_PREFIX)
  set(ENV{PKG_CONFIG_PATH} "${HIREDIS_PREFIX}/lib/pkgconfig:$ENV{PKG_CONFIG_PATH}")
endif()
pkg_check_modules(HIREDIS IMPORTED_TARGET hiredis>=1.2 hiredis_ssl>=1.2)
if(NOT HIREDIS_FOUND)
  message(FATAL_ERROR "hiredis 1.2 or newer with TLS was not found: scripts/setup build gets it; "
                      "pass its folder as -DHIREDIS_PREFIX when it is not the system's")
endif()
add_library(hiredis-any INTERFACE)
target_link_libraries(hiredis-any INTERFACE PkgConfig::HIREDIS)
