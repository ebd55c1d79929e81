#include <algorithm>
#include <array>

#include "rules.hpp"

namespace egaze::detail {
namespace {

constexpr std::int64_t kMaxWindow = 4096;  // the largest side of a window, stride or padding in pixels

void require_image(const TensorType& x) {
  require_floats(x);
  require(x.shape.size() == 4, "applies an operator for images to a tensor without 4 dimensions");
}

std::int64_t window(const Ints& sides, std::size_t index, std::int64_t least) {
  require(sides.size() == 2, "has a window without 2 dimensions");
  require(sides[index] >= least && sides[index] <= kMaxWindow, "has a window, stride or padding out of range");
  return sides[index];
}

// Counts the positions of a window as torch does. `dilation` may be null.
Outcome pooled(const TensorType& x, const Ints& kernel, const Ints& stride, const Ints& padding, const Ints* dilation,
               bool ceil_mode) {
  require_image(x);
  Shape shape = {x.shape[0], x.shape[1]};
  fixed(x.shape[1]);
  std::int64_t per_pixel = 1;
  for (const std::size_t i : {0, 1}) {
    const std::int64_t side = fixed(x.shape[2 + i]), size = window(kernel, i, 1), pad = window(padding, i, 0);
    const std::int64_t step = window(stride, i, 1);
    const std::int64_t reach = (dilation == nullptr ? 1 : window(*dilation, i, 1)) * (size - 1) + 1;
    require(pad <= size / 2 && side + 2 * pad >= reach, "has a window, stride or padding out of range");
    std::int64_t places = (side + 2 * pad - reach + (ceil_mode ? step - 1 : 0)) / step + 1;
    if (ceil_mode && (places - 1) * step >= side + pad) --places;
    shape.push_back(sized(places));
    per_pixel *= size;
  }
  TensorType type = checked(x.dtype, std::move(shape));
  const std::int64_t pixels = elements_of(type.shape);
  elements_of({Extent{pixels}, Extent{per_pixel}});
  return {.types = {std::move(type)}, .multiplications = pixels * per_pixel};
}

// Arguments: x, kernel, stride, padding, ceil mode, whether padding counts, divisor.
Outcome avg_pool2d(const Arguments& arguments) {
  require(!arguments.has(6) || arguments.integer(6) != 0, "divides by zero");
  return pooled(arguments.tensor(0), arguments.integers(1), arguments.integers(2), arguments.integers(3), nullptr,
                arguments.flag(4));
}

Outcome max_pool2d(const Arguments& arguments) {
  Outcome outcome = pooled(arguments.tensor(0), arguments.integers(1), arguments.integers(2), arguments.integers(3),
                           &arguments.integers(4), arguments.flag(5));
  // torch computes the place of each maximum too.
  outcome.scratch_bytes = elements_of(outcome.types.front().shape) * element_bytes(DType::int64);
  return outcome;
}

TensorType resized(const TensorType& x, const Ints& sides) {
  require_image(x);
  require(sides.size() == 2, "resizes images to a size without 2 dimensions");
  fixed(x.shape[1]);
  for (const std::size_t i : {2, 3}) fixed(x.shape[i]);
  return checked(x.dtype, {x.shape[0], x.shape[1], sized(sides[0]), sized(sides[1])});
}

Outcome adaptive_avg_pool2d(const Arguments& arguments) {
  TensorType type = resized(arguments.tensor(0), arguments.integers(1));
  return {.types = {std::move(type)}, .multiplications = elements_of(arguments.tensor(0).shape)};
}

Outcome nearest(const Arguments& arguments) { return {.types = {resized(arguments.tensor(0), arguments.integers(1))}}; }

Outcome interpolated(const Arguments& arguments) {
  TensorType type = resized(arguments.tensor(0), arguments.integers(1));
  const std::int64_t pixels = elements_of(type.shape);
  return {.types = {std::move(type)}, .multiplications = 16 * pixels};  // each pixel is a sum of at most 16
}

// `sides` begins with the two sides of the last dimension.
Outcome padded(const TensorType& x, const Ints& sides, bool of_values, bool reflects) {
  require_floats(x);
  require(sides.size() % 2 == 0 && sides.size() / 2 <= x.shape.size(), "pads dimensions that the tensor does not have");
  require(of_values || (x.shape.size() == 4 && sides.size() == 4), "pads dimensions that the tensor does not have");
  TensorType type = x;
  for (std::size_t i = 0; i < sides.size(); ++i) {
    Extent& extent = type.shape[type.shape.size() - 1 - i / 2];
    if (sides[i] == 0) continue;
    const std::int64_t side = x.shape[x.shape.size() - 1 - i / 2].count;
    require(sides[i] > 0 && sides[i] <= kMaxWindow && (!reflects || sides[i] < side), "has a padding out of range");
    extent = sized(fixed(extent) + sides[i]);
  }
  return {.types = {checked(type.dtype, std::move(type.shape))}};
}

Outcome pad(const Arguments& arguments) {
  const std::string& mode = arguments.text(2);
  require(mode == "constant" || mode == "reflect" || mode == "replicate", "has an unknown mode of padding");
  require(mode == "constant" || !arguments.has(3), "has a padding value in a mode that does not use it");
  return padded(arguments.tensor(0), arguments.integers(1), mode == "constant", mode == "reflect");
}

Outcome constant_pad_nd(const Arguments& arguments) {
  return padded(arguments.tensor(0), arguments.integers(1), true, false);
}

void require_per_channel(const Arguments& arguments, std::size_t index, const TensorType& x, std::int64_t channels) {
  if (!arguments.has(index)) return;
  require_same_dtype(x, arguments.tensor(index));
  require(arguments.tensor(index).shape == Shape{{channels}}, "has parameters for another number of channels");
}

Outcome of_each(const TensorType& x) { return {.types = {x}, .multiplications = 4 * elements_of(x.shape)}; }

// Arguments: x, weight, bias, mean, variance, training, momentum, epsilon, cudnn.
Outcome batch_norm(const Arguments& arguments) {
  const TensorType& x = arguments.tensor(0);
  require_floats(x);
  require(x.shape.size() >= 2, "normalises channels of a tensor without channels");
  require(!arguments.flag(5) && arguments.has(3) && arguments.has(4), "normalises with statistics of the batch");
  const std::int64_t channels = fixed(x.shape[1]);
  for (const std::size_t i : {1, 2, 3, 4}) require_per_channel(arguments, i, x, channels);
  return of_each(x);
}

// Arguments: x, groups, weight, bias, epsilon, cudnn.
Outcome group_norm(const Arguments& arguments) {
  const TensorType& x = arguments.tensor(0);
  require_floats(x);
  require(x.shape.size() >= 2, "normalises channels of a tensor without channels");
  const std::int64_t channels = fixed(x.shape[1]), groups = arguments.integer(1);
  require(groups >= 1 && channels % groups == 0, "splits channels into groups of unequal size");
  for (const std::size_t i : {2, 3}) require_per_channel(arguments, i, x, channels);
  for (std::size_t i = 2; i < x.shape.size(); ++i) fixed(x.shape[i]);
  return of_each(x);
}

// Arguments: x, shape, weight, bias, epsilon, cudnn.
Outcome layer_norm(const Arguments& arguments) {
  const TensorType& x = arguments.tensor(0);
  const Ints& sizes = arguments.integers(1);
  require_floats(x);
  require(!sizes.empty() && sizes.size() <= x.shape.size(), "normalises dimensions that the tensor does not have");
  Shape normalised;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    require(fixed(x.shape[x.shape.size() - sizes.size() + i]) == sizes[i], "normalises dimensions of another size");
    normalised.push_back(sized(sizes[i]));
  }
  for (const std::size_t i : {2, 3}) {
    if (!arguments.has(i)) continue;
    require_same_dtype(x, arguments.tensor(i));
    require(arguments.tensor(i).shape == normalised, "has parameters for another number of channels");
  }
  return of_each(x);
}

constexpr auto kRules = std::to_array<OperatorRule>({
    {"adaptive_avg_pool2d", "Tensor self, int[] output_size", adaptive_avg_pool2d},
    {"avg_pool2d",
     "Tensor self, int[] kernel_size, int[] stride, int[] padding=[0, 0], bool ceil_mode=False, "
     "bool count_include_pad=True, int? divisor_override=None",
     avg_pool2d},
    {"batch_norm",
     "Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool training, "
     "float momentum, float eps, bool cudnn_enabled",
     batch_norm},
    {"constant_pad_nd", "Tensor self, int[] pad, Scalar value=0", constant_pad_nd},
    {"group_norm",
     "Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, float eps=1e-05, bool cudnn_enabled=True",
     group_norm},
    {"layer_norm",
     "Tensor input, int[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1e-05, "
     "bool cudnn_enable=True",
     layer_norm},
    {"max_pool2d",
     "Tensor self, int[] kernel_size, int[] stride, int[] padding=[0, 0], int[] dilation=[1, 1], "
     "bool ceil_mode=False",
     max_pool2d},
    {"pad", "Tensor self, int[] pad, str mode=\"constant\", float? value=None", pad},
    {"upsample_bicubic2d", "Tensor input, int[] output_size, bool align_corners, float[]? scale_factors=None",
     interpolated},
    {"upsample_bilinear2d", "Tensor input, int[] output_size, bool align_corners, float[]? scale_factors=None",
     interpolated},
    {"upsample_nearest2d", "Tensor input, int[] output_size, float[]? scale_factors=None", nearest},
});

}  // namespace

std::span<const OperatorRule> image_rules() { return kRules; }

}  // namespace egaze::detail
