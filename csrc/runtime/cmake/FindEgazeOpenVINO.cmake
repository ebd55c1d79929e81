# Finds OpenVINO in a pip-installed openvino, an unpacked archive of it, or an installation in a prefix.
#
# The runtime needs one library to link with; OpenVINO loads its CPU plug-in and its reader of ONNX files from beside it.
#
# Input:   EGAZE_OPENVINO_DIR   cache or environment variable: the folder that holds OpenVINO's include/ and its
#                               libraries. Without it, Python is asked (the active virtual environment's first).
# Output:  EgazeOpenVINO_FOUND, EgazeOpenVINO_VERSION, EgazeOpenVINO_NOT_FOUND_MESSAGE, target EgazeOpenVINO::openvino
cmake_policy(PUSH)
cmake_policy(VERSION 3.22)

set(EgazeOpenVINO_NOT_FOUND_MESSAGE "")
set(EgazeOpenVINO_VERSION "")
set(_egaze_openvino_how "`pip install openvino`, or set EGAZE_OPENVINO_DIR to the folder that holds its include/ and libs/")

set(EGAZE_OPENVINO_DIR "${EGAZE_OPENVINO_DIR}" CACHE PATH "The folder that holds OpenVINO's include/ and its libraries")
set(EgazeOpenVINO_FOLDER "${EGAZE_OPENVINO_DIR}")
if(NOT EgazeOpenVINO_FOLDER)
  set(EgazeOpenVINO_FOLDER "$ENV{EGAZE_OPENVINO_DIR}")
endif()

if(NOT EgazeOpenVINO_FOLDER)
  include("${CMAKE_CURRENT_LIST_DIR}/EgazePythonPackage.cmake")
  egaze_python_package(openvino EgazeOpenVINO_FOLDER EgazeOpenVINO_NOT_FOUND_MESSAGE)
  if(EgazeOpenVINO_NOT_FOUND_MESSAGE)
    string(APPEND EgazeOpenVINO_NOT_FOUND_MESSAGE ": ${_egaze_openvino_how}")
  endif()
endif()

if(EgazeOpenVINO_FOLDER)
  # The header and the library have the places of a wheel, of an unpacked archive, and of a system's prefix.
  set(_egaze_roots "${EgazeOpenVINO_FOLDER}" "${EgazeOpenVINO_FOLDER}/runtime")
  set(_egaze_header "")
  set(_egaze_library "")
  set(_egaze_name "${CMAKE_SHARED_LIBRARY_PREFIX}openvino${CMAKE_SHARED_LIBRARY_SUFFIX}")
  foreach(_egaze_root IN LISTS _egaze_roots)
    if(NOT _egaze_header AND EXISTS "${_egaze_root}/include/openvino/core/version.hpp")
      set(_egaze_header "${_egaze_root}/include/openvino/core/version.hpp")
      set(_egaze_include "${_egaze_root}/include")
    endif()
    foreach(_egaze_lib IN ITEMS libs lib/intel64 lib "lib/${CMAKE_LIBRARY_ARCHITECTURE}")
      # A wheel holds the library under its versioned name alone.
      file(GLOB _egaze_found "${_egaze_root}/${_egaze_lib}/${_egaze_name}" "${_egaze_root}/${_egaze_lib}/${_egaze_name}.*"
        "${_egaze_root}/${_egaze_lib}/libopenvino.*.dylib")
      if(_egaze_found AND NOT _egaze_library)
        list(GET _egaze_found 0 _egaze_library)
      endif()
    endforeach()
  endforeach()
  if(NOT _egaze_header OR NOT _egaze_library)
    set(EgazeOpenVINO_NOT_FOUND_MESSAGE
      "${EgazeOpenVINO_FOLDER} holds no include/openvino or no ${_egaze_name}: ${_egaze_openvino_how}")
  else()
    file(READ "${_egaze_header}" _egaze_text)
    foreach(_egaze_part IN ITEMS MAJOR MINOR PATCH)
      if(_egaze_text MATCHES "define OPENVINO_VERSION_${_egaze_part} ([0-9]+)")
        list(APPEND EgazeOpenVINO_VERSION "${CMAKE_MATCH_1}")
      endif()
    endforeach()
    list(JOIN EgazeOpenVINO_VERSION "." EgazeOpenVINO_VERSION)
  endif()
endif()

include(FindPackageHandleStandardArgs)
if(EgazeOpenVINO_NOT_FOUND_MESSAGE)
  set(EgazeOpenVINO_FOLDER "")
endif()
find_package_handle_standard_args(EgazeOpenVINO
  REQUIRED_VARS EgazeOpenVINO_FOLDER
  VERSION_VAR EgazeOpenVINO_VERSION
  REASON_FAILURE_MESSAGE "${EgazeOpenVINO_NOT_FOUND_MESSAGE}")

if(EgazeOpenVINO_FOUND AND NOT TARGET EgazeOpenVINO::openvino)
  # GLOBAL, as the targets of libtorch are.
  add_library(EgazeOpenVINO::openvino SHARED IMPORTED GLOBAL)
  set_target_properties(EgazeOpenVINO::openvino PROPERTIES
    IMPORTED_LOCATION "${_egaze_library}" INTERFACE_INCLUDE_DIRECTORIES "${_egaze_include}")
  if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
    # It finds its own libraries by its own rpath, which linkers do not follow.
    set_property(TARGET EgazeOpenVINO::openvino PROPERTY INTERFACE_LINK_OPTIONS "LINKER:--allow-shlib-undefined")
  endif()
endif()
cmake_policy(POP)
