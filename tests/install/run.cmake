# cmake -DBUILD=… -DWORK=… -DDATA=… -DCOMPILER=… -P run.cmake: installs BUILD into a fresh prefix, moves
# the prefix, and lets a program outside the tree be configured, built and run against it.
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command}: ended with ${status}\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE "${WORK}")
run("${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${WORK}/first")
# Nothing may remember where it was installed first.
file(RENAME "${WORK}/first" "${WORK}/prefix")

run("${CMAKE_COMMAND}" -S "${CMAKE_CURRENT_LIST_DIR}/program" -B "${WORK}/build" -G Ninja
  "-DCMAKE_CXX_COMPILER=${COMPILER}" "-DCMAKE_PREFIX_PATH=${WORK}/prefix" -DCMAKE_BUILD_TYPE=Release)
run("${CMAKE_COMMAND}" --build "${WORK}/build")
run("${WORK}/build/program" "${DATA}/data/stories260k/hf" "${DATA}/data/stories260k/expected_greedy_200.txt")
message("${output}")
run("${WORK}/prefix/bin/ominix" --version)
message("${output}")
