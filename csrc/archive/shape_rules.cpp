#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "rules.hpp"

namespace egaze::detail {
namespace {

Outcome alias(TensorType type) { return {.types = {std::move(type)}, .memory = Memory::shares}; }

std::ptrdiff_t images_at(const Shape& shape) { return std::ranges::find_if(shape, &Extent::per_image) - shape.begin(); }

// The same elements in the same order with another shape. The number of elements before the dimension of images must stay
// the same, so that each image keeps its own elements.
TensorType reshaped(const TensorType& x, const Ints& sizes) {
  Shape shape;
  std::int64_t known = 1;
  std::size_t left_open = sizes.size();
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == -1) {
      require(left_open == sizes.size(), "leaves two sizes to be inferred");
      left_open = i;
      shape.emplace_back();
      continue;
    }
    shape.push_back(sized(sizes[i]));
    known = elements_of(shape);
  }
  const std::int64_t elements = elements_of(x.shape);
  const bool of_images = std::ranges::any_of(x.shape, &Extent::per_image);
  require(elements % known == 0 && (elements == known || left_open < sizes.size()), "changes the number of elements");
  require(!of_images || left_open < sizes.size(), "fixes the number of images");
  if (left_open < sizes.size()) shape[left_open] = {elements / known, of_images};
  TensorType type = checked(x.dtype, std::move(shape));
  if (of_images) {
    const Shape before(x.shape.begin(), x.shape.begin() + images_at(x.shape));
    const Shape after(type.shape.begin(), type.shape.begin() + images_at(type.shape));
    require(elements_of(before) == elements_of(after), "mixes elements of several images");
  }
  return type;
}

Outcome reshape(const Arguments& arguments) {
  return {.types = {reshaped(arguments.tensor(0), arguments.integers(1))}, .memory = Memory::may_share};
}

Outcome flatten(const Arguments& arguments) {
  const TensorType& x = arguments.tensor(0);
  require(!x.shape.empty(), "flattens a tensor without dimensions");
  const std::size_t first = dimension_of(arguments.integer(1), x.shape.size());
  const std::size_t last = dimension_of(arguments.integer(2), x.shape.size());
  require(first <= last, "names no dimensions to flatten");
  Extent flat;
  for (std::size_t i = first; i <= last; ++i) {
    require(!x.shape[i].per_image || i == first || elements_of({x.shape.begin() + first, x.shape.begin() + i}) == 1,
            "mixes elements of several images");
    flat.count = elements_of({flat, x.shape[i]});
    flat.per_image = flat.per_image || x.shape[i].per_image;
  }
  Shape shape(x.shape.begin(), x.shape.begin() + first);
  shape.push_back(flat);
  shape.insert(shape.end(), x.shape.begin() + last + 1, x.shape.end());
  return {.types = {checked(x.dtype, std::move(shape))}, .memory = Memory::may_share};
}

Outcome permute(const Arguments& arguments) {
  const TensorType& x = arguments.tensor(0);
  const Ints& order = arguments.integers(1);
  require(order.size() == x.shape.size(), "permutes another number of dimensions than the tensor has");
  dimensions_of(order, x.shape.size());
  Shape shape;
  for (const std::int64_t each : order) shape.push_back(x.shape[dimension_of(each, x.shape.size())]);
  return alias({x.dtype, std::move(shape)});
}

Outcome transpose(const Arguments& arguments) {
  TensorType x = arguments.tensor(0);
  const std::size_t a = dimension_of(arguments.integer(1), x.shape.size());
  const std::size_t b = dimension_of(arguments.integer(2), x.shape.size());
  std::swap(x.shape[a], x.shape[b]);
  return alias(std::move(x));
}

Outcome unsqueeze(const Arguments& arguments) {
  TensorType x = arguments.tensor(0);
  const std::size_t at = dimension_of(arguments.integer(1), x.shape.size() + 1);
  x.shape.insert(x.shape.begin() + static_cast<std::ptrdiff_t>(at), Extent{});
  return alias(checked(x.dtype, std::move(x.shape)));
}

