#include <algorithm>
#include <initializer_list>
#include <limits>

#include "onnx/node_rules.hpp"

namespace egaze::detail::onnx {
namespace {

// Products are bounded long before, by ModelLimits.
constexpr std::int64_t kMaxStep = 4096;

bool all_within(const Ints& values, std::int64_t least, std::int64_t most) {
  return std::ranges::all_of(values, [=](std::int64_t value) { return value >= least && value <= most; });
}

Outcome same(const Arguments& arguments) { return {{arguments.tensor(0)}}; }

Outcome with_other(const Arguments& arguments) { return {{broadcast(arguments.tensor(0), arguments.tensor(1))}}; }

Outcome clip(const Arguments& arguments) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const float low = arguments.has(1) ? arguments.number(1) : -kInfinity;
  const float high = arguments.has(2) ? arguments.number(2) : kInfinity;
  require(low <= high, "clamps without valid bounds");
  return same(arguments);
}

Outcome along_axis(const Arguments& arguments) {
  const Shape& shape = arguments.tensor(0);
  fixed(shape[dimension_of(arguments.integer("axis", -1), shape.size())]);
  return {{shape}};
}

Outcome reduced(const Arguments& arguments) {
  const Shape& shape = arguments.tensor(0);
  const std::int64_t kept = arguments.integer("keepdims", 1);
  require(kept == 0 || kept == 1, "has a flag that is neither 0 nor 1");
  const std::vector<bool> reduces = dimensions_of(arguments.integers(1), shape.size());
  Shape left;
  for (std::size_t place = 0; place < shape.size(); ++place) {
    if (reduces[place]) fixed(shape[place]);
    if (!reduces[place]) left.push_back(shape[place]);
    if (reduces[place] && kept == 1) left.emplace_back();
  }
  return {{left}, elements_of(shape)};
}

// The shape of matrices in a batch.
Shape in_batch(Shape batch, const Shape& matrices) {
  batch.insert(batch.end(), matrices.end() - 2, matrices.end());
  return batch;
}

Outcome matmul(const Arguments& arguments) {
  const Shape &a = arguments.tensor(0), &b = arguments.tensor(1);
  require(a.size() >= 2 && b.size() >= 2, "multiplies tensors with too few dimensions");
  const Extent inner = a.back();
  require(fixed(inner) == fixed(b[b.size() - 2]), "multiplies matrices whose sizes do not match");
  const Shape batch = broadcast({a.begin(), a.end() - 2}, {b.begin(), b.end() - 2});
  Shape shape = batch;
  shape.push_back(a[a.size() - 2]);
  shape.push_back(b.back());
  // The engine may copy the operands to the shape of the whole batch.
  const std::int64_t copied = times(4, plus(elements_of(in_batch(batch, a)), elements_of(in_batch(batch, b))));
  const std::int64_t products = times(elements_of(shape), inner.count);
  return {{std::move(shape)}, products, copied};
}

Outcome conv(const Arguments& arguments) {
  const Shape &x = arguments.tensor(0), &weight = arguments.tensor(1);
  require(x.size() >= 3 && x.size() <= 4 && weight.size() == x.size(),
          "convolves tensors with another number of dimensions");
  const std::size_t sides = x.size() - 2;
  const Ints stride = arguments.list("strides", Ints(sides, 1)), pads = arguments.list("pads", Ints(2 * sides, 0)),
             dilation = arguments.list("dilations", Ints(sides, 1));
  require(stride.size() == sides && pads.size() == 2 * sides && dilation.size() == sides &&
              all_within(stride, 1, kMaxStep) && all_within(dilation, 1, kMaxStep) && all_within(pads, 0, kMaxStep),
          "has a stride, padding or dilation out of range");
  Ints kernel;
  for (std::size_t side = 0; side < sides; ++side) kernel.push_back(fixed(weight[2 + side]));
  require(arguments.list("kernel_shape", kernel) == kernel, "states another kernel than its weights have");
  const std::int64_t groups = arguments.integer("group", 1), outputs = fixed(weight[0]), inputs = fixed(weight[1]);
  require(groups >= 1 && outputs % groups == 0 && fixed(x[1]) == times(inputs, groups),
          "convolves another number of channels than its weights have");
  if (arguments.has(2)) require(arguments.tensor(2) == Shape{{outputs}}, "has a bias of another length");
  Shape shape = {x[0], {outputs}}, pixels = {x[0]};
  std::int64_t products = inputs;
  for (std::size_t side = 0; side < sides; ++side) {
    const std::int64_t reach = dilation[side] * (kernel[side] - 1) + 1;
    const std::int64_t padded = fixed(x[2 + side]) + pads[side] + pads[side + sides];
    require(padded >= reach, "convolves an image that is smaller than its kernel");
    shape.push_back({(padded - reach) / stride[side] + 1});
    pixels.push_back(shape.back());
    products = times(products, kernel[side]);
  }
  // Where the engine has no faster way, it unfolds the image: for each pixel, the values under the kernel.
  const std::int64_t unfolded_bytes =
      products == inputs ? 0 : times(times(4, elements_of(pixels)), times(products, groups));
  const std::int64_t multiplications = times(elements_of(shape), products);
  return {{std::move(shape)}, multiplications, unfolded_bytes};
}

Outcome layer_normalization(const Arguments& arguments) {
  const Shape& shape = arguments.tensor(0);
  const Shape normalised(shape.begin() + dimension_of(arguments.integer("axis", -1), shape.size()), shape.end());
  for (const Extent& extent : normalised) fixed(extent);
  for (const std::size_t index : {1, 2}) {
    if (!arguments.has(index)) continue;
    require(arguments.tensor(index) == normalised, "has parameters for another number of channels");
  }
  return {{shape}, times(4, elements_of(shape))};
}

Outcome instance_normalization(const Arguments& arguments) {
  const Shape& shape = arguments.tensor(0);
  require(shape.size() >= 3, "normalises channels of a tensor without channels");
  for (std::size_t place = 1; place < shape.size(); ++place) fixed(shape[place]);
  for (const std::size_t index : {1, 2}) {
    require(arguments.tensor(index) == Shape{shape[1]}, "has parameters for another number of channels");
  }
  return {{shape}, times(4, elements_of(shape))};
}

std::vector<Rule> make_rules() {
  using enum AttributeKind;
  std::vector<Rule> rules = {
      {"Elu", same, 1, 1, {{"alpha", real}}},
      {"LeakyRelu", same, 1, 1, {{"alpha", real}}},
      {"HardSigmoid", same, 1, 1, {{"alpha", real}, {"beta", real}}},
      {"Clip", clip, 1, 3},
      {"LogSoftmax", along_axis, 1, 1, {{"axis", integer}}},
      {"Softmax", along_axis, 1, 1, {{"axis", integer}}},
      {"MatMul", matmul, 2, 2},
      {"Conv",
       conv,
       2,
       3,
       {{"dilations", integers},
        {"kernel_shape", integers},
        {"pads", integers},
        {"strides", integers},
        {"group", integer}}},
      {"LayerNormalization", layer_normalization, 2, 3, {{"axis", integer}, {"epsilon", real}}},
      {"InstanceNormalization", instance_normalization, 3, 3, {{"epsilon", real}}},
  };
  for (const char* name : {"Abs", "Cos", "Erf", "Exp", "HardSwish", "Log", "Mish", "Neg", "Reciprocal", "Relu", "Selu",
                           "Sigmoid", "Sin", "Softplus", "Sqrt", "Tanh"}) {
    rules.push_back({name, same});
  }
  for (const char* name : {"Add", "Div", "Max", "Min", "Mul", "Pow", "Sub"}) rules.push_back({name, with_other, 2, 2});
  for (const char* name : {"ReduceL1", "ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum"}) {
    rules.push_back({name, reduced, 2, 2, {{"keepdims", integer}}});
  }
  return rules;
}

}  // namespace

std::span<const Rule> value_rules() {
  static const std::vector<Rule> rules = make_rules();
  return rules;
}

}  // namespace egaze::detail::onnx
