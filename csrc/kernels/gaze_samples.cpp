#include "gaze_samples.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <locale>
#include <sstream>
#include <string>

#include "egaze/error.hpp"

namespace egaze::detail {
namespace {

constexpr double kFarthestDeg = 360.0;
constexpr std::size_t kNone = static_cast<std::size_t>(-1);

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorCode::invalid_argument, message); }

std::string text(double value, int digits = 15) {
  std::ostringstream out;
  out.imbue(std::locale::classic());
  out.precision(digits);
  out << value;
  return out.str();
}

std::string sample(std::size_t i) { return "sample " + std::to_string(i); }

void require_rule(const GazeSignal& signal, const GapRule& gaps) {
  const auto positive = [](double value) { return std::isfinite(value) && value > 0.0; };
  if (!positive(signal.px_per_degree_x) || !positive(signal.px_per_degree_y)) {
    refuse("pixels per degree must be above 0, got " + text(signal.px_per_degree_x) + " and " +
           text(signal.px_per_degree_y));
  }
  if (!positive(gaps.max_gap_s)) refuse("the longest gap must be above 0 s, got " + text(gaps.max_gap_s));
  if (!std::isfinite(gaps.loss_margin_s) || gaps.loss_margin_s < 0.0) {
    refuse("the margin of losses must be 0 s or more, got " + text(gaps.loss_margin_s));
  }
}

}  // namespace

double median(std::vector<double>& values) {
  if (values.empty()) return 0.0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

GazeSamples::GazeSamples(const GazeSignal& signal, const GapRule& gaps)
    : signal_(signal),
      degrees_per_px_x_(1.0 / signal.px_per_degree_x),
      degrees_per_px_y_(1.0 / signal.px_per_degree_y),
      used_(std::make_unique_for_overwrite<std::uint8_t[]>(signal.count)) {
  require_rule(signal, gaps);
  check();
  interval_s_ = median_interval_s();
  if (interval_s_ > gaps.max_gap_s) {
    refuse("samples are " + text(1000.0 * interval_s_, 6) + " ms apart, more than the longest gap of " +
           text(1000.0 * gaps.max_gap_s, 6) + " ms: no two of them would belong together");
  }
  find_losses(gaps);
  find_stretches(gaps.max_gap_s);
}

void GazeSamples::check() {
  // Without branches, so that the loop works on several samples at once; a fault is looked for once there is one.
  const auto is_number = [](double value) { return std::abs(value) <= std::numeric_limits<double>::max(); };
  bool is_faulty = count() > 0 && !is_number(time_s(0));
  for (std::size_t i = 0; i < count(); ++i) {
    const bool has_position = is_number(x_px(i)) & is_number(y_px(i));
    const bool is_near =
        (std::abs(degrees_x(x_px(i))) <= kFarthestDeg) & (std::abs(degrees_y(y_px(i))) <= kFarthestDeg);
    used_[i] = has_position;
    is_faulty |= has_position & !is_near;
  }
  for (std::size_t i = 1; i < count(); ++i) is_faulty |= !(is_number(time_s(i)) & (time_s(i) >= time_s(i - 1)));
  for (std::size_t i = 2; i < count(); ++i) is_faulty |= time_s(i) == time_s(i - 2);
  if (is_faulty) refuse_fault();
}

void GazeSamples::refuse_fault() const {
  for (std::size_t i = 0; i < count(); ++i) {
    const double t = time_s(i);
    if (!std::isfinite(t)) refuse(sample(i) + ": its time is " + text(t) + " s");
    if (i > 0 && t < time_s(i - 1)) {
      refuse(sample(i) + ": its time of " + text(t) + " s is before the " + text(time_s(i - 1)) +
             " s of the sample before it: the clock runs back");
    }
    if (i > 1 && t == time_s(i - 2)) {
      refuse(sample(i) + ": its time of " + text(t) +
             " s is that of the two samples before it: the clock stands still");
    }
    const double far_deg = std::max(std::abs(degrees_x(x_px(i))), std::abs(degrees_y(y_px(i))));
    if (is_used(i) && far_deg > kFarthestDeg) {
      refuse(sample(i) + ": its position (" + text(x_px(i)) + ", " + text(y_px(i)) + ") px is " + text(far_deg) +
             " degrees from the origin: mark lost samples by NaN, and check the pixels per degree");
    }
  }
}

double GazeSamples::median_interval_s() const {
  std::vector<double> intervals_s;
  const std::size_t stride = std::max<std::size_t>(1, count() / kMedianValues);
  for (std::size_t i = 1; i < count(); i += stride) {
    if (const double interval_s = time_s(i) - time_s(i - 1); interval_s > 0.0) intervals_s.push_back(interval_s);
  }
  return median(intervals_s);
}

void GazeSamples::find_losses(const GapRule& gaps) {
  if (count() == 0) return;
  struct Edges {
    std::size_t before, after;  // the samples with a position on either side, or kNone
  };
  std::vector<Edges> dropped;
  const auto found = [&](std::size_t before, std::size_t after) {
    const double onset_s = time_s(before == kNone ? 0 : before);
    const double duration_s = time_s(after == kNone ? count() - 1 : after) - onset_s;
    if (!(duration_s > gaps.max_gap_s + slack_s())) return;
    const std::size_t lost = (after == kNone ? count() : after) - (before == kNone ? 0 : before + 1);
    losses_.push_back({onset_s, duration_s, static_cast<std::int64_t>(lost)});
    if (lost > 0) dropped.push_back({before, after});
  };
  std::size_t last = kNone;
  for (std::size_t i = next_used(0, count()); i < count(); i = next_used(i + 1, count())) {
    found(last, i);
    last = i;
  }
  if (last != count() - 1) found(last, kNone);

  const double margin_s = gaps.loss_margin_s - slack_s();
  for (const auto [before, after] : dropped) {
    for (std::size_t i = before; i < count() && time_s(before) - time_s(i) < margin_s; --i) used_[i] = 0;
    for (std::size_t i = after; i < count() && time_s(i) - time_s(after) < margin_s; ++i) used_[i] = 0;
  }
}

void GazeSamples::find_stretches(double max_gap_s) {
  std::size_t last = kNone;
  for (std::size_t i = next_used(0, count()); i < count(); i = next_used(i + 1, count())) {
    if (last == kNone || time_s(i) - time_s(last) > max_gap_s + slack_s()) stretches_.push_back({i, i});
    stretches_.back().end = i + 1;
    last = i;
  }
}

double GazeSamples::noise_deg() const {
  std::vector<double> squared_steps;
  const std::size_t stride = std::max<std::size_t>(1, count() / kMedianValues);
  for (std::size_t i = 1; i < count(); i += stride) {
    if (!is_used(i - 1) || !is_used(i) || time_s(i) - time_s(i - 1) > 1.5 * interval_s_) continue;
    const double step_deg = distance_deg(i - 1, i);
    squared_steps.push_back(step_deg * step_deg);
  }
  // A squared step is 4 variances times a variable that is exponential, whose median is log 2.
  return std::sqrt(median(squared_steps) / (4.0 * std::log(2.0)));
}

}  // namespace egaze::detail
