# Installs the headers, the libraries and the CMake package, in a wheel and by `cmake --install` alike.
include(CMakePackageConfigHelpers)

set(package_dir "${sdk}${CMAKE_INSTALL_LIBDIR}/cmake/egaze")

install(DIRECTORY "${PROJECT_SOURCE_DIR}/csrc/include/egaze" DESTINATION "${sdk}include")
install(TARGETS egaze_kernels EXPORT egaze_kernels ARCHIVE DESTINATION "${sdk}${CMAKE_INSTALL_LIBDIR}")
install(EXPORT egaze_kernels NAMESPACE egaze:: FILE egazeKernels.cmake DESTINATION "${package_dir}")

# Which image libraries there are differs between machines, and libtorch has no stable C++ interface, so that a compiled
# runtime works with one torch release only. The package carries the sources of both, and find_package(egaze COMPONENTS
# imaging runtime) builds them against the user's libraries. What was built here is installed beside them, compiled.
foreach(name IN ITEMS archive files imaging runtime)
  install(DIRECTORY "${PROJECT_SOURCE_DIR}/csrc/${name}" DESTINATION "${sdk}share/egaze")
endforeach()
# What the runtime's sources need of the kernels beside the public headers.
install(FILES "${PROJECT_SOURCE_DIR}/csrc/kernels/depthwise.hpp" DESTINATION "${sdk}share/egaze/kernels")
if(TARGET egaze_imaging)
  install(TARGETS egaze_imaging EXPORT egaze_imaging ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
  install(EXPORT egaze_imaging NAMESPACE egaze:: FILE egazeImaging.cmake DESTINATION "${package_dir}")
endif()
if(TARGET egaze_runtime)
  install(TARGETS egaze_runtime egaze_shared EXPORT egaze_runtime
    ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}")
  install(EXPORT egaze_runtime NAMESPACE egaze:: FILE egazeRuntime.cmake DESTINATION "${package_dir}")
endif()

# pkg-config's descriptions find the package where they lie themselves.
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
