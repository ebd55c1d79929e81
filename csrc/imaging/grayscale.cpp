#include "grayscale.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>
#include <optional>
#include <utility>

namespace egaze::detail {
namespace {

// A radiograph has at most 65,536 different words, so each presentation is computed once per word, in double precision,
// and looked up per pixel.
using Table = std::vector<double>;  // the value of each word

// About how many pixels are sampled before all pixels are examined.
constexpr std::size_t kEnoughPixels = 4096;

Table values_of(const WordLayout& layout) {
  Table values(std::size_t{1} << layout.allocated);
  for (std::size_t word = 0; word < values.size(); ++word) {
    values[word] = static_cast<double>(layout.value(static_cast<unsigned>(word)));
  }
  return values;
}

// The words of the radiograph's smallest and largest value, or none if finding them takes a histogram.
template <class Word>
std::optional<std::pair<std::size_t, std::size_t>> ends(const std::vector<Word>& words, const WordLayout& layout) {
  if (layout.high_bit + 1 != layout.stored) return std::nullopt;
  // With the sign bit inverted, signed words sort by value.
  const Word turned = layout.is_signed ? static_cast<Word>(1u << (layout.allocated - 1)) : Word{0};
  Word low = std::numeric_limits<Word>::max(), high = 0;
  for (const Word word : words) {
    const Word ordered = word ^ turned;
    low = std::min(low, ordered);
    high = std::max(high, ordered);
  }
  const int least = layout.is_signed ? -(1 << (layout.stored - 1)) : 0;
  const WordLayout whole{layout.allocated, layout.allocated, layout.allocated - 1, layout.is_signed};
  const Word first = low ^ turned, last = high ^ turned;
  if (whole.value(first) < least || whole.value(last) >= least + (1 << layout.stored)) return std::nullopt;
  return std::pair<std::size_t, std::size_t>(first, last);
}

Counts held_by(const WordRadiograph& radiograph, bool ends_are_enough) {
  return std::visit(
      [&](const auto& words) {
        Counts counts(std::size_t{1} << radiograph.layout.allocated);
        if (const auto both = ends_are_enough ? ends(words, radiograph.layout) : std::nullopt) {
          counts[both->first] = counts[both->second] = 1;
          return counts;
        }
        for (const auto word : words) ++counts[word];
        return counts;
      },
      radiograph.words);
}

std::vector<float> clipped(const Table& shown) {
  std::vector<float> table(shown.size());
  std::ranges::transform(shown, table.begin(),
                         [](double value) { return static_cast<float>(std::clamp(value, 0.0, 1.0)); });
  return table;
}

StoredRadiograph with_table(WordRadiograph radiograph, std::vector<float> table) {
  StoredRadiograph stored{radiograph.height, radiograph.width, {}, std::move(table), {}};
  std::visit([&](auto& words) { stored.stored = std::move(words); }, radiograph.words);
  return stored;
}

// Values divided by the radiograph's maximum. A radiograph without a positive value is black.
Table raw_max(Table values, const Counts& counts) {
  double largest = 0.0;
  for (std::size_t i = 0; i < values.size(); ++i) largest = counts[i] > 0 ? std::max(largest, values[i]) : largest;
  for (double& value : values) value = largest > 0.0 ? value / largest : 0.0;
  return values;
}

// Maps the smallest and largest value that pixels hold to 0 and 1. A radiograph of a single value is black.
void stretch_to_range(Table& shown, const Counts& counts) {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (std::size_t i = 0; i < shown.size(); ++i) {
    if (counts[i] == 0) continue;
    low = std::min(low, shown[i]);
    high = std::max(high, shown[i]);
  }
  for (double& value : shown) value = high > low ? (value - low) / (high - low) : 0.0;
}

// The conversion of MIMIC-CXR-JPG: scaling to 8 bits between the extremes, then OpenCV's equalizeHist.
void equalize(Table& shown, const Counts& counts) {
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
    // The differences of grey values below the first one are negative, but no pixel has these values.
    const double above_first = static_cast<double>(cumulated) - static_cast<double>(first);
    table[i] = first == total ? static_cast<double>(i)
                              : std::nearbyint(above_first * (255.0 / static_cast<double>(total - first)));
  }
  for (std::size_t i = 0; i < shown.size(); ++i) shown[i] = std::clamp(table[grey[i]], 0.0, 255.0) / 255.0;
}

bool is_padding(const DicomGrayscale& grayscale, double value) {
  return grayscale.padding && value >= grayscale.padding->first && value <= grayscale.padding->second;
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

// The range of the presented values.
struct Shown {
  float least = 1.0f;
  float greatest = 0.0f;

  void add(float value) {
    least = std::min(least, value);
    greatest = std::max(greatest, value);
  }
  bool differ() const { return greatest - least >= 1.0f / 65535.0f; }
};

// The note for a radiograph whose different stored values are all presented as one value, to within one 16-bit step.
std::optional<std::string> shown_alike(const WordRadiograph& radiograph, const DicomGrayscale& grayscale,
                                       const std::vector<float>& table) {
  const Shown some = std::visit(
      [&](const auto& words) {  // a sample of the pixels, which is enough for nearly every radiograph
        Shown shown;
        const std::size_t step = std::max<std::size_t>(1, words.size() / kEnoughPixels);
        for (std::size_t i = 0; i < words.size(); i += step) {
          if (!is_padding(grayscale, radiograph.layout.value(words[i]))) shown.add(table[words[i]]);
        }
        return shown;
      },
      radiograph.words);
  if (some.differ()) return std::nullopt;
  const Table values = values_of(radiograph.layout);
  const Counts counts = held_by(radiograph, !grayscale.padding);
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (counts[i] == 0 || is_padding(grayscale, values[i])) continue;
    low = std::min(low, values[i]);
    high = std::max(high, values[i]);
  }
  if (low > high) return "all pixels are padding";
  Shown shown;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] >= low && values[i] <= high && !is_padding(grayscale, values[i])) shown.add(table[i]);
  }
  if (low == high || shown.differ()) return std::nullopt;
  std::array<char, 96> text{};
  std::snprintf(text.data(), text.size(), "stored values %.0f to %.0f are all shown as %.3f", low, high,
                static_cast<double>(shown.least));
  return text.data();
}

}  // namespace

