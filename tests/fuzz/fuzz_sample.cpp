// Any images, maps, intensities and options: views and heatmaps within [0, 1], or an Error.
#include <cmath>
#include <cstdlib>
#include <vector>

#include "bytes.hpp"
#include "egaze/error.hpp"
#include "egaze/sample.hpp"

namespace {

// Mostly an ordinary number, sometimes arbitrary bits.
float number(fuzz::Bytes& bytes, float most) {
  if (bytes.below(16) == 0) return bytes.take<float>();
  return most * (static_cast<float>(bytes.below(2001)) / 1000.0f - 1.0f);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Bytes bytes(data, size);
  egaze::ImageStack stack{nullptr, 1 + bytes.below(3), 1 + bytes.below(40), 1 + bytes.below(60)};
  std::vector<std::uint16_t> pixels(stack.count * stack.height * stack.width);
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint16_t>(i * 40503);
  stack.pixels = pixels.data();
  const std::size_t height = 1 + bytes.below(40), width = 1 + bytes.below(80);
  egaze::SampleOptions options;
  options.heatmap.normalize = egaze::Normalize::max;
  options.heatmap.truncate = bytes.below(4) == 0 ? bytes.take<double>() : 4.0;
  egaze::Sample sample;
  sample.image = static_cast<std::int64_t>(bytes.below(4));
  const float zoom = bytes.below(4) == 0 ? 40.0f : 2.0f;
  sample.to_image = {number(bytes, zoom), number(bytes, zoom), number(bytes, 60),
                     number(bytes, zoom), number(bytes, zoom), number(bytes, 60)};
  sample.intensity = {number(bytes, 3), number(bytes, 1), std::fabs(number(bytes, 3)), std::fabs(number(bytes, 1)),
                      bytes.take<std::uint64_t>()};
  const auto hole = bytes.take<egaze::Rectangle>();
  sample.cutouts = {&hole, bytes.below(2)};
  std::vector<egaze::Fixation> fixations;
  while (!bytes.empty() && fixations.size() < 8) {
    fixations.push_back(
        {number(bytes, 100), number(bytes, 100), number(bytes, 1), number(bytes, 10), number(bytes, 10)});
  }
  sample.fixations = fixations;
  std::vector<float> view(height * width), heatmap(height * width);
  try {
    egaze::sample_batch(stack, {&sample, 1}, height, width, options, view.data(), heatmap.data());
  } catch (const egaze::Error&) {
    return 0;
  }
  for (std::size_t i = 0; i < view.size(); ++i) {
    if (!(view[i] >= 0.0f && view[i] <= 1.0f)) std::abort();
    // A heatmap that is practically zero is not scaled.
    if (!(heatmap[i] >= 0.0f && heatmap[i] <= 1.0f + 1e-5f)) std::abort();
  }
  return 0;
}