Outcome squeeze(const Arguments& arguments) {
  TensorType x = arguments.tensor(0);
  const std::size_t at = dimension_of(arguments.integer(1), x.shape.size());
  require(x.shape[at] == Extent{}, "removes a dimension whose size is not 1");
  x.shape.erase(x.shape.begin() + static_cast<std::ptrdiff_t>(at));
  return alias(std::move(x));
}

Outcome select(const Arguments& arguments) {
  TensorType x = arguments.tensor(0);
  const std::size_t at = dimension_of(arguments.integer(1), x.shape.size());
  const std::int64_t count = fixed(x.shape[at]), index = arguments.integer(2);
  require(index >= -count && index < count, "selects an index that the tensor does not have");
  x.shape.erase(x.shape.begin() + static_cast<std::ptrdiff_t>(at));
  return alias(std::move(x));
}

// Arguments: x, dimension, start, end, step. Bounds outside the tensor are clamped, as torch does.
Outcome slice(const Arguments& arguments) {
  TensorType x = arguments.tensor(0);
  Extent& extent = x.shape[dimension_of(arguments.integer(1), x.shape.size())];
  constexpr std::int64_t kAll = std::numeric_limits<std::int64_t>::max();
  std::int64_t start = arguments.has(2) ? arguments.integer(2) : 0;
  std::int64_t end = arguments.has(3) ? arguments.integer(3) : kAll;
  const std::int64_t step = arguments.integer(4);
  require(step >= 1 && step <= kMaxSide, "has a step out of range");
  if (start == 0 && end == kAll && step == 1) return alias(std::move(x));
  const std::int64_t count = fixed(extent);
  start = std::clamp<std::int64_t>(start < 0 ? start + count : start, 0, count);
  end = std::clamp<std::int64_t>(end < 0 ? end + count : end, start, count);
  extent = sized((end - start + step - 1) / step);
  return alias(std::move(x));
}

Outcome expand(const Arguments& arguments) {
  const TensorType& x = arguments.tensor(0);
  const Ints& sizes = arguments.integers(1);
  require(sizes.size() >= x.shape.size() && sizes.size() <= kMaxDimensions && !arguments.flag(2),
          "expands to fewer dimensions than the tensor has");
  const std::size_t ahead = sizes.size() - x.shape.size();
  Shape shape;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const Extent extent = i < ahead ? Extent{} : x.shape[i - ahead];
    if (i >= ahead && sizes[i] == -1) {
      shape.push_back(extent);
    } else {
      require(extent == Extent{} || extent == Extent{sizes[i]}, "expands a dimension whose size is not 1");
      shape.push_back(sized(sizes[i]));
    }
  }
  return {.types = {checked(x.dtype, std::move(shape))}, .memory = Memory::overlaps};
}

Outcome expand_as(const Arguments& arguments) {
  const TensorType &x = arguments.tensor(0), &other = arguments.tensor(1);
  require(broadcast(x.shape, other.shape) == other.shape, "expands a dimension whose size is not 1");
  return {.types = {{x.dtype, other.shape}}, .memory = Memory::overlaps};
}

Outcome repeat(const Arguments& arguments) {
  const TensorType& x = arguments.tensor(0);
  const Ints& times = arguments.integers(1);
  require(times.size() >= x.shape.size() && times.size() <= kMaxDimensions,
          "repeats fewer dimensions than the tensor has");
  const std::size_t ahead = times.size() - x.shape.size();
  Shape shape;
  for (std::size_t i = 0; i < times.size(); ++i) {
    Extent extent = i < ahead ? Extent{} : x.shape[i - ahead];
    if (times[i] != 1) extent = sized(elements_of({Extent{fixed(extent)}, sized(times[i])}));
    shape.push_back(extent);
  }
  return {.types = {checked(x.dtype, std::move(shape))}};
}

