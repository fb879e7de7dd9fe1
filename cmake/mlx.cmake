# MLX as one imported target, MLX::mlx, from the unpacked wheel or any install of the exact version.
#
# MLX_PREFIX is the folder that holds include/mlx and lib/libmlx (in a wheel: its folder "mlx").
# `make` fetches the wheel to build/deps and passes it; otherwise it is searched for.
set(MLX_PREFIX "" CACHE PATH "Folder with MLX's include/ and lib/ (empty: search)")

if(NOT MLX_PREFIX)
  find_path(mlx_include mlx/version.h NO_CACHE
    HINTS "${CMAKE_BINARY_DIR}/deps/mlx/mlx/include" "${CMAKE_SOURCE_DIR}/build/deps/mlx/mlx/include")
  if(NOT mlx_include)
    message(FATAL_ERROR "mlx: not found; run `make` (it fetches the pinned wheel) or pass -DMLX_PREFIX=DIR")
  endif()
  cmake_path(GET mlx_include PARENT_PATH mlx_prefix)
  set(MLX_PREFIX "${mlx_prefix}" CACHE PATH "Folder with MLX's include/ and lib/ (empty: search)" FORCE)
endif()

set(mlx_version_file "${MLX_PREFIX}/include/mlx/version.h")
if(NOT EXISTS "${mlx_version_file}")
  message(FATAL_ERROR "mlx: ${mlx_version_file} is missing; MLX_PREFIX must hold include/mlx and lib/")
endif()
file(STRINGS "${mlx_version_file}" mlx_version REGEX "define MLX_VERSION_(MAJOR|MINOR|PATCH)")
string(REGEX REPLACE "[^0-9]*([0-9]+)[^0-9]*([0-9]+)[^0-9]*([0-9]+).*" "\\1.\\2.\\3" mlx_version "${mlx_version}")
if(NOT mlx_version VERSION_EQUAL OMINIX_MLX_VERSION)
  message(FATAL_ERROR "mlx: ${MLX_PREFIX} holds version '${mlx_version}', expected ${OMINIX_MLX_VERSION}")
endif()

find_library(OMINIX_MLX_LIBRARY mlx HINTS "${MLX_PREFIX}/lib"
  NO_DEFAULT_PATH NO_CMAKE_FIND_ROOT_PATH NO_CACHE REQUIRED)
add_library(MLX::mlx SHARED IMPORTED)
set_target_properties(MLX::mlx PROPERTIES
  IMPORTED_LOCATION "${OMINIX_MLX_LIBRARY}"
  INTERFACE_INCLUDE_DIRECTORIES "${MLX_PREFIX}/include"
  INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "${MLX_PREFIX}/include"
  INTERFACE_COMPILE_FEATURES cxx_std_20)
if(OMINIX_CUDA)
  # The CUDA build of libmlx needs the driver's libcuda.so.1 to start, not to link.
  set_property(TARGET MLX::mlx PROPERTY INTERFACE_LINK_OPTIONS LINKER:--allow-shlib-undefined)
endif()
