// Conversions and checks of numpy arguments; every error message shows the value received.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstddef>
#include <string>
#include <utility>

#include "egaze/error.hpp"
#include "egaze/image.hpp"

namespace egaze::bindings {

namespace py = pybind11;

// Any array or sequence of numbers, as float32.
using FloatArray = py::array_t<float, py::array::c_style | py::array::forcecast>;

inline constexpr std::ptrdiff_t kMaxPixels = std::ptrdiff_t{1} << 31;

inline std::string shape_text(const py::array& array) { return py::str(array.attr("shape")).cast<std::string>(); }

// Refuses shapes of more than 2^31 pixels, so that products of sides cannot overflow.
inline std::pair<std::size_t, std::size_t> checked_shape(std::pair<py::ssize_t, py::ssize_t> shape) {
  const auto [height, width] = shape;
  if (height < 1 || width < 1 || height > kMaxPixels / width) {
    throw py::value_error("shape must be two positive sides of at most 2^31 pixels together, got (" +
                          std::to_string(height) + ", " + std::to_string(width) + ")");
  }
  return {static_cast<std::size_t>(height), static_cast<std::size_t>(width)};
}

inline PixelType pixel_type(const py::dtype& dtype) {
  if (dtype.equal(py::dtype::of<std::uint8_t>())) return PixelType::uint8;
  if (dtype.equal(py::dtype::of<std::uint16_t>())) return PixelType::uint16;
  if (dtype.equal(py::dtype::of<float>())) return PixelType::float32;
  throw py::type_error("pixels must be uint8, uint16 or float32, got " +
                       py::str(py::object(dtype)).cast<std::string>());
}

inline ImageView image_view(const py::array& image) {
  if (image.ndim() != 2) throw py::value_error("image must have shape (H, W), got " + shape_text(image));
  return {image.data(),
          pixel_type(image.dtype()),
          static_cast<std::size_t>(image.shape(0)),
          static_cast<std::size_t>(image.shape(1)),
          image.strides(0),
          image.strides(1)};
}

}  // namespace egaze::bindings
