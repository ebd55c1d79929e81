#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "arrays.hpp"
#include "bind.hpp"
#include "heatmap_options.hpp"

namespace egaze::bindings {

static_assert(sizeof(Fixation) == 9 * sizeof(float) && std::is_trivially_copyable_v<Fixation>);

std::span<const Fixation> fixation_rows(const FixationArray& array) {
  if (array.ndim() != 2 || array.shape(1) != 9) {
    throw py::value_error("fixations must have shape (F, 9), got " + shape_text(array));
  }
  return {reinterpret_cast<const Fixation*>(array.data()), static_cast<std::size_t>(array.shape(0))};
}

HeatmapOptions heatmap_options(const std::string& boundary, const std::string& kernel, const std::string& normalize,
                               double truncate, int threads) {
  HeatmapOptions options;
  const auto unknown = [](const char* name, const char* choices, const std::string& value) {
    return py::value_error(std::string(name) + " must be " + choices + ", got '" + value + "'");
  };
  if (boundary == "clip") {
    options.boundary = Boundary::clip;
  } else if (boundary == "reflect") {
    options.boundary = Boundary::reflect;
  } else {
    throw unknown("boundary", "'clip' or 'reflect'", boundary);
  }
  if (kernel == "sampled") {
    options.kernel = HeatmapKernel::sampled;
  } else if (kernel == "scipy") {
    options.kernel = HeatmapKernel::scipy;
  } else {
    throw unknown("kernel", "'sampled' or 'scipy'", kernel);
  }
  if (normalize == "none") {
    options.normalize = Normalize::none;
  } else if (normalize == "max") {
    options.normalize = Normalize::max;
  } else if (normalize == "sum") {
    options.normalize = Normalize::sum;
  } else {
    throw unknown("normalize", "'none', 'max' or 'sum'", normalize);
  }
  options.truncate = truncate;
  options.threads = threads;
  return options;
}

std::vector<Fixation> make_fixations(const FloatArray& x_px, const FloatArray& y_px, const py::object& weight,
                                     const py::object& sigma_px, const py::object& shown_px) {
  const py::ssize_t count = x_px.size();
  if (x_px.ndim() != 1 || y_px.ndim() != 1 || y_px.size() != count) {
    throw py::value_error("x_px and y_px must both have shape (F,), got " + shape_text(x_px) + " and " +
                          shape_text(y_px));
  }
  std::vector<Fixation> fixations(static_cast<std::size_t>(count));
  const float* x = x_px.data();
  const float* y = y_px.data();
  for (std::size_t i = 0; i < fixations.size(); ++i) fixations[i] = {x[i], y[i], 1.0f, 0.0f, 0.0f};

  if (!weight.is_none()) {
    const auto weights = weight.cast<FloatArray>();
    if (weights.ndim() != 1 || weights.size() != count) {
      throw py::value_error("weights must have shape (F,), got " + shape_text(weights));
    }
    for (std::size_t i = 0; i < fixations.size(); ++i) fixations[i].weight = weights.data()[i];
  }

  if (!shown_px.is_none()) {
    const auto sides = shown_px.cast<FloatArray>();
    if (sides.ndim() != 2 || sides.shape(0) != count || sides.shape(1) != 4) {
      throw py::value_error("shown_px must have shape (F, 4), got " + shape_text(sides));
    }
    for (std::size_t i = 0; i < fixations.size(); ++i) {
      const float* of = sides.data() + 4 * i;
      fixations[i].shown = {of[0], of[1], of[2], of[3]};
    }
  }

  if (py::isinstance<py::tuple>(sigma_px) && py::len(sigma_px) == 2) {
    const auto [sigma_x_px, sigma_y_px] = sigma_px.cast<std::pair<float, float>>();
    for (Fixation& fixation : fixations) fixation.sigma_x_px = sigma_x_px, fixation.sigma_y_px = sigma_y_px;
    return fixations;
  }
  const auto sigmas = sigma_px.cast<FloatArray>();
  if (sigmas.ndim() != 2 || sigmas.shape(0) != count || sigmas.shape(1) != 2) {
    throw py::value_error("sigma_px must be (x, y) or have shape (F, 2), got " + shape_text(sigmas));
  }
  for (std::size_t i = 0; i < fixations.size(); ++i) {
    fixations[i].sigma_x_px = sigmas.data()[2 * i];
    fixations[i].sigma_y_px = sigmas.data()[2 * i + 1];
  }
  return fixations;
}

namespace {

// The keyword arguments that all heatmap functions take after their own.
#define EGAZE_HEATMAP_ARGUMENTS                                                                     \
  py::kw_only(), py::arg("boundary"), py::arg("kernel"), py::arg("normalize"), py::arg("truncate"), \
      py::arg("threads"), py::arg("shown_px") = py::none()

py::array_t<float> rasterize_one(const FloatArray& x_px, const FloatArray& y_px, const py::object& weight,
                                 const py::object& sigma_px, std::pair<py::ssize_t, py::ssize_t> shape,
                                 const std::string& boundary, const std::string& kernel, const std::string& normalize,
                                 double truncate, int threads, const py::object& shown_px) {
  const auto fixations = make_fixations(x_px, y_px, weight, sigma_px, shown_px);
  const auto [height, width] = checked_shape(shape);
  const auto options = heatmap_options(boundary, kernel, normalize, truncate, threads);
  py::array_t<float> out({height, width});
  float* data = out.mutable_data();
  py::gil_scoped_release release;
  rasterize_fixations(fixations, height, width, options, data);
  return out;
}

py::array_t<float> rasterize_many(const FloatArray& x_px, const FloatArray& y_px, const py::object& weight,
                                  const py::object& sigma_px,
                                  const py::array_t<std::int64_t, py::array::c_style | py::array::forcecast>& offsets,
                                  std::pair<py::ssize_t, py::ssize_t> shape, const std::string& boundary,
                                  const std::string& kernel, const std::string& normalize, double truncate, int threads,
                                  const py::object& shown_px) {
  const auto fixations = make_fixations(x_px, y_px, weight, sigma_px, shown_px);
  const auto [height, width] = checked_shape(shape);
  if (offsets.ndim() != 1 || offsets.size() < 1) {
    throw py::value_error("offsets must have shape (N + 1,), got " + shape_text(offsets));
  }
  const auto images = static_cast<std::size_t>(offsets.size() - 1);
  checked_shape({static_cast<py::ssize_t>(std::max<std::size_t>(images, 1) * height), shape.second});
  const auto options = heatmap_options(boundary, kernel, normalize, truncate, threads);
  const std::span<const std::int64_t> bounds(offsets.data(), images + 1);
  py::array_t<float> out({images, height, width});
  float* data = out.mutable_data();
  py::gil_scoped_release release;
  rasterize_batch(fixations, bounds, height, width, options, data);
  return out;
}

py::array_t<float> rasterize_over_time(const FloatArray& x_px, const FloatArray& y_px, const FloatArray& weights,
                                       const py::object& sigma_px, std::pair<py::ssize_t, py::ssize_t> shape,
                                       const std::string& boundary, const std::string& kernel,
                                       const std::string& normalize, double truncate, int threads,
                                       const py::object& shown_px) {
  const auto fixations = make_fixations(x_px, y_px, py::none(), sigma_px, shown_px);
  const auto [height, width] = checked_shape(shape);
  if (weights.ndim() != 2 || weights.shape(1) != x_px.size()) {
    throw py::value_error("weights must have shape (T, F), got " + shape_text(weights));
  }
  const auto frames = static_cast<std::size_t>(weights.shape(0));
  checked_shape({static_cast<py::ssize_t>(std::max<std::size_t>(frames, 1) * height), shape.second});
  const auto options = heatmap_options(boundary, kernel, normalize, truncate, threads);
  const std::span<const float> frame_weights(weights.data(), static_cast<std::size_t>(weights.size()));
  py::array_t<float> out({frames, height, width});
  float* data = out.mutable_data();
  py::gil_scoped_release release;
  rasterize_frames(fixations, frame_weights, frames, height, width, options, data);
  return out;
}

}  // namespace

void bind_heatmap(py::module_& module) {
  module.def("rasterize_fixations", &rasterize_one, py::arg("x_px"), py::arg("y_px"), py::arg("weight"),
             py::arg("sigma_px"), py::arg("shape"), EGAZE_HEATMAP_ARGUMENTS);
  module.def("rasterize_batch", &rasterize_many, py::arg("x_px"), py::arg("y_px"), py::arg("weight"),
             py::arg("sigma_px"), py::arg("offsets"), py::arg("shape"), EGAZE_HEATMAP_ARGUMENTS);
  module.def("rasterize_frames", &rasterize_over_time, py::arg("x_px"), py::arg("y_px"), py::arg("weights"),
             py::arg("sigma_px"), py::arg("shape"), EGAZE_HEATMAP_ARGUMENTS);
}

}  // namespace egaze::bindings
