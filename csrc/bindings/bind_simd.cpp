#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <string>

#include "bind.hpp"
#include "egaze/simd.hpp"

namespace egaze::bindings {

namespace {

// What this module was compiled by, and whether it is optimized, for reports of faults.
std::string compiler() {
#if defined(__clang__)
  const std::string name = "Clang " __clang_version__;
#elif defined(__GNUC__)
  const std::string name = "GCC " __VERSION__;
#else
  const std::string name = "another compiler";
#endif
#if defined(__OPTIMIZE__)
  return name + ", optimized";
#else
  return name + ", not optimized";
#endif
}

}  // namespace

void bind_simd(pybind11::module_& module) {
  module.def("compiler", &compiler);
  module.def("simd_levels", &simd_levels);
  module.def("simd_level", &simd_level);
  module.def("set_simd_level", &set_simd_level, pybind11::arg("level"));
}

}  // namespace egaze::bindings
