# Every dependency, once. What a fresh machine must install: tools/bootstrap.
set(OMINIX_MLX_VERSION 0.32.4)  # tools/mlx-*.txt pins the wheel of the same version

find_package(Threads REQUIRED)
find_package(fmt 9 REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(CURL 7.85 REQUIRED)     # downloads
find_package(OpenSSL 3 REQUIRED)     # digests

# Dependency headers are not ours to warn about.
foreach(target fmt::fmt nlohmann_json::nlohmann_json)
  get_target_property(dirs ${target} INTERFACE_INCLUDE_DIRECTORIES)
  set_target_properties(${target} PROPERTIES INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "${dirs}")
endforeach()

if(NOT OMINIX_MLX_FREE)
  # Line editing of the command; part of the system on macOS.
  find_path(OMINIX_EDIT_INCLUDE histedit.h REQUIRED)
  find_library(OMINIX_EDIT_LIBRARY edit REQUIRED)
  add_library(ominix_edit INTERFACE)
  target_include_directories(ominix_edit SYSTEM INTERFACE "${OMINIX_EDIT_INCLUDE}")
  target_link_libraries(ominix_edit INTERFACE "${OMINIX_EDIT_LIBRARY}")

  include(mlx)
  find_package(OpenMP REQUIRED COMPONENTS CXX)
  if(NOT APPLE)
    # Debian's dnnl package config demands OpenCL headers, so look for the files.
    find_path(OMINIX_DNNL_INCLUDE oneapi/dnnl/dnnl.hpp REQUIRED)
    find_library(OMINIX_DNNL_LIBRARY dnnl REQUIRED)
    add_library(ominix_dnnl INTERFACE)
    target_include_directories(ominix_dnnl SYSTEM INTERFACE "$<BUILD_INTERFACE:${OMINIX_DNNL_INCLUDE}>")
    target_link_libraries(ominix_dnnl INTERFACE "${OMINIX_DNNL_LIBRARY}")
  endif()
endif()

if(OMINIX_TESTS)
  find_package(GTest REQUIRED)
endif()
