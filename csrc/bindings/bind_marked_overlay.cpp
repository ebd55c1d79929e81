#include <cstdint>
#include <cstring>

#include "arrays.hpp"
#include "bind.hpp"
#include "egaze/marked_overlay.hpp"

namespace egaze::bindings {
namespace {

using Bytes = py::array_t<std::uint8_t, py::array::c_style>;

std::span<const std::uint8_t> pixels(const Bytes& image) {
  return {image.data(), static_cast<std::size_t>(image.size())};
}

}  // namespace

void bind_marked_overlay(py::module_& module) {
  module.def(
      "marked_overlay",
      [](const Bytes& grey, const Bytes& levels, const Bytes& colours, float highest) {
        if (grey.ndim() != 2 || levels.ndim() != 2 || levels.shape(0) != grey.shape(0) ||
            levels.shape(1) != grey.shape(1)) {
          throw py::value_error("grey and levels must have one shape (H, W), got " + shape_text(grey) + " and " +
                                shape_text(levels));
        }
        if (colours.ndim() != 2 || colours.shape(0) != 256 || colours.shape(1) != 4) {
          throw py::value_error("colours must have shape (256, 4), got " + shape_text(colours));
        }
        std::uint8_t table[256][4];
        std::memcpy(table, colours.data(), sizeof table);
        const auto [height, width] = checked_shape({grey.shape(0), grey.shape(1)});
        MarkedOverlay picture;
        {
          py::gil_scoped_release release;
          picture = marked_overlay(pixels(grey), pixels(levels), height, width, table, highest);
        }
        return Bytes({picture.height, picture.width, std::size_t{3}}, picture.rgb.data());
      },
      py::arg("grey").noconvert(), py::arg("levels").noconvert(), py::arg("colours").noconvert(), py::arg("highest"));
}

}  // namespace egaze::bindings
