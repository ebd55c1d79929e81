#include "taps.hpp"

#include <algorithm>
#include <cmath>

#include "simd/primitives.hpp"

namespace egaze::detail {
namespace {

// The inputs [begin, begin + weights.size()) of one output, with weights that do not sum to 1 yet.
struct Weighed {
  std::size_t begin = 0;
  std::vector<double> weights;
};

void weigh_inputs(std::size_t i, std::size_t in, double scale, Filter filter, Weighed& found) {
  const auto size = static_cast<double>(in);
  const double low = static_cast<double>(i) * scale, centre = low + 0.5 * scale;
  if (filter == Filter::nearest) {
    found.begin = std::min(in - 1, static_cast<std::size_t>((static_cast<double>(i) + 0.5) * scale));
    found.weights.assign(1, 1.0);
    return;
  }
  const double reach = filter == Filter::area ? 0.5 * scale : std::max(scale, 1.0);
  found.begin = std::min(in - 1, static_cast<std::size_t>(std::max(0.0, centre - reach)));
  const auto end = static_cast<std::size_t>(std::ceil(std::min(size, centre + reach)));
  found.weights.resize(std::max(end, found.begin + 1) - found.begin);
  for (std::size_t k = 0; k < found.weights.size(); ++k) {
    const auto j = static_cast<double>(found.begin + k);
    found.weights[k] = filter == Filter::area
                           ? std::min(low + scale, j + 1.0) - std::max(low, j)  // the covered fraction of the pixel
                           : 1.0 - std::abs(j + 0.5 - centre) / reach;          // the triangle filter
  }
}

}  // namespace

Taps::Taps(std::size_t in, std::size_t out, Filter filter, std::size_t first, std::size_t end) : first_(first) {
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  begin_.reserve(end - first);
  count_.reserve(end - first);
  offset_.reserve(end - first + 1);
  weight_.reserve((end - first) * (2 * static_cast<std::size_t>(scale) + 4 + kTapBlock));
  offset_.push_back(0);
  Weighed found;
  for (std::size_t i = first; i < end; ++i) {
    weigh_inputs(i, in, scale, filter, found);
    // Inputs at the ends whose weight is a rounding error are dropped.
    constexpr double kLeast = 1e-9;
    auto from = found.weights.begin(), to = found.weights.end();
    while (to - from > 1 && *(to - 1) <= kLeast) --to;
    while (to - from > 1 && *from <= kLeast) ++from;
    double sum = 0.0;
    for (auto weight = from; weight != to; ++weight) sum += *weight;
    const double factor = sum > 0.0 ? 1.0 / sum : 0.0;
    begin_.push_back(static_cast<std::uint32_t>(found.begin + static_cast<std::size_t>(from - found.weights.begin())));
    count_.push_back(static_cast<std::uint32_t>(to - from));
    for (auto weight = from; weight != to; ++weight) weight_.push_back(static_cast<float>(*weight * factor));
    weight_.resize((weight_.size() + kTapBlock - 1) / kTapBlock * kTapBlock, 0.0f);
    offset_.push_back(static_cast<std::uint32_t>(weight_.size()));
  }
}

}  // namespace egaze::detail
