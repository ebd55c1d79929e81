# Installs the headers, the libraries and the CMake package, in a wheel and by `cmake --install` alike.
include(CMakePackageConfigHelpers)

set(package_dir "${sdk}${CMAKE_INSTALL_LIBDIR}/cmake/egaze")

install(DIRECTORY "${PROJECT_SOURCE_DIR}/csrc/include/egaze" DESTINATION "${sdk}include")
install(TARGETS egaze_kernels EXPORT egaze_kernels ARCHIVE DESTINATION "${sdk}${CMAKE_INSTALL_LIBDIR}")
install(EXPORT egaze_kernels NAMESPACE egaze:: FILE egazeKernels.cmake DESTINATION "${package_dir}")

# libtorch has no stable C++ interface, so a compiled runtime works with one torch release only. The package carries
# the runtime's sources instead, and find_package(egaze COMPONENTS runtime) builds them against the user's torch.
install(DIRECTORY "${PROJECT_SOURCE_DIR}/csrc/runtime" "${PROJECT_SOURCE_DIR}/csrc/archive"
  DESTINATION "${sdk}share/egaze")

configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/egazeConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/egazeConfig.cmake"
  INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/egazeConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/egazeConfig.cmake" "${PROJECT_BINARY_DIR}/egazeConfigVersion.cmake"
  DESTINATION "${package_dir}")
