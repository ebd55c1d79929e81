# Installs the headers, the libraries and the CMake package, for the wheel and for `cmake --install`.
include(CMakePackageConfigHelpers)

set(package_dir "${sdk}${CMAKE_INSTALL_LIBDIR}/cmake/egaze")

install(DIRECTORY "${PROJECT_SOURCE_DIR}/csrc/include/egaze" DESTINATION "${sdk}include")
install(TARGETS egaze_kernels EXPORT egaze_kernels ARCHIVE DESTINATION "${sdk}${CMAKE_INSTALL_LIBDIR}")
install(EXPORT egaze_kernels NAMESPACE egaze:: FILE egazeKernels.cmake DESTINATION "${package_dir}")

# Machines differ in their image libraries, and libtorch has no stable C++ interface, so a compiled runtime works with
# one release of torch only. The package therefore contains the sources of imaging and runtime, which find_package(egaze
# COMPONENTS imaging runtime) builds against the user's libraries. Libraries that were built here are installed too.
foreach(name IN ITEMS archive files imaging runtime)
  install(DIRECTORY "${PROJECT_SOURCE_DIR}/csrc/${name}" DESTINATION "${sdk}share/egaze")
endforeach()
# The runtime's sources also need these headers, which are not public.
install(FILES
  "${PROJECT_SOURCE_DIR}/csrc/kernels/convolution.hpp"
  "${PROJECT_SOURCE_DIR}/csrc/kernels/depthwise.hpp"
  "${PROJECT_SOURCE_DIR}/csrc/kernels/parallel.hpp"
  DESTINATION "${sdk}share/egaze/kernels")
if(TARGET egaze_imaging)
  install(TARGETS egaze_imaging EXPORT egaze_imaging ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
  install(EXPORT egaze_imaging NAMESPACE egaze:: FILE egazeImaging.cmake DESTINATION "${package_dir}")
endif()
if(TARGET egaze_runtime)
  install(TARGETS egaze_runtime egaze_shared EXPORT egaze_runtime
    ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}")
  install(EXPORT egaze_runtime NAMESPACE egaze:: FILE egazeRuntime.cmake DESTINATION "${package_dir}")
endif()

# The files of pkg-config refer to the package relative to their own location.
set(pkgconfig_dir "${sdk}${CMAKE_INSTALL_LIBDIR}/pkgconfig")
file(RELATIVE_PATH prefix_from_pkgconfig "/${pkgconfig_dir}" "/${sdk}")
foreach(name IN ITEMS egaze-kernels egaze)
  if(name STREQUAL "egaze-kernels" OR TARGET egaze_shared)
    configure_file("${PROJECT_SOURCE_DIR}/cmake/${name}.pc.in" "${PROJECT_BINARY_DIR}/${name}.pc" @ONLY)
    install(FILES "${PROJECT_BINARY_DIR}/${name}.pc" DESTINATION "${pkgconfig_dir}")
  endif()
endforeach()

configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/egazeConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/egazeConfig.cmake"
  INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/egazeConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/egazeConfig.cmake" "${PROJECT_BINARY_DIR}/egazeConfigVersion.cmake"
  DESTINATION "${package_dir}")
