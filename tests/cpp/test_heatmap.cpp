#include "egaze/heatmap.hpp"

#include <limits>
#include <numeric>
#include <vector>

#include "check.hpp"
#include "egaze/error.hpp"

using namespace egaze;

namespace {

std::vector<float> rasterized(const std::vector<Fixation>& fixations, std::size_t height, std::size_t width,
                              const HeatmapOptions& options = {}) {
  std::vector<float> heatmap(height * width, -1.0f);
  rasterize_fixations(fixations, height, width, options, heatmap.data());
  return heatmap;
}

double sum(const std::vector<float>& values) { return std::accumulate(values.begin(), values.end(), 0.0); }

void test_mass_is_total_weight() {
  const auto heatmap = rasterized({{20.25f, 15.5f, 0.7f, 2.0f, 3.0f}, {30.0f, 20.0f, 0.3f, 2.5f, 2.5f}}, 40, 50);
  CHECK(check::close(sum(heatmap), 1.0, 1e-3));
}

void test_centred_fixation_is_symmetric() {
  const auto heatmap = rasterized({{10.0f, 8.0f, 1.0f, 2.0f, 2.0f}}, 17, 21);
  for (std::size_t y = 0; y < 17; ++y) {
    for (std::size_t x = 0; x < 21; ++x) {
      CHECK(heatmap[y * 21 + x] == heatmap[(16 - y) * 21 + (20 - x)]);
    }
  }
}

void test_reflect_keeps_the_mass_that_clip_loses() {
  const std::vector<Fixation> corner = {{0.0f, 0.0f, 1.0f, 3.0f, 3.0f}};
  HeatmapOptions reflect;
  reflect.boundary = Boundary::reflect;
  CHECK(check::close(sum(rasterized(corner, 30, 30, reflect)), 1.0, 1e-3));
  CHECK(sum(rasterized(corner, 30, 30)) < 0.5);
}

void test_normalisations() {
  const std::vector<Fixation> fixations = {{5.0f, 5.0f, 4.0f, 1.0f, 1.0f}};
  HeatmapOptions options;
  options.normalize = Normalize::max;
  CHECK(check::close(rasterized(fixations, 11, 11, options)[5 * 11 + 5], 1.0, 1e-6));
  options.normalize = Normalize::sum;
  CHECK(check::close(sum(rasterized(fixations, 11, 11, options)), 1.0, 1e-5));
  CHECK(sum(rasterized({}, 11, 11, options)) == 0.0);
}

void test_threads_do_not_change_the_result() {
  const std::vector<Fixation> fixations = {{12.0f, 40.0f, 1.0f, 5.0f, 7.0f}, {50.0f, 3.0f, 2.0f, 4.0f, 4.0f}};
  HeatmapOptions four;
  four.threads = 4;
  CHECK(rasterized(fixations, 61, 67) == rasterized(fixations, 61, 67, four));
}

void test_bad_arguments_throw() {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS(Error, "position", rasterized({{nan, 0.0f, 1.0f, 1.0f, 1.0f}}, 5, 5));
  CHECK_THROWS(Error, "weight", rasterized({{0.0f, 0.0f, -1.0f, 1.0f, 1.0f}}, 5, 5));
  CHECK_THROWS(Error, "sigma", rasterized({{0.0f, 0.0f, 1.0f, 0.0f, 1.0f}}, 5, 5));
  HeatmapOptions options;
  options.threads = 0;
  CHECK_THROWS(Error, "threads", rasterized({}, 5, 5, options));
  options = {};
  options.truncate = -1.0;
  CHECK_THROWS(Error, "truncate", rasterized({}, 5, 5, options));
}

}  // namespace

int main() {
  test_mass_is_total_weight();
  test_centred_fixation_is_symmetric();
  test_reflect_keeps_the_mass_that_clip_loses();
  test_normalisations();
  test_threads_do_not_change_the_result();
  test_bad_arguments_throw();
  return check::result();
}
