# Cross-compiles for 64-bit Arm on Debian: `tools/bootstrap aarch64` installs the compiler and fetches the
# libraries of that architecture; qemu runs what was built, in tests too.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)

set(libraries "${CMAKE_CURRENT_LIST_DIR}/../build/deps/aarch64")
set(CMAKE_FIND_ROOT_PATH "${libraries}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
# Libraries without compiled code are the host's.
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE BOTH)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE BOTH)
foreach(folder usr/lib lib)
  list(APPEND CMAKE_PLATFORM_IMPLICIT_LINK_DIRECTORIES "${libraries}/${folder}/aarch64-linux-gnu")
  string(APPEND CMAKE_EXE_LINKER_FLAGS_INIT " -Wl,-rpath-link,${libraries}/${folder}/aarch64-linux-gnu")
endforeach()
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64-static -L "${libraries}")
