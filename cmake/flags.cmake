# Compiler flags of every target of the project (not of its users).
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

include(CheckPIESupported)
check_pie_supported()

find_program(OMINIX_CCACHE ccache)
if(OMINIX_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${OMINIX_CCACHE}")
endif()

add_library(ominix_flags INTERFACE)
target_compile_options(ominix_flags INTERFACE
  -Wall -Wextra -Wno-missing-field-initializers -fstack-protector-strong)
target_compile_definitions(ominix_flags INTERFACE _GLIBCXX_ASSERTIONS)
if(NOT APPLE)
  target_link_options(ominix_flags INTERFACE LINKER:-z,relro,-z,now)
endif()
if(OMINIX_SANITIZE)
  target_compile_options(ominix_flags INTERFACE
    -fsanitize=${OMINIX_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=undefined -g1)
  target_link_options(ominix_flags INTERFACE -fsanitize=${OMINIX_SANITIZE})
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_definitions(ominix_flags INTERFACE _FORTIFY_SOURCE=2)
endif()