// Arguments: x, offset and two dimensions, in place of which the result has one, at the end.
Outcome diagonal(const Arguments& arguments) {
  TensorType x = arguments.tensor(0);
  const std::size_t a = dimension_of(arguments.integer(2), x.shape.size());
  const std::size_t b = dimension_of(arguments.integer(3), x.shape.size());
  require(a != b && arguments.integer(1) == 0, "takes a diagonal other than the main one");
  const Extent length{std::min(fixed(x.shape[a]), fixed(x.shape[b]))};
  x.shape.erase(x.shape.begin() + static_cast<std::ptrdiff_t>(std::max(a, b)));
  x.shape.erase(x.shape.begin() + static_cast<std::ptrdiff_t>(std::min(a, b)));
  x.shape.push_back(length);
  return alias(std::move(x));
}

Outcome same_elements(const Arguments& arguments) {
  return {.types = {arguments.tensor(0)}, .memory = Memory::may_share};
}
Outcome copy(const Arguments& arguments) { return {.types = {arguments.tensor(0)}}; }

Outcome cat(const Arguments& arguments) {
  const std::vector<TensorType> parts = arguments.tensors(0);
  require(!parts.empty(), "joins an empty list of tensors");
  TensorType joined = parts[0];
  const std::size_t at = dimension_of(arguments.integer(1), joined.shape.size());
  std::int64_t count = 0;
  for (const TensorType& part : parts) {
    require(part.dtype == joined.dtype && part.shape.size() == joined.shape.size(),
            "joins tensors whose types or shapes do not match");
    for (std::size_t i = 0; i < joined.shape.size(); ++i) {
      require(i == at || part.shape[i] == joined.shape[i], "joins tensors whose types or shapes do not match");
    }
    count += fixed(part.shape[at]);
    require(count <= kMaxSide, "makes a tensor of a size that is not allowed");
  }
  joined.shape[at] = sized(count);
  return {.types = {checked(joined.dtype, std::move(joined.shape))}};
}

Outcome stack(const Arguments& arguments) {
  const std::vector<TensorType> parts = arguments.tensors(0);
  require(!parts.empty(), "joins an empty list of tensors");
  require(std::ranges::all_of(parts, [&](const TensorType& part) { return part == parts[0]; }),
          "joins tensors whose types or shapes do not match");
  TensorType joined = parts[0];
  const std::size_t at = dimension_of(arguments.integer(1), joined.shape.size() + 1);
  joined.shape.insert(joined.shape.begin() + static_cast<std::ptrdiff_t>(at), Extent{std::ssize(parts)});
  return {.types = {checked(joined.dtype, std::move(joined.shape))}};
}

constexpr std::int64_t kMaxParts = 4096;

Outcome split_into(const TensorType& x, std::size_t at, const Ints& sizes) {
  require(!sizes.empty() && std::ssize(sizes) <= kMaxParts, "splits a tensor into too many parts");
  Outcome outcome{.types = {}, .memory = Memory::shares};
  std::int64_t left = fixed(x.shape[at]);
  for (const std::int64_t size : sizes) {
    TensorType part = x;
    part.shape[at] = sized(size);
    outcome.types.push_back(std::move(part));
    require(size <= left, "splits a tensor into parts of another total size");
    left -= size;
  }
  require(left == 0, "splits a tensor into parts of another total size");
  return outcome;
}

Ints parts_of(std::int64_t whole, std::int64_t part) {
  require(part >= 1 && (whole + part - 1) / part <= kMaxParts, "splits a tensor into too many parts");
  Ints sizes;
  for (std::int64_t left = whole; left > 0; left -= part) sizes.push_back(std::min(left, part));
  return sizes;
}

Outcome split(const Arguments& arguments) {
  const TensorType& x = arguments.tensor(0);
  const std::size_t at = dimension_of(arguments.integer(2), x.shape.size());
  require(arguments.integer(1) <= kMaxSide, "splits a tensor into parts that are too large");
  return split_into(x, at, parts_of(fixed(x.shape[at]), arguments.integer(1)));
}

Outcome chunk(const Arguments& arguments) {
  const TensorType& x = arguments.tensor(0);
  const std::size_t at = dimension_of(arguments.integer(2), x.shape.size());
  const std::int64_t whole = fixed(x.shape[at]), parts = arguments.integer(1);
  require(parts >= 1 && parts <= kMaxParts, "splits a tensor into too many parts");
  return split_into(x, at, parts_of(whole, (whole + parts - 1) / parts));
}

