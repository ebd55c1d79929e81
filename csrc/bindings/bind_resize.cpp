#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <optional>
#include <string>

#include "arrays.hpp"
#include "bind.hpp"
#include "egaze/resize.hpp"

namespace egaze::bindings {

void bind_resize(py::module_& module) {
  module.def(
      "resize",
      [](const py::array& image, std::pair<py::ssize_t, py::ssize_t> shape, const std::string& filter,
         const py::dtype& out_dtype, float scale, float shift, const std::optional<FloatArray>& table, int threads) {
        const ImageView view = image_view(image);
        const auto [height, width] = checked_shape(shape);
        const PixelType out_type = pixel_type(out_dtype);
        ResizeOptions options;
        if (filter == "area") {
          options.filter = Filter::area;
        } else if (filter == "bilinear") {
          options.filter = Filter::bilinear;
        } else if (filter == "nearest") {
          options.filter = Filter::nearest;
        } else {
          throw py::value_error("filter must be 'area', 'bilinear' or 'nearest', got '" + filter + "'");
        }
        options.scale = scale;
        options.shift = shift;
        if (table) {
          if (table->ndim() != 1 || table->size() == 0) {
            throw py::value_error("table must have shape (K,), K above 0, got " + shape_text(*table));
          }
          options.table = {table->data(), static_cast<std::size_t>(table->size())};
        }
        options.threads = threads;
        py::array out(out_dtype, {height, width});
        void* data = out.mutable_data();
        {
          py::gil_scoped_release release;
          resize(view, height, width, out_type, options, data);
        }
        return out;
      },
      py::arg("image"), py::arg("shape"), py::kw_only(), py::arg("filter"), py::arg("out_dtype"), py::arg("scale"),
      py::arg("shift"), py::arg("table"), py::arg("threads"));
}

}  // namespace egaze::bindings
