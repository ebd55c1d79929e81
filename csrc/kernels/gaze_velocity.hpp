// The velocity of gaze.
#pragma once

#include <cstddef>
#include <memory>

#include "gaze_samples.hpp"

namespace egaze::detail {

// A window of time around a sample: as many samples on either side, and half an interval more.
struct VelocityWindow {
  std::size_t each_side = 1;
  double half_s = 0.0;

  VelocityWindow(double window_s, double interval_s);
  std::size_t samples() const { return 2 * each_side + 1; }
};

// The velocity at every used sample, in degrees per second: the slope of the least-squares line through the used samples
// of the same stretch within the window. Where the window would go beyond the stretch it is moved back into it, so that
// velocity is as exact at the ends. Other values are not set.
std::unique_ptr<float[]> velocities_deg_s(const GazeSamples& gaze, const VelocityWindow& window, int threads);

}  // namespace egaze::detail
