#include <algorithm>

#include "onnx/node_rules.hpp"

namespace egaze::detail::onnx {
namespace {

constexpr std::int64_t kMaxWindow = 4096;  // the largest side of a window, stride or padding in pixels

const Shape& image(const Arguments& arguments) {
  const Shape& shape = arguments.tensor(0);
  require(shape.size() == 4, "applies an operator for images to a tensor without 4 dimensions");
  for (std::size_t place = 1; place < 4; ++place) fixed(shape[place]);
  return shape;
}

bool is_window(const Ints& sides) {
  return sides.size() == 2 &&
         std::ranges::all_of(sides, [](std::int64_t side) { return side >= 1 && side <= kMaxWindow; });
}

Outcome pooled(const Arguments& arguments) {
  const Shape& shape = image(arguments);
  const Ints kernel = arguments.list("kernel_shape", {}), stride = arguments.list("strides", {1, 1}),
             pads = arguments.list("pads", {0, 0, 0, 0}), dilation = arguments.list("dilations", {1, 1});
  bool in_range = is_window(kernel) && is_window(stride) && is_window(dilation) && pads.size() == 4;
  for (std::size_t place = 0; in_range && place < 4; ++place) {
    in_range = pads[place] >= 0 && pads[place] < kernel[place % 2];
  }
  require(in_range, "has a window, stride or padding out of range");
  const std::int64_t counts_pads = arguments.integer("count_include_pad", 0);
  require(counts_pads == 0 || counts_pads == 1, "has a flag that is neither 0 nor 1");
  Shape result = shape;
  for (const std::size_t side : {0, 1}) {
    const std::int64_t reach = dilation[side] * (kernel[side] - 1) + 1;
    const std::int64_t padded = shape[2 + side].count + pads[side] + pads[side + 2];
    require(padded >= reach, "has a window, stride or padding out of range");
    result[2 + side] = {(padded - reach) / stride[side] + 1};
  }
  const std::int64_t work = times(elements_of(result), kernel[0] * kernel[1]);
  return {{std::move(result)}, work};
}

// To the sides of the last two dimensions.
Outcome resize(const Arguments& arguments) {
  Shape shape = image(arguments);
  const std::string mode = arguments.text("mode", "nearest");
  const std::string coordinates = arguments.text("coordinate_transformation_mode", "");
  const bool is_known = mode == "nearest" ? coordinates == "asymmetric"
                                          : (mode == "linear" || mode == "cubic") &&
                                                (coordinates == "half_pixel" || coordinates == "align_corners");
  require(is_known, "resizes in a way that no exported model does");
  require(mode != "nearest" || arguments.text("nearest_mode", "") == "floor", "resizes in another way");
  require(arguments.list("axes", {}) == Ints{2, 3}, "resizes other dimensions than an image's sides");
  require(!arguments.has(1) && !arguments.has(2), "resizes by a factor");
  const Ints sides = arguments.integers(3);
  require(sides.size() == 2 && std::ranges::all_of(sides, [](std::int64_t side) { return side >= 1; }),
          "resizes to impossible sides");
  shape[2] = {sides[0]};
  shape[3] = {sides[1]};
  const std::int64_t work = times(16, elements_of(shape));  // each pixel is a sum of at most 16
  return {{std::move(shape)}, work};
}

Outcome pad(const Arguments& arguments) {
  Shape shape = arguments.tensor(0);
  const Ints pads = arguments.integers(1);
  const std::string mode = arguments.text("mode", "constant");
  require(mode == "constant" || mode == "reflect" || mode == "edge", "has an unknown mode of padding");
  if (arguments.has(2)) {
    require(mode == "constant", "has a padding value in a mode that does not use it");
    arguments.number(2);
  }
  require(pads.size() == 2 * shape.size(), "pads dimensions that the tensor does not have");
  const std::size_t dimensions = shape.size();
  for (std::size_t place = 0; place < dimensions; ++place) {
    const std::int64_t before = pads[place], after = pads[place + dimensions];
    const std::int64_t most = mode == "reflect" ? std::min(kMaxWindow, shape[place].count - 1) : kMaxWindow;
    require(std::min(before, after) >= 0 && std::max(before, after) <= most, "has a padding out of range");
    if (before != 0 || after != 0) shape[place] = {fixed(shape[place]) + before + after};
  }
  return {{std::move(shape)}};
}

Outcome depth_to_space(const Arguments& arguments) {
  Shape shape = image(arguments);
  const std::int64_t factor = arguments.integer("blocksize", 0);
  require(factor >= 1 && factor <= kMaxWindow && shape[1].count % (factor * factor) == 0 &&
              arguments.text("mode", "DCR") == "CRD",
          "shuffles pixels in a way that no exported model does");
  shape[1].count /= factor * factor;
  shape[2].count *= factor;
  shape[3].count *= factor;
  return {{std::move(shape)}};
}

}  // namespace

std::span<const Rule> image_rules() {
  using enum AttributeKind;
  static const std::vector<Rule> rules = {
      {"AveragePool",
       pooled,
       1,
       1,
       {{"kernel_shape", integers}, {"pads", integers}, {"strides", integers}, {"count_include_pad", integer}}},
      {"DepthToSpace", depth_to_space, 1, 1, {{"blocksize", integer}, {"mode", text}}},
      {"MaxPool",
       pooled,
       1,
       1,
       {{"kernel_shape", integers}, {"pads", integers}, {"strides", integers}, {"dilations", integers}}},
      {"Pad", pad, 2, 3, {{"mode", text}}},
      {"Resize",
       resize,
       4,
       4,
       {{"axes", integers},
        {"mode", text},
        {"coordinate_transformation_mode", text},
        {"nearest_mode", text},
        {"cubic_coeff_a", real}}},
  };
  return rules;
}

}  // namespace egaze::detail::onnx
