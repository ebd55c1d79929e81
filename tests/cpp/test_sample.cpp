// The batch kernel's C++ interface. Its numbers are tested from Python (tests/loading).
#include <cstdint>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "egaze/error.hpp"
#include "egaze/sample.hpp"
#include "expect_throws.hpp"

namespace {

constexpr std::size_t kSide = 24;

std::vector<std::uint16_t> images() {
  std::vector<std::uint16_t> pixels(2 * kSide * kSide);
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint16_t>(i * 7919);
  return pixels;
}

}  // namespace

TEST(Sample, TheIdentityGivesTheImage) {
  const auto pixels = images();
  const egaze::ImageStack stack{pixels.data(), 2, kSide, kSide};
  const egaze::Fixation fixation{11, 7, 1, 3, 3};
  egaze::Sample sample;
  sample.image = 1;
  sample.fixations = {&fixation, 1};
  egaze::SampleOptions options;
  options.heatmap.normalize = egaze::Normalize::max;
  std::vector<float> image(kSide * kSide), heatmap(kSide * kSide);
  egaze::sample_batch(stack, {&sample, 1}, kSide, kSide, options, image.data(), heatmap.data());
  for (std::size_t i = 0; i < image.size(); ++i) {
    EXPECT_NEAR(image[i], static_cast<float>(pixels[kSide * kSide + i]) / 65535.0f, 1e-6f);
  }
  EXPECT_EQ(heatmap[7 * kSide + 11], 1.0f);
}

TEST(Sample, ThreadsDoNotMatter) {
  const auto pixels = images();
  const egaze::ImageStack stack{pixels.data(), 2, kSide, kSide};
  const egaze::Fixation fixations[] = {{11, 7, 1, 3, 3}, {3, 20, 2, 3, 4}};
  const egaze::Rectangle hole{2, 2, 5, 30};
  std::vector<egaze::Sample> samples(33);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const auto lean = 0.01f * static_cast<float>(i);
    samples[i].image = static_cast<std::int64_t>(i % 2);
    samples[i].to_image = {1, lean, -1, -lean, 1, 2};
    samples[i].intensity = {1.1f, -0.05f, 1.2f, 0.02f, i};
    samples[i].cutouts = {&hole, 1};
    samples[i].fixations = fixations;
  }
  std::vector<std::vector<float>> found;
  for (const int threads : {1, 2, 5}) {
    egaze::SampleOptions options;
    options.threads = threads;
    std::vector<float> planes(2 * samples.size() * kSide * kSide);
    egaze::sample_batch(stack, samples, kSide, kSide, options, planes.data(), planes.data() + planes.size() / 2);
    found.push_back(planes);
  }
  EXPECT_EQ(found[0], found[1]);
  EXPECT_EQ(found[0], found[2]);
}

TEST(Sample, HeatmapsAloneAreThoseOfTheBatch) {
  const auto pixels = images();
  const egaze::Fixation fixations[] = {{11, 7, 1, 3, 3}, {3, 20, 2, 3, 4}};
  const egaze::Affine moved{1, 0.1f, -1, -0.1f, 1, 2};
  std::vector<egaze::Sample> samples(2);
  std::vector<egaze::HeatmapView> views(2);
  samples[1].to_image = views[1].to_image = moved;
  samples[1].fixations = views[1].fixations = fixations;
  std::vector<float> planes(2 * kSide * kSide), expected(planes.size()), found(planes.size(), -1.0f);
  egaze::sample_batch({pixels.data(), 2, kSide, kSide}, samples, kSide, kSide, {}, planes.data(), expected.data());
  egaze::sample_heatmaps(views, kSide, kSide, {}, found.data());
  EXPECT_EQ(found, expected);
  EXPECT_EQ(found[0], 0.0f);  // without fixations
  views[1].to_image.xx = views[1].to_image.yx = 0;
  EXPECT_THROWS(egaze::Error, "sample 1: the map to the image is not invertible",
                egaze::sample_heatmaps(views, kSide, kSide, {}, found.data()));
}

TEST(Sample, RefusesBadArguments) {
  const auto pixels = images();
  const egaze::ImageStack stack{pixels.data(), 2, kSide, kSide};
  std::vector<float> planes(2 * kSide * kSide);
  const auto run = [&](const egaze::ImageStack& from, const egaze::Sample& sample) {
    egaze::sample_batch(from, {&sample, 1}, kSide, kSide, {}, planes.data(), planes.data() + kSide * kSide);
  };
  egaze::Sample sample;
  run(stack, sample);
  sample.image = 2;
  EXPECT_THROWS(egaze::Error, "image 2 of 2", run(stack, sample));
  sample = {};
  sample.to_image.xx = 0;
  EXPECT_THROWS(egaze::Error, "not invertible", run(stack, sample));
  sample = {};
  sample.intensity.gamma = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROWS(egaze::Error, "gamma", run(stack, sample));
  EXPECT_THROWS(egaze::Error, "sides of 2 to 32768", run({pixels.data(), 2, 1, kSide}, {}));
}
