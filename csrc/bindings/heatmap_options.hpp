// Heatmap arguments that the heatmap and the sample bindings share.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "arrays.hpp"
#include "egaze/heatmap.hpp"

namespace egaze::bindings {

// (F, 9) float32: x_px, y_px, weight, sigma_x_px, sigma_y_px, and x_min, y_min, x_max, y_max of the part shown.
using FixationArray = FloatArray;

// A view of the array's rows; the array must outlive it.
std::span<const Fixation> fixation_rows(const FixationArray& array);

// From (F,) positions, (F,) weights or None for 1, a tuple (x, y) of sigmas or (F, 2) of them, and (F, 4) sides of the
// parts shown or None for all.
std::vector<Fixation> make_fixations(const FloatArray& x_px, const FloatArray& y_px, const py::object& weight,
                                     const py::object& sigma_px, const py::object& shown_px);

HeatmapOptions heatmap_options(const std::string& boundary, const std::string& kernel, const std::string& normalize,
                               double truncate, int threads);

}  // namespace egaze::bindings