Outcome split_with_sizes(const Arguments& arguments) {
  const TensorType& x = arguments.tensor(0);
  return split_into(x, dimension_of(arguments.integer(2), x.shape.size()), arguments.integers(1));
}

Outcome unbind(const Arguments& arguments) {
  TensorType x = arguments.tensor(0);
  const std::size_t at = dimension_of(arguments.integer(1), x.shape.size());
  const std::int64_t parts = fixed(x.shape[at]);
  require(parts <= kMaxParts, "splits a tensor into too many parts");
  x.shape.erase(x.shape.begin() + static_cast<std::ptrdiff_t>(at));
  return {.types = std::vector(static_cast<std::size_t>(parts), x), .memory = Memory::shares};
}

Outcome pixel_unshuffle(const Arguments& arguments) {
  TensorType x = arguments.tensor(0);
  const std::int64_t factor = arguments.integer(1);
  require(x.shape.size() == 4 && factor >= 1 && factor <= kMaxParts,
          "shuffles pixels of a tensor whose sizes are no multiples of the factor");
  const std::int64_t height = fixed(x.shape[2]), width = fixed(x.shape[3]);
  require(height % factor == 0 && width % factor == 0,
          "shuffles pixels of a tensor whose sizes are no multiples of the factor");
  x.shape[1] = sized(elements_of({Extent{fixed(x.shape[1])}, Extent{factor * factor}}));
  x.shape[2] = sized(height / factor);
  x.shape[3] = sized(width / factor);
  return {.types = {std::move(x)}};
}

Outcome pixel_shuffle(const Arguments& arguments) {
  TensorType x = arguments.tensor(0);
  const std::int64_t factor = arguments.integer(1);
  require(x.shape.size() == 4 && factor >= 1 && factor <= kMaxParts && fixed(x.shape[1]) % (factor * factor) == 0,
          "shuffles pixels of a tensor whose sizes are no multiples of the factor");
  x.shape[1] = sized(x.shape[1].count / (factor * factor));
  for (const std::size_t i : {2, 3}) x.shape[i] = sized(fixed(x.shape[i]) * factor);
  return {.types = {checked(x.dtype, std::move(x.shape))}};
}

constexpr auto kRules = std::to_array<OperatorRule>({
    {"cat", "Tensor[] tensors, int dim=0", cat},
    {"chunk", "Tensor self, int chunks, int dim=0", chunk, false, true},
    {"clone", "Tensor self", copy},
    {"contiguous", "Tensor self", same_elements},
    {"diagonal", "Tensor self, int offset=0, int dim1=0, int dim2=1", diagonal},
    {"expand", "Tensor self, int[] size, *, bool implicit=False", expand},
    {"expand_as", "Tensor self, Tensor other", expand_as},
    {"flatten", "Tensor self, int start_dim=0, int end_dim=-1", flatten},
    {"permute", "Tensor self, int[] dims", permute},
    {"pixel_shuffle", "Tensor self, int upscale_factor", pixel_shuffle},
    {"pixel_unshuffle", "Tensor self, int downscale_factor", pixel_unshuffle},
    {"repeat", "Tensor self, int[] repeats", repeat},
    {"reshape", "Tensor self, int[] shape", reshape},
    {"select", "Tensor self, int dim, int index", select},
    {"slice", "Tensor self, int dim=0, int? start=None, int? end=None, int step=1", slice},
    {"split", "Tensor self, int split_size, int dim=0", split, false, true},
    {"split_with_sizes", "Tensor self, int[] split_sizes, int dim=0", split_with_sizes, false, true},
    {"squeeze", "Tensor self, int dim", squeeze},
    {"stack", "Tensor[] tensors, int dim=0", stack},
    {"transpose", "Tensor self, int dim0, int dim1", transpose},
    {"unbind", "Tensor self, int dim=0", unbind, false, true},
    {"unsqueeze", "Tensor self, int dim", unsqueeze},
});

}  // namespace

std::span<const OperatorRule> shape_rules() { return kRules; }

}  // namespace egaze::detail
