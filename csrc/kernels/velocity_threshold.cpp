// I-VT, and the adaptive threshold after Nystrom and Holmqvist.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "egaze/error.hpp"
#include "egaze/gaze_events.hpp"
#include "gaze_fixations.hpp"
#include "gaze_samples.hpp"
#include "gaze_velocity.hpp"

namespace egaze {
namespace {

using detail::GazeSamples;
using detail::Stretch;
using detail::VelocityWindow;

void require_positive(const char* what, double value) {
  if (!std::isfinite(value) || value <= 0.0) {
    throw Error(ErrorCode::invalid_argument, std::string(what) + " must be above 0, got " + std::to_string(value));
  }
}

// Whether gaze moved faster than the threshold while samples were lost for longer than a window sees.
bool jumped(const GazeSamples& gaze, std::size_t before, std::size_t after, double half_s, double threshold_deg_s) {
  const double apart_s = gaze.time_s(after) - gaze.time_s(before);
  return apart_s > half_s && gaze.distance_deg(before, after) > threshold_deg_s * apart_s;
}

// Runs of used samples that are not fast, and between which gaze did not jump.
template <class IsFast>
void find_runs(const GazeSamples& gaze, const Stretch& stretch, double half_s, double threshold_deg_s,
               const IsFast& is_fast, std::vector<SampleRange>& found) {
  bool open = false;
  std::size_t last = stretch.begin;
  for (std::size_t i = stretch.begin; i < stretch.end; i = gaze.next_used(i + 1, stretch.end)) {
    if (is_fast(i)) {
      open = false;
    } else {
      if (!open || jumped(gaze, last, i, half_s, threshold_deg_s)) {
        found.push_back({static_cast<std::int64_t>(i), 0});
        open = true;
      }
      found.back().end = static_cast<std::int64_t>(i + 1);
    }
    last = i;
  }
}

// The standard deviation of velocity along one axis between saccades: from the median of the speeds below a threshold
// that follows from it, and so on until it stands (Nystrom and Holmqvist 2010, with the median in place of the mean,
// which saccades move).
double velocity_noise_deg_s(const GazeSamples& gaze, const float* velocity_deg_s, double peak_sd) {
  std::vector<float> values;
  const std::size_t stride = std::max<std::size_t>(1, gaze.count() / detail::kMedianValues);
  for (std::size_t i = 0; i < gaze.count(); i += stride) {
    if (gaze.is_used(i)) values.push_back(velocity_deg_s[i]);
  }
  std::sort(values.begin(), values.end());
  double noise = 0.0;
  for (std::size_t below = values.size(); below > 0;) {
    // The speed of two normal components has a Rayleigh distribution, whose median is this many standard deviations.
    noise = static_cast<double>(values[below / 2]) / std::sqrt(2.0 * std::log(2.0));
    const auto end = std::lower_bound(values.begin(), values.end(), static_cast<float>(peak_sd * noise));
    const auto left = static_cast<std::size_t>(end - values.begin());
    if (left >= below || left == 0) break;
    below = left;
  }
  return noise;
}

// The window in which the smallest saccade stands out. A step of size A has a slope of 1.5 A / w in a window of w
// seconds and n samples, whose noise is sd * sqrt(12 / n) / w.
VelocityWindow window_for(const AdaptiveVelocity& options, double interval_s, double noise_deg) {
  const double noise_frac = noise_deg / options.smallest_saccade_deg;
  const double samples = 12.0 * std::pow(options.peak_sd / 1.5 * noise_frac, 2.0);
  const double wanted_s = std::max(options.window_s, (samples - 1.0) * interval_s);
  // One that is not longer than max_window_s.
  const double whole_s = 2.0 * interval_s * std::floor(options.max_window_s / (2.0 * interval_s));
  return {std::min(wanted_s, std::max(options.window_s, whole_s)), interval_s};
}

// Marks saccades: samples faster than the onset threshold around one that is faster than the peak's.
void mark_saccades(const GazeSamples& gaze, const Stretch& stretch, const float* velocity_deg_s, double peak_deg_s,
                   double onset_deg_s, double widened_s, std::uint8_t* is_saccade) {
  const auto mark = [&](std::size_t first, std::size_t last, std::size_t peak) {
    if (!(velocity_deg_s[peak] > peak_deg_s)) return;
    // A window that is wider widens what it sees, on both sides.
    for (std::size_t i = first; i <= last; ++i) {
      const bool at_onset = gaze.time_s(i) - gaze.time_s(first) < widened_s && i < peak;
      const bool at_end = gaze.time_s(last) - gaze.time_s(i) < widened_s && i > peak;
      is_saccade[i] = !at_onset && !at_end ? 1 : 0;
    }
  };
  bool open = false;
  std::size_t first = 0, last = 0, peak = 0;
  for (std::size_t i = stretch.begin; i < stretch.end; i = gaze.next_used(i + 1, stretch.end)) {
    if (velocity_deg_s[i] > onset_deg_s) {
      if (!open) first = peak = i;
      if (velocity_deg_s[i] > velocity_deg_s[peak]) peak = i;
      open = true;
      last = i;
    } else if (open) {
      mark(first, last, peak);
      open = false;
    }
  }
  if (open) mark(first, last, peak);
}

}  // namespace

FixationSearch fixations_by_velocity(const GazeSignal& signal, const GapRule& gaps, const FixationRule& rule,
                                     double window_s, double threshold_deg_s, int threads) {
  detail::require_rule(rule);
  require_positive("the window of velocity", window_s);
  require_positive("the threshold of velocity", threshold_deg_s);
  const GazeSamples gaze(signal, gaps);
  const VelocityWindow window(window_s, gaze.interval_s());
  const auto velocity_deg_s = detail::velocities_deg_s(gaze, window, threads);
  std::vector<SampleRange> found;
  const auto is_fast = [&](std::size_t i) { return velocity_deg_s[i] >= threshold_deg_s; };
  for (const Stretch& stretch : gaze.stretches()) {
    find_runs(gaze, stretch, window.half_s, threshold_deg_s, is_fast, found);
  }
  FixationSearch result = detail::search_result(gaze, rule, found);
  result.window_s = 2.0 * window.half_s;
  result.peak_deg_s = result.onset_deg_s = threshold_deg_s;
  return result;
}

FixationSearch fixations_by_adaptive_velocity(const GazeSignal& signal, const GapRule& gaps, const FixationRule& rule,
                                              const AdaptiveVelocity& options, int threads) {
  detail::require_rule(rule);
  require_positive("the window of velocity", options.window_s);
  require_positive("the longest window of velocity", options.max_window_s);
  require_positive("the smallest saccade", options.smallest_saccade_deg);
  require_positive("the least peak of velocity", options.min_peak_deg_s);
  require_positive("onset_sd", options.onset_sd);
  if (!(options.peak_sd >= options.onset_sd) || !std::isfinite(options.peak_sd)) {
    throw Error(ErrorCode::invalid_argument, "peak_sd must be at least onset_sd, got " +
                                                 std::to_string(options.peak_sd) + " and " +
                                                 std::to_string(options.onset_sd));
  }
  const GazeSamples gaze(signal, gaps);
  const double interval_s = gaze.interval_s();
  if (!(interval_s > 0.0)) return detail::search_result(gaze, rule, {});

  const double noise_deg = gaze.noise_deg();
  const VelocityWindow least(options.window_s, interval_s);
  const VelocityWindow window = window_for(options, interval_s, noise_deg);
  const auto velocity_deg_s = detail::velocities_deg_s(gaze, window, threads);
  const auto n = static_cast<double>(window.samples());
  // What a wide window leaves over of white noise is known; its velocities are those of saccades too often to tell.
  const double velocity_noise = window.each_side > least.each_side
                                    ? noise_deg * std::sqrt(12.0 / (n * n * n - n)) / interval_s
                                    : velocity_noise_deg_s(gaze, velocity_deg_s.get(), options.peak_sd);
  const double peak_deg_s = std::max(options.min_peak_deg_s, options.peak_sd * velocity_noise);
  const double onset_deg_s = peak_deg_s * options.onset_sd / options.peak_sd;

  auto is_saccade = std::make_unique<std::uint8_t[]>(gaze.count());
  std::vector<SampleRange> found;
  for (const Stretch& stretch : gaze.stretches()) {
    mark_saccades(gaze, stretch, velocity_deg_s.get(), peak_deg_s, onset_deg_s, window.half_s - least.half_s,
                  is_saccade.get());
    find_runs(gaze, stretch, window.half_s, peak_deg_s, [&](std::size_t i) { return is_saccade[i] != 0; }, found);
  }
  FixationSearch result = detail::search_result(gaze, rule, found);
  result.window_s = 2.0 * window.half_s;
  result.peak_deg_s = peak_deg_s;
  result.onset_deg_s = onset_deg_s;
  return result;
}

}  // namespace egaze
