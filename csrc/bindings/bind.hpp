// The functions that add egaze's functions to the Python module, one per concept.
#pragma once

#include <pybind11/pybind11.h>

namespace egaze::bindings {

void bind_heatmap(pybind11::module_& module);
void bind_gaze_events(pybind11::module_& module);
void bind_marked_overlay(pybind11::module_& module);
void bind_resize(pybind11::module_& module);
void bind_placing(pybind11::module_& module);
void bind_sample(pybind11::module_& module);
void bind_model(pybind11::module_& module);
void bind_onnx(pybind11::module_& module);
void bind_simd(pybind11::module_& module);

}  // namespace egaze::bindings
