#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "arrays.hpp"
#include "bind.hpp"
#include "egaze/gaze_events.hpp"

namespace egaze::bindings {
namespace {

using Doubles = py::array_t<double, py::array::c_style>;
using Integers = py::array_t<std::int64_t, py::array::c_style>;

GazeSignal gaze_signal(const Doubles& time_s, const Doubles& x_px, const Doubles& y_px,
                       std::pair<double, double> pixels_per_degree) {
  for (const Doubles* array : {&time_s, &x_px, &y_px}) {
    if (array->ndim() != 1 || array->size() != time_s.size()) {
      throw py::value_error("time_s, x_px and y_px must be (N,) of one length, got " + shape_text(time_s) + ", " +
                            shape_text(x_px) + " and " + shape_text(y_px));
    }
  }
  return {time_s.data(),
          x_px.data(),
          y_px.data(),
          static_cast<std::size_t>(time_s.size()),
          pixels_per_degree.first,
          pixels_per_degree.second};
}

// One array per attribute of the items.
template <class Item, class Value>
py::array_t<Value> column(const std::vector<Item>& items, Value Item::* attribute) {
  py::array_t<Value> values(static_cast<py::ssize_t>(items.size()));
  Value* data = values.mutable_data();
  for (const Item& item : items) *data++ = item.*attribute;
  return values;
}

py::dict search_dict(const FixationSearch& found) {
  std::vector<SampleRange> ranges;
  ranges.reserve(found.fixations.size());
  for (const FoundFixation& fixation : found.fixations) ranges.push_back(fixation.range);
  py::dict fixations;
  fixations["begin"] = column(ranges, &SampleRange::begin);
  fixations["end"] = column(ranges, &SampleRange::end);
  fixations["onset_s"] = column(found.fixations, &FoundFixation::onset_s);
  fixations["duration_s"] = column(found.fixations, &FoundFixation::duration_s);
  fixations["x_px"] = column(found.fixations, &FoundFixation::x_px);
  fixations["y_px"] = column(found.fixations, &FoundFixation::y_px);
  fixations["samples"] = column(found.fixations, &FoundFixation::samples);
  fixations["dispersion_deg"] = column(found.fixations, &FoundFixation::dispersion_deg);
  fixations["rms_deg"] = column(found.fixations, &FoundFixation::rms_deg);
  py::dict losses;
  losses["onset_s"] = column(found.losses, &GazeLoss::onset_s);
  losses["duration_s"] = column(found.losses, &GazeLoss::duration_s);
  losses["lost_samples"] = column(found.losses, &GazeLoss::lost_samples);
  py::dict facts;
  facts["interval_s"] = found.interval_s;
  facts["noise_deg"] = found.noise_deg;
  facts["window_s"] = found.window_s;
  facts["peak_deg_s"] = found.peak_deg_s;
  facts["onset_deg_s"] = found.onset_deg_s;
  py::dict result;
  result["fixations"] = fixations;
  result["losses"] = losses;
  result["facts"] = facts;
  return result;
}

// Searches without the GIL.
template <class Search>
py::dict search(const Search& fixations_of) {
  FixationSearch found;
  {
    py::gil_scoped_release release;
    found = fixations_of();
  }
  return search_dict(found);
}

std::vector<SampleRange> sample_ranges(const Integers& begin, const Integers& end) {
  if (begin.ndim() != 1 || end.ndim() != 1 || begin.size() != end.size()) {
    throw py::value_error("begin and end must be (F,) of one length, got " + shape_text(begin) + " and " +
                          shape_text(end));
  }
  std::vector<SampleRange> ranges(static_cast<std::size_t>(begin.size()));
  for (std::size_t i = 0; i < ranges.size(); ++i) ranges[i] = {begin.data()[i], end.data()[i]};
  return ranges;
}

}  // namespace

void bind_gaze_events(py::module_& module) {
  using Pair = std::pair<double, double>;
  using Triple = std::tuple<double, double, double>;
  const auto gap_rule = [](Pair rule) { return GapRule{rule.first, rule.second}; };
  const auto fixation_rule = [](Triple rule) {
    return FixationRule{std::get<0>(rule), std::get<1>(rule), std::get<2>(rule)};
  };
  module.def(
      "fixations_by_dispersion",
      [=](const Doubles& time_s, const Doubles& x_px, const Doubles& y_px, Pair pixels_per_degree, Pair gaps,
          Triple rule, double max_dispersion_deg) {
        const GazeSignal signal = gaze_signal(time_s, x_px, y_px, pixels_per_degree);
        return search(
            [&] { return fixations_by_dispersion(signal, gap_rule(gaps), fixation_rule(rule), max_dispersion_deg); });
      },
      py::arg("time_s").noconvert(), py::arg("x_px").noconvert(), py::arg("y_px").noconvert(),
      py::arg("pixels_per_degree"), py::kw_only(), py::arg("gaps"), py::arg("rule"), py::arg("max_dispersion_deg"));
  module.def(
      "fixations_by_velocity",
      [=](const Doubles& time_s, const Doubles& x_px, const Doubles& y_px, Pair pixels_per_degree, Pair gaps,
          Triple rule, double window_s, double threshold_deg_s, int threads) {
        const GazeSignal signal = gaze_signal(time_s, x_px, y_px, pixels_per_degree);
        return search([&] {
          return fixations_by_velocity(signal, gap_rule(gaps), fixation_rule(rule), window_s, threshold_deg_s, threads);
        });
      },
      py::arg("time_s").noconvert(), py::arg("x_px").noconvert(), py::arg("y_px").noconvert(),
      py::arg("pixels_per_degree"), py::kw_only(), py::arg("gaps"), py::arg("rule"), py::arg("window_s"),
      py::arg("threshold_deg_s"), py::arg("threads"));
  module.def(
      "fixations_by_adaptive_velocity",
      [=](const Doubles& time_s, const Doubles& x_px, const Doubles& y_px, Pair pixels_per_degree, Pair gaps,
          Triple rule, double window_s, double max_window_s, double smallest_saccade_deg, double peak_sd,
          double onset_sd, double min_peak_deg_s, int threads) {
        const GazeSignal signal = gaze_signal(time_s, x_px, y_px, pixels_per_degree);
        const AdaptiveVelocity options{window_s, max_window_s, smallest_saccade_deg, peak_sd, onset_sd, min_peak_deg_s};
        return search([&] {
          return fixations_by_adaptive_velocity(signal, gap_rule(gaps), fixation_rule(rule), options, threads);
        });
      },
      py::arg("time_s").noconvert(), py::arg("x_px").noconvert(), py::arg("y_px").noconvert(),
      py::arg("pixels_per_degree"), py::kw_only(), py::arg("gaps"), py::arg("rule"), py::arg("window_s"),
      py::arg("max_window_s"), py::arg("smallest_saccade_deg"), py::arg("peak_sd"), py::arg("onset_sd"),
      py::arg("min_peak_deg_s"), py::arg("threads"));
  module.def(
      "fixations_of_ranges",
      [=](const Doubles& time_s, const Doubles& x_px, const Doubles& y_px, Pair pixels_per_degree,
          const Integers& begin, const Integers& end, Pair gaps, Triple rule) {
        const GazeSignal signal = gaze_signal(time_s, x_px, y_px, pixels_per_degree);
        const auto ranges = sample_ranges(begin, end);
        return search([&] { return fixations_of_ranges(signal, gap_rule(gaps), fixation_rule(rule), ranges); });
      },
      py::arg("time_s").noconvert(), py::arg("x_px").noconvert(), py::arg("y_px").noconvert(),
      py::arg("pixels_per_degree"), py::arg("begin").noconvert(), py::arg("end").noconvert(), py::kw_only(),
      py::arg("gaps"), py::arg("rule"));
}

}  // namespace egaze::bindings