StoredRadiograph present_plain(WordRadiograph radiograph, Presentation presentation) {
  Table shown = values_of(radiograph.layout);
  switch (presentation) {
    case Presentation::voi:
      for (double& value : shown) value /= static_cast<double>(shown.size() - 1);
      break;
    case Presentation::raw_max: shown = raw_max(std::move(shown), held_by(radiograph, true)); break;
    case Presentation::equalize: equalize(shown, held_by(radiograph, false)); break;
  }
  return with_table(std::move(radiograph), clipped(shown));
}

double measured(const DicomGrayscale& grayscale, double value) {
  return grayscale.modality_lut ? look_up_entry(*grayscale.modality_lut, value)
                                : value * grayscale.rescale_slope + grayscale.rescale_intercept;
}

std::vector<float> dicom_table(const WordLayout& layout, const Held& held, const DicomGrayscale& grayscale,
                               Presentation presentation) {
  const Table values = values_of(layout);
  if (presentation == Presentation::raw_max) return clipped(raw_max(values, held(true)));
  // The modality transform comes first (C.11.1) in every presentation: a negative slope inverts the radiograph.
  Table shown = values;
  for (double& value : shown) {
    value = measured(grayscale, value);
  }
  const bool voi = presentation == Presentation::voi;
  Counts counts;
  if (voi && grayscale.voi_lut) {
    for (double& value : shown) value = look_up_entry(*grayscale.voi_lut, value);
  } else if (voi && grayscale.window) {
    for (double& value : shown) value = apply_window(*grayscale.window, value);
  } else {
    // With a modality LUT, the extremes need not be those of the stored values.
    counts = held(voi && !grayscale.modality_lut && !grayscale.padding);
    for (std::size_t i = 0; i < counts.size(); ++i) counts[i] = is_padding(grayscale, values[i]) ? 0 : counts[i];
    stretch_to_range(shown, counts);
  }
  for (double& value : shown) {
    value = std::clamp(value, 0.0, 1.0);
    if (grayscale.monochrome1) value = 1.0 - value;
  }
  const bool any = std::ranges::any_of(counts, [](std::uint64_t count) { return count > 0; });
  if (presentation == Presentation::equalize && any) equalize(shown, counts);
  for (std::size_t i = 0; i < shown.size(); ++i) shown[i] = is_padding(grayscale, values[i]) ? 0.0 : shown[i];
  return clipped(shown);
}

StoredRadiograph present_dicom(WordRadiograph radiograph, const DicomGrayscale& grayscale, Presentation presentation) {
  const Held held = [&radiograph](bool ends_are_enough) { return held_by(radiograph, ends_are_enough); };
  std::vector<float> table = dicom_table(radiograph.layout, held, grayscale, presentation);
  std::optional<std::string> alike = shown_alike(radiograph, grayscale, table);
  StoredRadiograph stored = with_table(std::move(radiograph), std::move(table));
  stored.notes = grayscale.notes;
  if (alike) stored.notes.push_back(std::move(*alike));
  return stored;
}

}  // namespace egaze::detail
