# Finds the engines of the runtime: libtorch for TorchScript files and OpenVINO for ONNX files, of which one is enough.
#
# Input:   EGAZE_WITH_TORCH, EGAZE_WITH_OPENVINO   cache: whether to use an engine if it is found
#          EGAZE_TORCH_DIR, EGAZE_OPENVINO_DIR     where it is; stated, it must be there
# Output:  EgazeEngines   those that were found with their versions, such as torch=2.14.1;openvino=2026.4.1
#          EgazeEngines_TARGETS, EgazeEngines_FOLDERS   the targets to link with, and the folders of their libraries
#          EgazeEngines_FAULT     why the runtime cannot be built, or ""
option(EGAZE_WITH_TORCH "Run TorchScript models if libtorch is found" ON)
option(EGAZE_WITH_OPENVINO "Run ONNX models if OpenVINO is found" ON)

set(EgazeEngines "")
set(EgazeEngines_TARGETS "")
set(EgazeEngines_FOLDERS "")
set(EgazeEngines_FAULT "")
set(_egaze_missing "")

if(EGAZE_WITH_TORCH)
  find_package(EgazeTorch QUIET)
  if(EgazeTorch_FOUND)
    list(APPEND EgazeEngines "torch=${EgazeTorch_VERSION}")
    list(APPEND EgazeEngines_TARGETS EgazeTorch::torch)
    list(APPEND EgazeEngines_FOLDERS "$<TARGET_FILE_DIR:EgazeTorch::torch_cpu>")
  else()
    list(APPEND _egaze_missing "libtorch: ${EgazeTorch_NOT_FOUND_MESSAGE}")
    if(EGAZE_TORCH_DIR OR DEFINED ENV{EGAZE_TORCH_DIR})
      set(EgazeEngines_FAULT "libtorch: ${EgazeTorch_NOT_FOUND_MESSAGE}")
    endif()
  endif()
endif()
if(EGAZE_WITH_OPENVINO)
  find_package(EgazeOpenVINO QUIET)
  if(EgazeOpenVINO_FOUND)
    list(APPEND EgazeEngines "openvino=${EgazeOpenVINO_VERSION}")
    list(APPEND EgazeEngines_TARGETS EgazeOpenVINO::openvino)
    list(APPEND EgazeEngines_FOLDERS "$<TARGET_FILE_DIR:EgazeOpenVINO::openvino>")
  else()
    list(APPEND _egaze_missing "OpenVINO: ${EgazeOpenVINO_NOT_FOUND_MESSAGE}")
    if(EGAZE_OPENVINO_DIR OR DEFINED ENV{EGAZE_OPENVINO_DIR})
      set(EgazeEngines_FAULT "OpenVINO: ${EgazeOpenVINO_NOT_FOUND_MESSAGE}")
    endif()
  endif()
endif()
if(NOT EgazeEngines AND NOT EgazeEngines_FAULT)
  list(JOIN _egaze_missing ", or " EgazeEngines_FAULT)
  if(NOT EgazeEngines_FAULT)
    set(EgazeEngines_FAULT "an engine: EGAZE_WITH_TORCH and EGAZE_WITH_OPENVINO are both OFF")
  endif()
endif()
