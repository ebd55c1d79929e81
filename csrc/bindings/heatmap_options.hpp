// Heatmap arguments that the heatmap and the sample bindings share.
#pragma once

#include <pybind11/numpy.h>

#include <span>

#include "egaze/heatmap.hpp"

namespace egaze::bindings {

namespace py = pybind11;

// (F, 5) float32: x_px, y_px, weight, sigma_x_px, sigma_y_px.
using FixationArray = py::array_t<float, py::array::c_style | py::array::forcecast>;

// A view of the array's rows; the array must outlive it.
std::span<const Fixation> fixation_rows(const FixationArray& array);

HeatmapOptions heatmap_options(const std::string& boundary, const std::string& kernel, const std::string& normalize,
                               double truncate, int threads);

}  // namespace egaze::bindings
