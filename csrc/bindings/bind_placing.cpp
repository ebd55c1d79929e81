#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <tuple>

#include "arrays.hpp"
#include "bind.hpp"
#include "egaze/fit.hpp"
#include "egaze/placing.hpp"

namespace egaze::bindings {

void bind_placing(py::module_& module) {
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
  module.def(
      "place_on_canvas",
      [](const py::array& radiograph, std::tuple<std::size_t, std::size_t, std::size_t, std::size_t> rectangle,
         std::pair<py::ssize_t, py::ssize_t> shape, const std::optional<FloatArray>& table, int threads) {
        const ImageView view = image_view(radiograph);
        const auto [top_px, left_px, height_px, width_px] = rectangle;
        const auto [height, width] = checked_shape(shape);
        std::span<const float> values;
        if (table) values = {table->data(), static_cast<std::size_t>(table->size())};
        py::array_t<std::uint16_t> canvas({height, width});
        std::uint16_t* data = canvas.mutable_data();
        {
          py::gil_scoped_release release;
          place_on_canvas(view, values, {top_px, left_px, height_px, width_px}, height, width, threads, data);
        }
        return canvas;
      },
      py::arg("radiograph"), py::arg("rectangle"), py::arg("shape"), py::kw_only(), py::arg("table"),
      py::arg("threads"));
  module.def(
      "to_input",
      [](const py::array_t<std::uint16_t, py::array::c_style>& canvas, std::pair<py::ssize_t, py::ssize_t> shape) {
        const ImageView view = image_view(canvas);
        const auto [height, width] = checked_shape(shape);
        py::array_t<float> input({height, width});
        float* data = input.mutable_data();
        {
          py::gil_scoped_release release;
          to_input(canvas.data(), view.height, view.width, height, width, data);
        }
        return input;
      },
      py::arg("canvas").noconvert(), py::arg("shape"));
}

}  // namespace egaze::bindings
