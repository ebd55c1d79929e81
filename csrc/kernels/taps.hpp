// The inputs and weights of each output pixel along one axis of a resized image.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "egaze/resize.hpp"

namespace egaze::detail {

class Taps {
 public:
  // The taps of the outputs [first, end) when `in` pixels are resized to `out`.
  Taps(std::size_t in, std::size_t out, Filter filter, std::size_t first, std::size_t end);

  // Output i reads the inputs [begin(i), end(i)) with weights that sum to 1.
  std::size_t begin(std::size_t i) const { return begin_[i - first_]; }
  std::size_t end(std::size_t i) const { return begin(i) + count_[i - first_]; }
  // The weights of output i from input j on.
  const float* weights(std::size_t i, std::size_t j) const {
    return weight_.data() + offset_[i - first_] + (j - begin(i));
  }

  // The arrays that Primitives::weigh takes.
  const std::uint32_t* begins() const { return begin_.data(); }
  const std::uint32_t* offsets() const { return offset_.data(); }
  const float* weights() const { return weight_.data(); }

 private:
  std::size_t first_;
  std::vector<std::uint32_t> begin_;
  std::vector<std::uint32_t> count_;
  std::vector<std::uint32_t> offset_;
  std::vector<float> weight_;
};

}  // namespace egaze::detail
