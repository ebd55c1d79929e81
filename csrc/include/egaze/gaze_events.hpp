// Fixations in the samples of an eye tracker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace egaze {

// The samples of one eye, in time order.
struct GazeSignal {
  const double* time_s = nullptr;  // never falls; two samples may share a time that was rounded, three may not
  const double* x_px = nullptr;    // not finite where the tracker lost the eye
  const double* y_px = nullptr;
  std::size_t count = 0;
  double px_per_degree_x = 1.0;  // above 0
  double px_per_degree_y = 1.0;
};

// When samples that follow each other no longer belong together.
struct GapRule {
  double max_gap_s = 0.075;     // a longer time without a position separates fixations; a shorter one is bridged
  double loss_margin_s = 0.04;  // positions nearer than this to a longer loss are not used: the eyelid is in the way
};

// What is made of candidates for fixations.
struct FixationRule {
  double min_duration_s = 0.06;     // shorter ones are dropped
  double merge_gap_s = 0.075;       // neighbours at most this far apart in time
  double merge_distance_deg = 0.0;  // and this far in space are merged; 0 merges none
};

// The threshold of Nystrom and Holmqvist (2010), made for noise of any strength.
struct AdaptiveVelocity {
  double window_s = 0.02;             // over which velocity is measured
  double max_window_s = 0.12;         // over which it is measured at most, where noise needs more than window_s
  double smallest_saccade_deg = 1.0;  // that is to stand out from noise
  double peak_sd = 4.25;              // a saccade's peak, in standard deviations of the velocity's noise
  double onset_sd = 3.0;              // its two ends, likewise; at most peak_sd
  double min_peak_deg_s = 20.0;       // of a saccade's peak, where there is next to no noise
};

// The samples [begin, end).
struct SampleRange {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

struct FoundFixation {
  SampleRange range;
  double onset_s = 0.0;
  double duration_s = 0.0;  // from the first sample to the end of the last one's interval
  double x_px = 0.0;        // the mean of its samples
  double y_px = 0.0;
  std::int64_t samples = 0;     // that have a position and were used
  double dispersion_deg = 0.0;  // the range along x plus the range along y
  double rms_deg = 0.0;         // the root mean square of the distances from the mean
};

// A time longer than GapRule::max_gap_s without a position.
struct GazeLoss {
  double onset_s = 0.0;           // the last position before it, or the first sample
  double duration_s = 0.0;        // to the next position, or the last sample
  std::int64_t lost_samples = 0;  // 0 where the recording paused
};

struct FixationSearch {
  std::vector<FoundFixation> fixations;
  std::vector<GazeLoss> losses;
  double interval_s = 0.0;  // the median time from sample to sample; 0 for fewer than two samples
  double noise_deg = 0.0;   // the standard deviation of a position along one axis, from sample to sample
  double window_s = 0.0;    // over which velocity was measured; 0 if none was
  double peak_deg_s = 0.0;  // thresholds of velocity; 0 if none was measured
  double onset_deg_s = 0.0;
};

// All functions throw Error(invalid_argument), in one line that names the sample, if a time is not finite, falls, or
// stands still for three samples, if a position is further than 360 degrees from the origin, or if samples are further
// apart than max_gap_s. Beyond the signal they need at most 6 bytes a sample. Results do not depend on the number of threads.

// I-DT of Salvucci and Goldberg (2000): the longest windows of at least min_duration_s, from left to right, in which
// the range along x plus the range along y is at most max_dispersion_deg.
FixationSearch fixations_by_dispersion(const GazeSignal& signal, const GapRule& gaps, const FixationRule& rule,
                                       double max_dispersion_deg);

// I-VT: runs of samples whose velocity is below the threshold. Velocity is the slope of the least-squares line through
// the samples within window_s, at least three of them.
FixationSearch fixations_by_velocity(const GazeSignal& signal, const GapRule& gaps, const FixationRule& rule,
                                     double window_s, double threshold_deg_s, int threads);

// As fixations_by_velocity, with thresholds and a window that follow from the noise of the samples.
FixationSearch fixations_by_adaptive_velocity(const GazeSignal& signal, const GapRule& gaps, const FixationRule& rule,
                                              const AdaptiveVelocity& options, int threads);

// The fixations of given candidates: rising ranges that do not overlap.
FixationSearch fixations_of_ranges(const GazeSignal& signal, const GapRule& gaps, const FixationRule& rule,
                                   std::span<const SampleRange> ranges);

}  // namespace egaze
