#include "gaze_fixations.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "egaze/error.hpp"

namespace egaze::detail {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// A fixation and its extremes, from which dispersion follows after merging.
struct Measured {
  FoundFixation fixation;
  double min_x_px = kInfinity, max_x_px = -kInfinity;
  double min_y_px = kInfinity, max_y_px = -kInfinity;
};

void set_dispersion(const GazeSamples& gaze, Measured& of) {
  of.fixation.dispersion_deg = gaze.degrees_x(of.max_x_px - of.min_x_px) + gaze.degrees_y(of.max_y_px - of.min_y_px);
}

// The samples of a range that are used; samples is 0 if none is.
Measured measured(const GazeSamples& gaze, std::size_t begin, std::size_t end) {
  Measured found;
  begin = gaze.next_used(begin, end);
  while (end > begin && !gaze.is_used(end - 1)) --end;
  if (begin >= end) return found;

  const double origin_x_px = gaze.x_px(begin);
  const double origin_y_px = gaze.y_px(begin);
  double n = 0.0, x = 0.0, y = 0.0, xx = 0.0, yy = 0.0;  // degrees from the first position
  double min_x_px = kInfinity, max_x_px = -kInfinity, min_y_px = kInfinity, max_y_px = -kInfinity;
  for (std::size_t i = begin; i < end; ++i) {
    if (!gaze.is_used(i)) continue;
    const double from_x = gaze.degrees_x(gaze.x_px(i) - origin_x_px);
    const double from_y = gaze.degrees_y(gaze.y_px(i) - origin_y_px);
    n += 1.0;
    x += from_x;
    y += from_y;
    xx += from_x * from_x;
    yy += from_y * from_y;
    min_x_px = std::min(min_x_px, gaze.x_px(i));
    max_x_px = std::max(max_x_px, gaze.x_px(i));
    min_y_px = std::min(min_y_px, gaze.y_px(i));
    max_y_px = std::max(max_y_px, gaze.y_px(i));
  }
  found.min_x_px = min_x_px;
  found.max_x_px = max_x_px;
  found.min_y_px = min_y_px;
  found.max_y_px = max_y_px;
  FoundFixation& fixation = found.fixation;
  fixation.range = {static_cast<std::int64_t>(begin), static_cast<std::int64_t>(end)};
  fixation.onset_s = gaze.time_s(begin);
  fixation.duration_s = duration_s(gaze, begin, end - 1);
  fixation.x_px = origin_x_px + x / n / gaze.degrees_x(1.0);
  fixation.y_px = origin_y_px + y / n / gaze.degrees_y(1.0);
  fixation.samples = static_cast<std::int64_t>(n);
  fixation.rms_deg = std::sqrt(std::max(0.0, (xx + yy) / n - (x * x + y * y) / (n * n)));
  set_dispersion(gaze, found);
  return found;
}

Measured merged(const GazeSamples& gaze, const Measured& one, const Measured& two) {
  const FoundFixation& a = one.fixation;
  const FoundFixation& b = two.fixation;
  const double n = static_cast<double>(a.samples);
  const double m = static_cast<double>(b.samples);
  const double apart_deg = gaze.distance_deg(b.x_px - a.x_px, b.y_px - a.y_px);
  Measured both;
  both.min_x_px = std::min(one.min_x_px, two.min_x_px);
  both.max_x_px = std::max(one.max_x_px, two.max_x_px);
  both.min_y_px = std::min(one.min_y_px, two.min_y_px);
  both.max_y_px = std::max(one.max_y_px, two.max_y_px);
  FoundFixation& fixation = both.fixation;
  fixation.range = {a.range.begin, b.range.end};
  fixation.onset_s = a.onset_s;
  fixation.duration_s = b.onset_s + b.duration_s - a.onset_s;
  fixation.x_px = (n * a.x_px + m * b.x_px) / (n + m);
  fixation.y_px = (n * a.y_px + m * b.y_px) / (n + m);
  fixation.samples = a.samples + b.samples;
  const double squares =
      n * a.rms_deg * a.rms_deg + m * b.rms_deg * b.rms_deg + n * m / (n + m) * apart_deg * apart_deg;
  fixation.rms_deg = std::sqrt(squares / (n + m));
  set_dispersion(gaze, both);
  return both;
}

bool belong_together(const GazeSamples& gaze, const FixationRule& rule, const FoundFixation& a,
                     const FoundFixation& b) {
  const double between_s = b.onset_s - a.onset_s - a.duration_s;
  return rule.merge_distance_deg > 0.0 && between_s <= rule.merge_gap_s + gaze.slack_s() &&
         gaze.distance_deg(b.x_px - a.x_px, b.y_px - a.y_px) <= rule.merge_distance_deg;
}

}  // namespace

void require_rule(const FixationRule& rule) {
  for (const double value : {rule.min_duration_s, rule.merge_gap_s, rule.merge_distance_deg}) {
    if (!std::isfinite(value) || value < 0.0) {
      throw Error(ErrorCode::invalid_argument,
                  "durations and distances must be 0 or more, got " + std::to_string(value));
    }
  }
}

double duration_s(const GazeSamples& gaze, std::size_t first, std::size_t last) {
  const double next_s = last + 1 < gaze.count() ? gaze.time_s(last + 1) - gaze.time_s(last) : kInfinity;
  return gaze.time_s(last) - gaze.time_s(first) + std::min(gaze.interval_s(), next_s);
}

bool is_long_enough(const GazeSamples& gaze, double duration_s, double min_duration_s) {
  return duration_s > 0.0 && duration_s + gaze.slack_s() >= min_duration_s;
}

FixationSearch search_result(const GazeSamples& gaze, const FixationRule& rule,
                             std::span<const SampleRange> candidates) {
  FixationSearch result;
  result.losses = gaze.losses();
  result.interval_s = gaze.interval_s();
  result.noise_deg = gaze.noise_deg();
  Measured open;
  const auto close = [&] {
    if (open.fixation.samples > 0 && is_long_enough(gaze, open.fixation.duration_s, rule.min_duration_s)) {
      result.fixations.push_back(open.fixation);
    }
  };
  for (const SampleRange& range : candidates) {
    const Measured next = measured(gaze, static_cast<std::size_t>(range.begin), static_cast<std::size_t>(range.end));
    if (next.fixation.samples == 0) continue;
    if (open.fixation.samples > 0 && belong_together(gaze, rule, open.fixation, next.fixation)) {
      open = merged(gaze, open, next);
    } else {
      close();
      open = next;
    }
  }
  close();
  return result;
}

}  // namespace egaze::detail
