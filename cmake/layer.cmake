# Layers, families and tests. A layer is a target that can only see what it lists: the layering rule
# of docs/architecture.md, enforced by the link.

# ominix_add_layer(NAME SOURCES … USES layer… LINKS target… PRIVATE_LINKS target…)
function(ominix_add_layer name)
  cmake_parse_arguments(L "" "" "SOURCES;USES;LINKS;PRIVATE_LINKS" ${ARGN})
  add_library(ominix_${name} STATIC ${L_SOURCES})
  add_library(OminiX::${name} ALIAS ominix_${name})
  set_target_properties(ominix_${name} PROPERTIES EXPORT_NAME ${name})
  target_compile_features(ominix_${name} PUBLIC cxx_std_20)
  target_include_directories(ominix_${name}
    PUBLIC "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>"
           "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>"
           "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>"
           "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/ominix-layers>")
  list(TRANSFORM L_USES PREPEND ominix_)
  target_link_libraries(ominix_${name} PUBLIC ${L_USES} ${L_LINKS} PRIVATE $<BUILD_INTERFACE:ominix_flags> ${L_PRIVATE_LINKS})
  set_property(GLOBAL APPEND PROPERTY OMINIX_LAYERS ominix_${name})
endfunction()

# ominix_add_family(NAME [USES family…] SOURCES …): src/models/NAME as a target of its own.
function(ominix_add_family name)
  cmake_parse_arguments(F "" "" "SOURCES;USES" ${ARGN})
  if(NOT OMINIX_FAMILIES STREQUAL "all" AND NOT name IN_LIST OMINIX_FAMILIES)
    return()
  endif()
  foreach(used ${F_USES})
    if(NOT TARGET ominix_family_${used})
      message(FATAL_ERROR "family ${name} uses ${used}: name it in OMINIX_FAMILIES, and list it before ${name}")
    endif()
  endforeach()
  list(TRANSFORM F_USES PREPEND family_)
  list(TRANSFORM F_SOURCES PREPEND "${CMAKE_CURRENT_SOURCE_DIR}/${name}/")
  ominix_add_layer(family_${name} SOURCES ${F_SOURCES} USES models_shared ${F_USES})
  set_property(GLOBAL APPEND PROPERTY OMINIX_FAMILY_NAMES ${name})
endfunction()

# ominix_add_test(NAME SOURCES … USES layer… LABELS slow TIMEOUT seconds): one GoogleTest program; each
# TEST is a ctest entry.
function(ominix_add_test name)
  cmake_parse_arguments(T "" "LABELS;TIMEOUT" "SOURCES;USES;LINKS" ${ARGN})
  if(NOT T_TIMEOUT)
    set(T_TIMEOUT 120)
  endif()
  add_executable(ominix-test-${name} ${T_SOURCES})
  list(TRANSFORM T_USES PREPEND ominix_)
  target_link_libraries(ominix-test-${name} PRIVATE
    ${T_USES} ${T_LINKS} ominix_flags ominix_testing GTest::gtest GTest::gmock)
  target_compile_definitions(ominix-test-${name} PRIVATE
    OMINIX_TEST_DATA="${PROJECT_SOURCE_DIR}/tests")
  include(GoogleTest)
  gtest_discover_tests(ominix-test-${name} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
    PROPERTIES TIMEOUT ${T_TIMEOUT} LABELS "${T_LABELS}")
endfunction()

# ominix_add_fuzzer(NAME SOURCES … USES layer…): a libFuzzer program (clang, OMINIX_FUZZ).
function(ominix_add_fuzzer name)
  cmake_parse_arguments(Z "" "" "SOURCES;USES" ${ARGN})
  if(NOT OMINIX_FUZZ)
    return()
  endif()
  add_executable(ominix-fuzz-${name} ${Z_SOURCES})
  list(TRANSFORM Z_USES PREPEND ominix_)
  target_link_libraries(ominix-fuzz-${name} PRIVATE ${Z_USES} ominix_flags)
  target_link_options(ominix-fuzz-${name} PRIVATE -fsanitize=fuzzer)
endfunction()
