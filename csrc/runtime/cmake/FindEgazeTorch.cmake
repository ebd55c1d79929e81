# Finds libtorch in a pip-installed torch or an unpacked libtorch.
#
# torch's own find_package(Torch) asks for the CUDA toolkit whenever torch was built with CUDA. The runtime needs only
# the two libraries below (libtorch_cuda is loaded at run time, on demand), so their targets are made by hand.
#
# Input:   EGAZE_TORCH_DIR   cache or environment variable: the folder that holds torch's include/ and lib/.
#                            Without it, Python is asked (the active virtual environment's first).
# Output:  EgazeTorch_FOUND, EgazeTorch_VERSION, EgazeTorch_NOT_FOUND_MESSAGE, target EgazeTorch::torch
cmake_policy(PUSH)
cmake_policy(VERSION 3.22)

set(EgazeTorch_NOT_FOUND_MESSAGE "")
set(EgazeTorch_VERSION "")
set(_egaze_torch_how "`pip install torch`, or set EGAZE_TORCH_DIR to the folder that holds torch's include/ and lib/")

set(EGAZE_TORCH_DIR "${EGAZE_TORCH_DIR}" CACHE PATH "The folder that holds torch's include/ and lib/")
set(EgazeTorch_FOLDER "${EGAZE_TORCH_DIR}")
if(NOT EgazeTorch_FOLDER)
  set(EgazeTorch_FOLDER "$ENV{EGAZE_TORCH_DIR}")
endif()

if(NOT EgazeTorch_FOLDER)
  include("${CMAKE_CURRENT_LIST_DIR}/EgazePythonPackage.cmake")
  egaze_python_package(torch EgazeTorch_FOLDER EgazeTorch_NOT_FOUND_MESSAGE)
  if(EgazeTorch_NOT_FOUND_MESSAGE)
    string(APPEND EgazeTorch_NOT_FOUND_MESSAGE ": ${_egaze_torch_how}")
  endif()
endif()

if(EgazeTorch_FOLDER)
  set(_egaze_lib "${EgazeTorch_FOLDER}/lib/${CMAKE_SHARED_LIBRARY_PREFIX}")
  set(_egaze_suffix "${CMAKE_SHARED_LIBRARY_SUFFIX}")
  foreach(_egaze_header IN ITEMS torch/headeronly/version.h torch/csrc/api/include/torch/version.h)
    if(NOT EgazeTorch_VERSION AND EXISTS "${EgazeTorch_FOLDER}/include/${_egaze_header}")
      file(READ "${EgazeTorch_FOLDER}/include/${_egaze_header}" _egaze_text)
      if(_egaze_text MATCHES "define TORCH_VERSION[ \\\n]+\"([0-9.]+)")
        set(EgazeTorch_VERSION "${CMAKE_MATCH_1}")
      endif()
    endif()
  endforeach()
  foreach(_egaze_file IN ITEMS "${EgazeTorch_FOLDER}/include/torch/script.h"
          "${EgazeTorch_FOLDER}/include/torch/csrc/api/include/torch/torch.h" "${_egaze_lib}torch_cpu${_egaze_suffix}"
          "${_egaze_lib}c10${_egaze_suffix}")
    if(NOT EXISTS "${_egaze_file}" AND NOT EgazeTorch_NOT_FOUND_MESSAGE)
      set(EgazeTorch_NOT_FOUND_MESSAGE "${_egaze_file} does not exist: ${_egaze_torch_how}")
    endif()
  endforeach()
  if(NOT EgazeTorch_NOT_FOUND_MESSAGE AND CMAKE_SYSTEM_NAME STREQUAL "Linux")
    # torch's older Linux wheels use libstdc++'s pre-C++11 strings, which nothing here can be linked with.
    file(STRINGS "${_egaze_lib}c10${_egaze_suffix}" _egaze_symbol REGEX "c105Error.*__cxx11" LIMIT_COUNT 1)
    if(NOT _egaze_symbol)
      set(EgazeTorch_NOT_FOUND_MESSAGE
        "torch ${EgazeTorch_VERSION} in ${EgazeTorch_FOLDER} was built with the pre-C++11 string ABI: install torch 2.7 or newer")
    endif()
  endif()
endif()

include(FindPackageHandleStandardArgs)
if(EgazeTorch_NOT_FOUND_MESSAGE)
  set(EgazeTorch_FOLDER "")
endif()
find_package_handle_standard_args(EgazeTorch
  REQUIRED_VARS EgazeTorch_FOLDER
  VERSION_VAR EgazeTorch_VERSION
  REASON_FAILURE_MESSAGE "${EgazeTorch_NOT_FOUND_MESSAGE}")
if(NOT EgazeTorch_FOUND AND NOT EgazeTorch_NOT_FOUND_MESSAGE)
  set(EgazeTorch_NOT_FOUND_MESSAGE "torch ${EgazeTorch_VERSION} in ${EgazeTorch_FOLDER} is too old")
endif()

if(EgazeTorch_FOUND AND NOT TARGET EgazeTorch::torch)
  # GLOBAL, so that egaze::runtime can be linked from any folder of a project, wherever find_package was called.
  foreach(_egaze_name IN ITEMS c10 torch_cpu)
    add_library(EgazeTorch::${_egaze_name} SHARED IMPORTED GLOBAL)
    set_target_properties(EgazeTorch::${_egaze_name} PROPERTIES
      IMPORTED_LOCATION "${_egaze_lib}${_egaze_name}${_egaze_suffix}")
  endforeach()
  add_library(EgazeTorch::torch INTERFACE IMPORTED GLOBAL)
  set_target_properties(EgazeTorch::torch PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${EgazeTorch_FOLDER}/include;${EgazeTorch_FOLDER}/include/torch/csrc/api/include"
    INTERFACE_LINK_LIBRARIES "EgazeTorch::torch_cpu;EgazeTorch::c10")
  if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
    # libtorch_cpu finds its own libraries (CUDA's run time among them) by its own rpath, which linkers do not follow.
    set_property(TARGET EgazeTorch::torch PROPERTY INTERFACE_LINK_OPTIONS "LINKER:--allow-shlib-undefined")
  endif()
endif()
cmake_policy(POP)
