#include <pybind11/pybind11.h>

#include "bind.hpp"
#include "egaze/error.hpp"

PYBIND11_MODULE(_core, module) {
  module.doc() = "egaze's compiled kernels. Use the functions of egaze, which check and document their arguments.";
  // NOLINTNEXTLINE(performance-unnecessary-value-param): pybind11 prescribes the signature.
  pybind11::register_exception_translator([](std::exception_ptr pointer) {
    try {
      if (pointer) std::rethrow_exception(pointer);
    } catch (const egaze::Error& error) {
      pybind11::set_error(PyExc_ValueError, error.what());
    }
  });
  egaze::bindings::bind_heatmap(module);
  egaze::bindings::bind_gaze_events(module);
  egaze::bindings::bind_marked_overlay(module);
  egaze::bindings::bind_resize(module);
  egaze::bindings::bind_placing(module);
  egaze::bindings::bind_sample(module);
  egaze::bindings::bind_model(module);
  egaze::bindings::bind_onnx(module);
  egaze::bindings::bind_simd(module);
}
