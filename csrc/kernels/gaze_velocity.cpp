#include "gaze_velocity.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "parallel.hpp"

namespace egaze::detail {
namespace {

// Sums are begun anew for every block, which bounds their rounding errors.
constexpr std::size_t kBlock = 1024;

// The least-squares line through a window of samples that moves forward. Times are in intervals since an origin near
// the window, and positions in degrees from one, so that little is lost to rounding.
class MovingLine {
 public:
  MovingLine(const GazeSamples& gaze, std::size_t origin)
      : gaze_(gaze),
        per_interval_(1.0 / gaze.interval_s()),
        origin_s_(gaze.time_s(origin)),
        origin_x_px_(gaze.x_px(origin)),
        origin_y_px_(gaze.y_px(origin)) {}

  void add(std::size_t i) { change(i, 1.0); }
  void remove(std::size_t i) { change(i, -1.0); }

  // The slope in degrees per second; NaN where all samples share a time.
  double slope_deg_s() const {
    const double spread = n_ * tt_ - t_ * t_;
    if (!(spread > 1e-6 * n_ * n_)) return std::nan("");
    const double x = n_ * tx_ - t_ * x_;
    const double y = n_ * ty_ - t_ * y_;
    return std::sqrt(x * x + y * y) / spread * per_interval_;
  }

 private:
  void change(std::size_t i, double sign) {
    if (!gaze_.is_used(i)) return;
    const double t = (gaze_.time_s(i) - origin_s_) * per_interval_;
    const double x = sign * gaze_.degrees_x(gaze_.x_px(i) - origin_x_px_);
    const double y = sign * gaze_.degrees_y(gaze_.y_px(i) - origin_y_px_);
    n_ += sign;
    t_ += sign * t;
    tt_ += sign * t * t;
    x_ += x;
    y_ += y;
    tx_ += t * x;
    ty_ += t * y;
  }

  const GazeSamples& gaze_;
  double per_interval_, origin_s_, origin_x_px_, origin_y_px_;
  double n_ = 0.0, t_ = 0.0, tt_ = 0.0, x_ = 0.0, y_ = 0.0, tx_ = 0.0, ty_ = 0.0;
};

// From the nearest used neighbour; 0 for a sample alone.
double step_deg_s(const GazeSamples& gaze, const Stretch& stretch, std::size_t i) {
  const auto between = [&](std::size_t a, std::size_t b) {
    return gaze.distance_deg(a, b) / std::max(gaze.time_s(b) - gaze.time_s(a), 0.5 * gaze.interval_s());
  };
  for (std::size_t before = i; before > stretch.begin; --before) {
    if (gaze.is_used(before - 1)) return between(before - 1, i);
  }
  const std::size_t after = gaze.next_used(i + 1, stretch.end);
  return after < stretch.end ? between(i, after) : 0.0;
}

struct Block {
  Stretch stretch;
  std::size_t begin, end;
};

void fill(const GazeSamples& gaze, const VelocityWindow& window, const Block& block, float* velocity_deg_s) {
  const auto& [stretch, begin, end] = block;
  const double inside_s = window.half_s - 0.5 * gaze.interval_s();
  const double first_s = gaze.time_s(stretch.begin) + inside_s;
  const double last_s = std::max(first_s, gaze.time_s(stretch.end - 1) - inside_s);
  const auto centre_s = [&](std::size_t i) { return std::clamp(gaze.time_s(i), first_s, last_s); };

  std::size_t low = begin;
  while (low > stretch.begin && gaze.time_s(low - 1) >= centre_s(begin) - window.half_s) --low;
  std::size_t high = low;
  MovingLine line(gaze, gaze.next_used(low, stretch.end));
  for (std::size_t i = begin; i < end; ++i) {
    const double at_s = centre_s(i);
    while (high < stretch.end && gaze.time_s(high) <= at_s + window.half_s) line.add(high++);
    while (low < high && gaze.time_s(low) < at_s - window.half_s) line.remove(low++);
    if (!gaze.is_used(i)) continue;
    const double slope = line.slope_deg_s();
    velocity_deg_s[i] = static_cast<float>(std::isnan(slope) ? step_deg_s(gaze, stretch, i) : slope);
  }
}

}  // namespace

VelocityWindow::VelocityWindow(double window_s, double interval_s)
    : each_side(interval_s > 0.0
                    ? std::max<std::size_t>(1, static_cast<std::size_t>(std::lround(0.5 * window_s / interval_s)))
                    : 1),
      half_s((static_cast<double>(each_side) + 0.5) * interval_s) {}

std::unique_ptr<float[]> velocities_deg_s(const GazeSamples& gaze, const VelocityWindow& window, int threads) {
  std::vector<Block> blocks;
  for (const Stretch& stretch : gaze.stretches()) {
    for (std::size_t begin = stretch.begin; begin < stretch.end; begin += kBlock) {
      blocks.push_back({stretch, begin, std::min(begin + kBlock, stretch.end)});
    }
  }
  auto velocity_deg_s = std::make_unique_for_overwrite<float[]>(gaze.count());
  parallel_for(blocks.size(), threads, [&](std::size_t first, std::size_t last) {
    for (std::size_t i = first; i < last; ++i) fill(gaze, window, blocks[i], velocity_deg_s.get());
  });
  return velocity_deg_s;
}

}  // namespace egaze::detail
