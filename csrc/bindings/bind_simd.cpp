#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bind.hpp"
#include "egaze/simd.hpp"

namespace egaze::bindings {

void bind_simd(pybind11::module_& module) {
  module.def("simd_levels", &simd_levels);
  module.def("simd_level", &simd_level);
  module.def("set_simd_level", &set_simd_level, pybind11::arg("level"));
}

}  // namespace egaze::bindings
