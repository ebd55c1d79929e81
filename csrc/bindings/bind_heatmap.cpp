#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <string>
#include <type_traits>

#include "arrays.hpp"
#include "bind.hpp"
#include "heatmap_options.hpp"

namespace egaze::bindings {

static_assert(sizeof(Fixation) == 5 * sizeof(float) && std::is_trivially_copyable_v<Fixation>);

std::span<const Fixation> fixation_rows(const FixationArray& array) {
  if (array.ndim() != 2 || array.shape(1) != 5) {
    throw py::value_error("fixations must have shape (F, 5), got " + shape_text(array));
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

void bind_heatmap(py::module_& module) {
  module.def(
      "rasterize_fixations",
      [](const FixationArray& fixations, std::pair<py::ssize_t, py::ssize_t> shape, const std::string& boundary,
         const std::string& kernel, const std::string& normalize, double truncate, int threads) {
        const auto rows = fixation_rows(fixations);
        const auto [height, width] = checked_shape(shape);
        const auto options = heatmap_options(boundary, kernel, normalize, truncate, threads);
        py::array_t<float> out({height, width});
        float* data = out.mutable_data();
        {
          py::gil_scoped_release release;
          rasterize_fixations(rows, height, width, options, data);
        }
        return out;
      },
      py::arg("fixations"), py::arg("shape"), py::kw_only(), py::arg("boundary"), py::arg("kernel"),
      py::arg("normalize"), py::arg("truncate"), py::arg("threads"));
}

}  // namespace egaze::bindings
