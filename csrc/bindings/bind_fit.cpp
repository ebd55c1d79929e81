#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <string>
#include <tuple>

#include "arrays.hpp"
#include "bind.hpp"
#include "egaze/fit.hpp"

namespace egaze::bindings {

void bind_fit(py::module_& module) {
  module.def(
      "fit_rectangle",
      [](std::pair<py::ssize_t, py::ssize_t> radiograph_shape, std::pair<py::ssize_t, py::ssize_t> canvas_shape,
         const std::string& fit) {
        if (fit != "stretch" && fit != "letterbox") {
          throw py::value_error("fit must be 'stretch' or 'letterbox', got '" + fit + "'");
        }
        const auto [radiograph_height, radiograph_width] = checked_shape(radiograph_shape);
        const auto [canvas_height, canvas_width] = checked_shape(canvas_shape);
        const FitRectangle where = fit_rectangle(radiograph_height, radiograph_width, canvas_height, canvas_width,
                                                 fit == "stretch" ? Fit::stretch : Fit::letterbox);
        return std::tuple(where.top_px, where.left_px, where.height_px, where.width_px);
      },
      py::arg("radiograph_shape"), py::arg("canvas_shape"), py::arg("fit"));
}

}  // namespace egaze::bindings
