#include "egaze/fit.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "egaze/error.hpp"

namespace egaze {

FitRectangle fit_rectangle(std::size_t radiograph_height, std::size_t radiograph_width, std::size_t canvas_height,
                           std::size_t canvas_width, Fit fit) {
  if (radiograph_height == 0 || radiograph_width == 0 || canvas_height == 0 || canvas_width == 0) {
    throw Error(ErrorCode::invalid_argument, "cannot fit a radiograph of " + std::to_string(radiograph_height) + "x" +
                                                 std::to_string(radiograph_width) + " pixels into " +
                                                 std::to_string(canvas_height) + "x" + std::to_string(canvas_width));
  }
  if (fit == Fit::stretch) return {0, 0, canvas_height, canvas_width};
  const double scale = std::min(static_cast<double>(canvas_height) / static_cast<double>(radiograph_height),
                                static_cast<double>(canvas_width) / static_cast<double>(radiograph_width));
  const auto side = [scale](std::size_t radiograph, std::size_t canvas) {
    const auto rounded = static_cast<std::size_t>(std::floor(static_cast<double>(radiograph) * scale + 0.5));
    return std::clamp<std::size_t>(rounded, 1, canvas);
  };
  const std::size_t height = side(radiograph_height, canvas_height);
  const std::size_t width = side(radiograph_width, canvas_width);
  return {(canvas_height - height) / 2, (canvas_width - width) / 2, height, width};
}

}  // namespace egaze
