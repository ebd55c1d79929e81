#include "grayscale.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <type_traits>

namespace egaze::detail {
namespace {

// A film has at most 65,536 different stored values, so every policy is worked out once per value, in double, and
// then looked up per pixel.
using Table = std::vector<double>;  // what lowest + i becomes

template <class T>
Histogram histogram_of(const std::vector<T>& values) {
  constexpr int floor = std::numeric_limits<T>::min();
  constexpr int ceiling = std::numeric_limits<T>::max();
  std::vector<std::uint64_t> counts(static_cast<std::size_t>(ceiling - floor) + 1);
  for (const T value : values) ++counts[static_cast<std::size_t>(value - floor)];
  const auto used = [](std::uint64_t count) { return count > 0; };
  const auto first = std::find_if(counts.begin(), counts.end(), used);
  const auto last = std::find_if(counts.rbegin(), counts.rend(), used).base();
  return {floor + static_cast<int>(first - counts.begin()), {first, last}};
}

// table_of(histogram, largest value of the type) gives the table; its values are clipped to [0, 1].
template <class TableOf>
Radiograph look_up(const StoredFilm& film, TableOf&& table_of) {
  Radiograph radiograph{film.height, film.width, {}};
  std::visit(
      [&](const auto& values) {
        using T = typename std::decay_t<decltype(values)>::value_type;
        const Histogram histogram = histogram_of(values);
        const Table exact = table_of(histogram, static_cast<double>(std::numeric_limits<T>::max()));
        std::vector<float> table(exact.size());
        std::ranges::transform(exact, table.begin(),
                               [](double shown) { return static_cast<float>(std::clamp(shown, 0.0, 1.0)); });
        radiograph.pixels.resize(values.size());
        std::ranges::transform(values, radiograph.pixels.begin(), [&](T value) {
          return table[static_cast<std::size_t>(static_cast<int>(value) - histogram.lowest)];
        });
      },
      film.values);
  return radiograph;
}

template <class Function>
Table map_values(const Histogram& histogram, Function&& function) {
  Table table(histogram.size());
  for (std::size_t i = 0; i < table.size(); ++i) table[i] = function(histogram.value(i));
  return table;
}

// Values over the film's largest. A film without a positive value is black.
Table raw_max(const Histogram& histogram) {
  const double largest = histogram.value(histogram.size() - 1);
  return map_values(histogram, [=](double value) { return largest > 0.0 ? value / largest : 0.0; });
}

// The extremes of what pixels hold to 0 and 1; a film of one value is black.
void stretch_to_range(Table& shown, const std::vector<std::uint64_t>& counts) {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (std::size_t i = 0; i < shown.size(); ++i) {
    if (counts[i] == 0) continue;
    low = std::min(low, shown[i]);
    high = std::max(high, shown[i]);
  }
  for (double& value : shown) value = high > low ? (value - low) / (high - low) : 0.0;
}

// MIMIC-CXR-JPG's recipe: 8 bits between the extremes, then OpenCV's equalizeHist.
void equalize(Table& shown, const std::vector<std::uint64_t>& counts) {
  stretch_to_range(shown, counts);
  std::vector<std::size_t> grey(shown.size());
  std::array<std::uint64_t, 256> histogram{};
  for (std::size_t i = 0; i < shown.size(); ++i) {
    grey[i] = static_cast<std::size_t>(std::clamp(std::floor(shown[i] * 255.0), 0.0, 255.0));
    histogram[grey[i]] += counts[i];
  }
  std::uint64_t total = 0, first = 0;
  for (const std::uint64_t count : histogram) {
    total += count;
    if (first == 0) first = count;
  }
  std::array<double, 256> table{};
  std::uint64_t cumulated = 0;
  for (std::size_t i = 0; i < table.size(); ++i) {
    cumulated += histogram[i];
    // Grey values below the first have negative differences; nobody holds them.
    const double above_first = static_cast<double>(cumulated) - static_cast<double>(first);
    table[i] = first == total ? static_cast<double>(i)
                              : std::nearbyint(above_first * (255.0 / static_cast<double>(total - first)));
  }
  for (std::size_t i = 0; i < shown.size(); ++i) shown[i] = std::clamp(table[grey[i]], 0.0, 255.0) / 255.0;
}

double look_up_entry(const LookupTable& lut, double value) {
  const double last = static_cast<double>(lut.entries.size() - 1);
  return lut.entries[static_cast<std::size_t>(std::clamp(value - lut.first, 0.0, last))];
}

double apply_window(const Window& window, double value) {
  switch (window.function) {
    case WindowFunction::linear:  // C.11.2.1.2.1
      if (window.width == 1.0) return value > window.centre - 0.5 ? 1.0 : 0.0;
      return (value - (window.centre - 0.5)) / (window.width - 1.0) + 0.5;
    case WindowFunction::linear_exact:  // C.11.2.1.3.2
      return (value - window.centre) / window.width + 0.5;
    case WindowFunction::sigmoid:  // C.11.2.1.3.1; the limits keep exp finite
      return 1.0 / (1.0 + std::exp(std::clamp(-4.0 * (value - window.centre) / window.width, -700.0, 700.0)));
  }
  return 0.0;
}

}  // namespace

Radiograph present_plain(const StoredFilm& film, Presentation presentation) {
  return look_up(film, [&](const Histogram& histogram, double largest_of_type) {
    if (presentation == Presentation::raw_max) return raw_max(histogram);
    if (presentation == Presentation::voi) {
      return map_values(histogram, [&](double value) { return value / largest_of_type; });
    }
    Table shown = map_values(histogram, [](double value) { return value; });
    equalize(shown, histogram.counts);
    return shown;
  });
}

std::vector<double> dicom_table(const Histogram& histogram, const DicomGrayscale& grayscale,
                                Presentation presentation) {
  if (presentation == Presentation::raw_max) return raw_max(histogram);
  const auto is_padding = [&](std::size_t i) {
    return grayscale.padding && histogram.value(i) >= grayscale.padding->first &&
           histogram.value(i) <= grayscale.padding->second;
  };
  std::vector<std::uint64_t> counts = histogram.counts;
  for (std::size_t i = 0; i < counts.size(); ++i) counts[i] = is_padding(i) ? 0 : counts[i];

  // Modality first (C.11.1), whatever the policy: a negative slope turns the film's sense round.
  Table shown = map_values(histogram, [&](double value) {
    return grayscale.modality_lut ? look_up_entry(*grayscale.modality_lut, value)
                                  : value * grayscale.rescale_slope + grayscale.rescale_intercept;
  });
  const bool voi = presentation == Presentation::voi;
  if (voi && grayscale.voi_lut) {
    for (double& value : shown) value = look_up_entry(*grayscale.voi_lut, value);
  } else if (voi && grayscale.window) {
    for (double& value : shown) value = apply_window(*grayscale.window, value);
  } else {
    stretch_to_range(shown, counts);
  }
  for (double& value : shown) {
    value = std::clamp(value, 0.0, 1.0);
    if (grayscale.monochrome1) value = 1.0 - value;
  }
  const bool any = std::ranges::any_of(counts, [](std::uint64_t count) { return count > 0; });
  if (presentation == Presentation::equalize && any) equalize(shown, counts);
  for (std::size_t i = 0; i < shown.size(); ++i) shown[i] = is_padding(i) ? 0.0 : shown[i];
  return shown;
}

Radiograph present_dicom(const StoredFilm& film, const DicomGrayscale& grayscale, Presentation presentation) {
  return look_up(film, [&](const Histogram& histogram, double) {
    return dicom_table(histogram, grayscale, presentation);
  });
}

}  // namespace egaze::detail
