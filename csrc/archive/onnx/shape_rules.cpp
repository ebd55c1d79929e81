#include <algorithm>
#include <numeric>

#include "onnx/node_rules.hpp"

namespace egaze::detail::onnx {
namespace {

// Sizes that are written into a program: larger ones could not be counted.
bool are_sizes(const Ints& sizes) {
  return std::ranges::all_of(sizes, [](std::int64_t size) { return size >= 1 && size <= kMaxSide; });
}

Shape with(Shape shape, std::size_t place, Extent extent) {
  shape[place] = extent;
  return shape;
}

// The number of elements before the dimension of the images.
std::int64_t elements_before_images(const Shape& shape) {
  return elements_of({shape.begin(), std::ranges::find_if(shape, &Extent::per_image)});
}

// The number of elements before the dimension of images stays, so that each image keeps its own elements.
Outcome reshape(const Arguments& arguments) {
  const Shape& shape = arguments.tensor(0);
  const Ints sizes = arguments.integers(1);
  Ints stated = sizes;
  const bool infers = std::erase(stated, -1) > 0;
  require(sizes.size() - stated.size() <= 1 && are_sizes(stated), "reshapes to impossible sizes");
  const std::int64_t elements = elements_of(shape);
  const bool of_images = std::ranges::any_of(shape, &Extent::per_image);
  Shape known;
  for (const std::int64_t size : stated) known.push_back({size});
  const std::int64_t known_elements = elements_of(known);
  require(elements % known_elements == 0 && (elements == known_elements || infers), "changes the number of elements");
  require(!of_images || infers, "fixes the number of images");
  Shape other;
  for (const std::int64_t size : sizes) {
    other.push_back(size == -1 ? Extent{elements / known_elements, of_images} : Extent{size});
  }
  require(!of_images || elements_before_images(shape) == elements_before_images(other),
          "mixes elements of several images");
  return {{std::move(other)}};
}

Outcome transpose(const Arguments& arguments) {
  const Shape& shape = arguments.tensor(0);
  const Ints order = arguments.list("perm", {});
  Ints places(shape.size());
  std::iota(places.begin(), places.end(), 0);
  require(std::ranges::is_permutation(order, places), "permutes another number of dimensions than the tensor has");
  Shape permuted;
  for (const std::int64_t place : order) permuted.push_back(shape[static_cast<std::size_t>(place)]);
  return {{std::move(permuted)}};
}

Outcome expand(const Arguments& arguments) {
  const Shape& shape = arguments.tensor(0);
  const Ints sizes = arguments.integers(1);
  require(are_sizes(sizes), "expands to an impossible size");
  Shape other;
  for (const std::int64_t size : sizes) other.push_back({size});
  return {{broadcast(shape, other)}};
}

Outcome tile(const Arguments& arguments) {
  Shape shape = arguments.tensor(0);
  const Ints repeats = arguments.integers(1);
  require(repeats.size() == shape.size() && are_sizes(repeats), "repeats other dimensions than there are");
  for (std::size_t place = 0; place < shape.size(); ++place) {
    if (repeats[place] != 1) shape[place] = {times(fixed(shape[place]), repeats[place])};
  }
  return {{std::move(shape)}};
}

Outcome concat(const Arguments& arguments) {
  const Shape& first = arguments.tensor(0);
  const auto dimensions = static_cast<std::int64_t>(first.size());
  const std::size_t at = dimension_of(arguments.integer("axis", dimensions), first.size());
  std::int64_t joined = 0;
  for (std::size_t index = 0; index < arguments.inputs(); ++index) {
    const Shape& shape = arguments.tensor(index);
    require(shape.size() == first.size() && with(shape, at, {}) == with(first, at, {}),
            "joins tensors whose shapes do not match");
    joined = plus(joined, fixed(shape[at]));
  }
  return {{with(first, at, {joined})}};
}

Outcome split(const Arguments& arguments) {
  const Shape& shape = arguments.tensor(0);
  const Ints sizes = arguments.integers(1);
  const std::size_t at = dimension_of(arguments.integer("axis", 0), shape.size());
  require(are_sizes(sizes) && std::reduce(sizes.begin(), sizes.end()) == fixed(shape[at]),
          "splits a tensor into parts of another total size");
  Outcome outcome;
  for (const std::int64_t size : sizes) outcome.shapes.push_back(with(shape, at, {size}));
  return outcome;
}

// Of one dimension, from a start to an end within it.
Outcome slice(const Arguments& arguments) {
  const Shape& shape = arguments.tensor(0);
  Ints given;
  for (std::size_t index = 1; index <= 4; ++index) {
    const Ints values = arguments.integers(index);
    require(values.size() == 1, "takes a part of several dimensions at once");
    given.push_back(values[0]);
  }
  const std::int64_t start = given[0], end = given[1], step = given[3];
  const std::size_t at = dimension_of(given[2], shape.size());
  require(0 <= start && start < end && end <= fixed(shape[at]) && step >= 1,
          "takes a part that the tensor does not have");
  return {{with(shape, at, {(end - start - 1) / step + 1})}};
}

}  // namespace

std::span<const Rule> shape_rules() {
  using enum AttributeKind;
  static const std::vector<Rule> rules = {
      {"Concat", concat, 1, kMaxParts, {{"axis", integer}}},
      {"Expand", expand, 2, 2},
      {"Reshape", reshape, 2, 2},
      {"Slice", slice, 5, 5},
      {"Split", split, 2, 2, {{"axis", integer}}, kMaxParts},
      {"Tile", tile, 2, 2},
      {"Transpose", transpose, 1, 1, {{"perm", integers}}},
  };
  return rules;
}

}  // namespace egaze::detail::onnx
