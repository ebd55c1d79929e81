// Samples of an eye tracker, checked, and cut where too much of them is lost.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "egaze/gaze_events.hpp"

namespace egaze::detail {

// At most this many values, evenly spaced over the samples, stand for all of them in a median.
inline constexpr std::size_t kMedianValues = 1 << 14;

// Indices [begin, end) of samples; the first and the last of them are used.
struct Stretch {
  std::size_t begin = 0;
  std::size_t end = 0;
};

class GazeSamples {
 public:
  GazeSamples(const GazeSignal& signal, const GapRule& gaps);

  std::size_t count() const { return signal_.count; }
  double time_s(std::size_t i) const { return signal_.time_s[i]; }
  double x_px(std::size_t i) const { return signal_.x_px[i]; }
  double y_px(std::size_t i) const { return signal_.y_px[i]; }
  double degrees_x(double px) const { return px * degrees_per_px_x_; }
  double degrees_y(double px) const { return px * degrees_per_px_y_; }
  double distance_deg(double dx_px, double dy_px) const { return std::hypot(degrees_x(dx_px), degrees_y(dy_px)); }
  double distance_deg(std::size_t i, std::size_t j) const { return distance_deg(x_px(j) - x_px(i), y_px(j) - y_px(i)); }

  bool is_used(std::size_t i) const { return used_[i] != 0; }
  // The first used sample at or after i, or end.
  std::size_t next_used(std::size_t i, std::size_t end) const {
    while (i < end && used_[i] == 0) ++i;
    return i;
  }

  // Of used samples; no time between two that follow each other is longer than max_gap_s.
  const std::vector<Stretch>& stretches() const { return stretches_; }
  const std::vector<GazeLoss>& losses() const { return losses_; }
  double interval_s() const { return interval_s_; }
  // By so much a time may differ from one that it equals but for rounding.
  double slack_s() const { return 1e-3 * interval_s_; }
  // The standard deviation of white noise along one axis that has the samples' median step.
  double noise_deg() const;

 private:
  void check();
  void refuse_fault() const;
  double median_interval_s() const;
  void find_losses(const GapRule& gaps);
  void find_stretches(double max_gap_s);

  GazeSignal signal_;
  double degrees_per_px_x_;
  double degrees_per_px_y_;
  std::unique_ptr<std::uint8_t[]> used_;
  std::vector<Stretch> stretches_;
  std::vector<GazeLoss> losses_;
  double interval_s_ = 0.0;
};

// The median of the values, which it reorders; 0 if there is none.
double median(std::vector<double>& values);

}  // namespace egaze::detail
