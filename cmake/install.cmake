# `cmake --install`: the command, the libraries and headers of all layers, and a package for
# find_package(OminiX). MLX's CPU wheel goes along, so that the prefix stands alone and can be moved;
# any other MLX stays where it is, and the package remembers where.
include(CMakePackageConfigHelpers)
set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/OminiX")
set(layer_headers "${CMAKE_INSTALL_INCLUDEDIR}/ominix-layers")

# What programs link: OminiX::OminiX.
add_library(ominix_package INTERFACE)
set_target_properties(ominix_package PROPERTIES EXPORT_NAME OminiX)
target_link_libraries(ominix_package INTERFACE ominix_runtime)

get_property(layers GLOBAL PROPERTY OMINIX_LAYERS)
foreach(target ominix_dnnl)
  if(TARGET ${target})
    list(APPEND layers ${target})
  endif()
endforeach()
install(TARGETS ${layers} ominix_package EXPORT OminiXTargets ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(EXPORT OminiXTargets NAMESPACE OminiX:: DESTINATION "${package_dir}")

install(DIRECTORY include/ominix TYPE INCLUDE)
# nn and what it stands on are public too: people build their own models on them.
install(DIRECTORY src/ DESTINATION "${layer_headers}" FILES_MATCHING PATTERN "*.h"
  PATTERN cli EXCLUDE PATTERN server EXCLUDE)

cmake_path(GET MLX_PREFIX PARENT_PATH wheel)
if(EXISTS "${wheel}/mlx_cpu.libs")
  set(bundle "${CMAKE_INSTALL_LIBDIR}/ominix")
  install(DIRECTORY "${MLX_PREFIX}" "${wheel}/mlx_cpu.libs" DESTINATION "${bundle}" USE_SOURCE_PERMISSIONS)
  set(installed_mlx "${bundle}/mlx")
  set(installed_rpath "$ORIGIN/../${bundle}/mlx/lib")
else()
  set(installed_mlx "${MLX_PREFIX}")
  set(installed_rpath "${MLX_PREFIX}/lib")
endif()
if(TARGET ominix)
  set_target_properties(ominix PROPERTIES INSTALL_RPATH "${installed_rpath}")
endif()

configure_package_config_file(cmake/OminiXConfig.cmake.in "${CMAKE_BINARY_DIR}/OminiXConfig.cmake"
  INSTALL_DESTINATION "${package_dir}" PATH_VARS installed_mlx)
write_basic_package_version_file("${CMAKE_BINARY_DIR}/OminiXConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_BINARY_DIR}/OminiXConfig.cmake" "${CMAKE_BINARY_DIR}/OminiXConfigVersion.cmake"
  cmake/mlx.cmake DESTINATION "${package_dir}")
