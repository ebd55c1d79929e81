// Arguments that the heatmap and sample bindings share.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "arrays.hpp"
#include "egaze/heatmap.hpp"

namespace egaze::bindings {

// Shape (F, 9), float32: x_px, y_px, weight, sigma_x_px, sigma_y_px, and x_min, y_min, x_max, y_max of the part shown.
using FixationArray = FloatArray;

// A view of the array's rows; the array must outlive it.
std::span<const Fixation> fixation_rows(const FixationArray& array);

// Fixations from positions of shape (F,); weights of shape (F,), or None for ones; sigmas of shape (F, 2), or a tuple
// (x, y) for all; and bounds of the parts shown of shape (F, 4), or None if the whole image was shown.
std::vector<Fixation> make_fixations(const FloatArray& x_px, const FloatArray& y_px, const py::object& weight,
                                     const py::object& sigma_px, const py::object& shown_px);

HeatmapOptions heatmap_options(const std::string& boundary, const std::string& kernel, const std::string& normalize,
                               double truncate, int threads);

}  // namespace egaze::bindings
