#include <array>
#include <limits>

#include "rules.hpp"

namespace egaze::detail {
namespace {

constexpr std::int64_t kMaxStep = 4096;  // the largest stride, padding or dilation
constexpr std::int64_t kMaxProducts = std::int64_t{1} << 60;

std::int64_t times(std::int64_t a, std::int64_t b) {
  require(b == 0 || a <= kMaxProducts / b, "needs more multiplications or memory than can be counted");
  return a * b;
}

void require_bias(const Arguments& arguments, std::size_t index, const TensorType& weight, std::int64_t channels) {
  if (!arguments.has(index)) return;
  const TensorType& bias = arguments.tensor(index);
  require_same_dtype(weight, bias);
  require(bias.shape == Shape{{channels}}, "has a bias of another length");
}

std::int64_t step(const Ints& steps, std::size_t index, std::int64_t least) {
  const std::int64_t value = steps[index];
  require(value >= least && value <= kMaxStep, "has a stride, padding or dilation out of range");
  return value;
}

// A convolution over 1 or 2 dimensions.
Outcome convolution(const Arguments& arguments, std::size_t sides) {
  const TensorType& x = arguments.tensor(0);
  const TensorType& weight = arguments.tensor(1);
  require_same_dtype(x, weight);
  require(x.shape.size() == sides + 2 && weight.shape.size() == sides + 2,
          "convolves tensors with another number of dimensions");
  const Ints &stride = arguments.integers(3), &padding = arguments.integers(4), &dilation = arguments.integers(5);
  require(stride.size() == sides && padding.size() == sides && dilation.size() == sides,
          "has another number of strides, paddings or dilations than dimensions");
  const std::int64_t groups = arguments.integer(6), outputs = fixed(weight.shape[0]), inputs = fixed(weight.shape[1]);
  require(
      groups >= 1 && outputs % groups == 0 && fixed(x.shape[1]) % groups == 0 && x.shape[1].count / groups == inputs,
      "convolves another number of channels than its weights have");
  require_bias(arguments, 2, weight, outputs);
  Shape shape = {x.shape[0], sized(outputs)};
  std::int64_t products = inputs, pixels = x.shape[0].count;
  for (std::size_t i = 0; i < sides; ++i) {
    const std::int64_t kernel = fixed(weight.shape[2 + i]), reach = times(step(dilation, i, 1), kernel - 1) + 1;
    const std::int64_t padded = fixed(x.shape[2 + i]) + 2 * step(padding, i, 0);
    require(padded >= reach, "convolves an image that is smaller than its kernel");
    shape.push_back(sized((padded - reach) / step(stride, i, 1) + 1));
    pixels = times(pixels, shape.back().count);
    products = times(products, kernel);
  }
  TensorType type = checked(x.dtype, std::move(shape));
  const std::int64_t multiplications = times(elements_of(type.shape), products);
  // Where torch has no faster way, it unfolds the image: for each pixel of the result, the values under the kernel.
  const std::int64_t unfolded_bytes = products == inputs ? 0 : times(times(pixels, products), element_bytes(x.dtype));
  return {.types = {std::move(type)}, .multiplications = multiplications, .scratch_bytes = unfolded_bytes};
}

Outcome conv1d(const Arguments& arguments) { return convolution(arguments, 1); }
Outcome conv2d(const Arguments& arguments) { return convolution(arguments, 2); }

Outcome linear(const Arguments& arguments) {
  const TensorType& x = arguments.tensor(0);
  const TensorType& weight = arguments.tensor(1);
  require_same_dtype(x, weight);
  require(!x.shape.empty() && weight.shape.size() == 2, "multiplies tensors with too few dimensions");
  const std::int64_t outputs = fixed(weight.shape[0]);
  require(fixed(x.shape.back()) == fixed(weight.shape[1]), "multiplies matrices whose sizes do not match");
  require_bias(arguments, 2, weight, outputs);
  const std::int64_t multiplications = times(elements_of(x.shape), outputs);
  Shape shape = x.shape;
  shape.back() = sized(outputs);
  return {.types = {checked(x.dtype, std::move(shape))}, .multiplications = multiplications};
}

Outcome product(const TensorType& a, const TensorType& b) {
  require_same_dtype(a, b);
  require(a.shape.size() >= 2 && b.shape.size() >= 2, "multiplies tensors with too few dimensions");
  require(fixed(a.shape.back()) == fixed(b.shape[b.shape.size() - 2]), "multiplies matrices whose sizes do not match");
  const Shape batch = broadcast({a.shape.begin(), a.shape.end() - 2}, {b.shape.begin(), b.shape.end() - 2});
  Shape shape = batch;
  shape.push_back(a.shape[a.shape.size() - 2]);
  shape.push_back(b.shape.back());
  TensorType type = checked(a.dtype, std::move(shape));
  const std::int64_t multiplications = times(elements_of(type.shape), a.shape.back().count);
  // torch may copy the operands to the shape of the whole batch.
  std::int64_t copied = 0;
  for (const Shape* operand : {&a.shape, &b.shape}) {
    const Shape matrix(operand->end() - 2, operand->end());
    copied += times(times(elements_of(batch), elements_of(matrix)), element_bytes(a.dtype));
  }
  return {.types = {std::move(type)}, .multiplications = multiplications, .scratch_bytes = copied};
}

Outcome matmul(const Arguments& arguments) { return product(arguments.tensor(0), arguments.tensor(1)); }

Outcome bmm(const Arguments& arguments) {
  const TensorType &a = arguments.tensor(0), &b = arguments.tensor(1);
  require(a.shape.size() == 3 && b.shape.size() == 3 && a.shape[0] == b.shape[0],
          "multiplies batches of matrices of different sizes");
  return product(a, b);
}

// Arguments: query, key, value, mask, dropout, causal, scale.
Outcome attention(const Arguments& arguments) {
  const TensorType &query = arguments.tensor(0), &key = arguments.tensor(1), &value = arguments.tensor(2);
  require_same_dtype(query, key);
  require_same_dtype(query, value);
  const std::size_t count = query.shape.size();
  require(count == 4 && key.shape.size() == count && value.shape.size() == count,
          "has attention on tensors without 4 dimensions");
  require(arguments.number(4) == 0.0, "drops values at random");
  // All heads of the query may share one key.
  require(query.shape[0] == key.shape[0] && key.shape[0] == value.shape[0] && key.shape[1] == value.shape[1] &&
              (key.shape[1] == query.shape[1] || key.shape[1] == Extent{}),
          "has attention on tensors whose sizes do not match");
  const std::int64_t keys = fixed(key.shape[2]), depth = fixed(query.shape[3]);
  require(keys == fixed(value.shape[2]) && depth == fixed(key.shape[3]),
          "has attention on tensors whose sizes do not match");
  if (arguments.has(3)) {
    require(!arguments.flag(5), "has two masks");
    const TensorType& mask = arguments.tensor(3);
    require_same_dtype(query, mask);
    const Shape weights = {query.shape[0], query.shape[1], query.shape[2], key.shape[2]};
    require((mask.shape.size() == 2 || mask.shape.size() == count) && broadcast(weights, mask.shape) == weights,
            "has a mask of another shape");
  }
  TensorType type =
      checked(query.dtype, {query.shape[0], query.shape[1], query.shape[2], Extent{fixed(value.shape[3])}});
  const std::int64_t weights = times(times(elements_of({query.shape[0], query.shape[1]}), fixed(query.shape[2])), keys);
  const std::int64_t multiplications = times(weights, depth + value.shape[3].count);
  // Where torch has no faster way, it keeps the weights of all pairs, before and after the softmax.
  const std::int64_t weights_bytes = times(weights, 2 * element_bytes(query.dtype));
  return {.types = {std::move(type)}, .multiplications = multiplications, .scratch_bytes = weights_bytes};
}

constexpr auto kRules = std::to_array<OperatorRule>({
    {"bmm", "Tensor self, Tensor mat2", bmm},
    {"conv1d",
     "Tensor input, Tensor weight, Tensor? bias=None, int[] stride=[1], int[] padding=[0], int[] dilation=[1], "
     "int groups=1",
     conv1d},
    {"conv2d",
     "Tensor input, Tensor weight, Tensor? bias=None, int[] stride=[1, 1], int[] padding=[0, 0], "
     "int[] dilation=[1, 1], int groups=1",
     conv2d},
    {"linear", "Tensor input, Tensor weight, Tensor? bias=None", linear},
    {"matmul", "Tensor self, Tensor other", matmul},
    {"scaled_dot_product_attention",
     "Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float dropout_p=0.0, bool is_causal=False, *, "
     "float? scale=None",
     attention},
});

}  // namespace

std::span<const OperatorRule> product_rules() { return kRules; }

}  // namespace egaze::detail
