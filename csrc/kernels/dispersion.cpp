// I-DT.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "egaze/error.hpp"
#include "egaze/gaze_events.hpp"
#include "gaze_fixations.hpp"
#include "gaze_samples.hpp"

namespace egaze {
namespace {

using detail::GazeSamples;
using detail::Stretch;

// The largest value of a window that moves forward: its candidates fall from the front on.
class MovingMaximum {
 public:
  double value() const { return values_[front_].value; }
  double value_with(double value) const { return is_empty() ? value : std::max(this->value(), value); }

  void push(std::size_t i, double value) {
    while (!is_empty() && values_.back().value <= value) values_.pop_back();
    values_.push_back({i, value});
  }
  void drop_before(std::size_t i) {
    while (!is_empty() && values_[front_].index < i) ++front_;
    if (front_ > 1024 && 2 * front_ > values_.size()) {
      values_.erase(values_.begin(), values_.begin() + static_cast<std::ptrdiff_t>(front_));
      front_ = 0;
    }
  }
  void clear() {
    values_.clear();
    front_ = 0;
  }

 private:
  struct Candidate {
    std::size_t index;
    double value;
  };
  bool is_empty() const { return front_ == values_.size(); }

  std::vector<Candidate> values_;
  std::size_t front_ = 0;
};

// A window of used samples with its dispersion.
class Window {
 public:
  explicit Window(const GazeSamples& gaze) : gaze_(gaze) {}

  void push(std::size_t i) {
    right_.push(i, gaze_.x_px(i));
    left_.push(i, -gaze_.x_px(i));
    down_.push(i, gaze_.y_px(i));
    up_.push(i, -gaze_.y_px(i));
  }
  void drop_before(std::size_t i) {
    for (MovingMaximum* side : {&right_, &left_, &down_, &up_}) side->drop_before(i);
  }
  void clear() {
    for (MovingMaximum* side : {&right_, &left_, &down_, &up_}) side->clear();
  }
  double dispersion_deg() const {
    return gaze_.degrees_x(right_.value() + left_.value()) + gaze_.degrees_y(down_.value() + up_.value());
  }
  double dispersion_deg_with(std::size_t i) const {
    return gaze_.degrees_x(right_.value_with(gaze_.x_px(i)) + left_.value_with(-gaze_.x_px(i))) +
           gaze_.degrees_y(down_.value_with(gaze_.y_px(i)) + up_.value_with(-gaze_.y_px(i)));
  }

 private:
  const GazeSamples& gaze_;
  MovingMaximum right_, left_, down_, up_;
};

void find(const GazeSamples& gaze, const Stretch& stretch, double min_duration_s, double max_dispersion_deg,
          std::vector<SampleRange>& found) {
  Window window(gaze);
  std::size_t first = stretch.begin;  // of the window
  std::size_t last = first;           // of the window, if it has a sample
  std::size_t next = first;           // beyond the window
  const auto push = [&] {
    window.push(next);
    last = next;
    next = gaze.next_used(next + 1, stretch.end);
  };
  while (first < stretch.end) {
    if (next == first) push();
    while (next < stretch.end && !detail::is_long_enough(gaze, detail::duration_s(gaze, first, last), min_duration_s)) {
      push();
    }
    if (!detail::is_long_enough(gaze, detail::duration_s(gaze, first, last), min_duration_s)) return;
    if (window.dispersion_deg() > max_dispersion_deg) {
      first = gaze.next_used(first + 1, stretch.end);
      window.drop_before(first);
      continue;
    }
    while (next < stretch.end && window.dispersion_deg_with(next) <= max_dispersion_deg) push();
    found.push_back({static_cast<std::int64_t>(first), static_cast<std::int64_t>(last + 1)});
    first = next;
    window.clear();
  }
}

}  // namespace

FixationSearch fixations_by_dispersion(const GazeSignal& signal, const GapRule& gaps, const FixationRule& rule,
                                       double max_dispersion_deg) {
  detail::require_rule(rule);
  if (!std::isfinite(max_dispersion_deg) || max_dispersion_deg <= 0.0) {
    throw Error(ErrorCode::invalid_argument,
                "the largest dispersion must be above 0 degrees, got " + std::to_string(max_dispersion_deg));
  }
  const GazeSamples gaze(signal, gaps);
  std::vector<SampleRange> found;
  for (const Stretch& stretch : gaze.stretches()) {
    find(gaze, stretch, rule.min_duration_s, max_dispersion_deg, found);
  }
  return detail::search_result(gaze, rule, found);
}

FixationSearch fixations_of_ranges(const GazeSignal& signal, const GapRule& gaps, const FixationRule& rule,
                                   std::span<const SampleRange> ranges) {
  detail::require_rule(rule);
  std::int64_t end = 0;
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    if (ranges[i].begin < end || ranges[i].end <= ranges[i].begin ||
        ranges[i].end > static_cast<std::int64_t>(signal.count)) {
      throw Error(ErrorCode::invalid_argument,
                  "range " + std::to_string(i) + ": samples " + std::to_string(ranges[i].begin) + " to " +
                      std::to_string(ranges[i].end) + " must rise, not overlap, and lie in the " +
                      std::to_string(signal.count) + " samples");
    }
    end = ranges[i].end;
  }
  return detail::search_result(GazeSamples(signal, gaps), rule, ranges);
}

}  // namespace egaze
