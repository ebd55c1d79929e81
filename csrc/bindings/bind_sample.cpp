#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "arrays.hpp"
#include "bind.hpp"
#include "egaze/sample.hpp"
#include "heatmap_options.hpp"

namespace egaze::bindings {
namespace {

template <class T>
using Dense = py::array_t<T, py::array::c_style>;

[[noreturn]] void bad_shape(const char* name, const char* expected, const py::array& array) {
  throw py::value_error(std::string(name) + " must have shape " + expected + ", got " + shape_text(array));
}

// The fixations of image i are [offsets[i], offsets[i + 1]).
void check_offsets(const Dense<std::int64_t>& offsets, py::ssize_t images, std::size_t fixations) {
  if (offsets.ndim() != 1 || offsets.size() != images + 1) bad_shape("offsets", "(images + 1,)", offsets);
  const std::int64_t* bounds = offsets.data();
  if (bounds[0] != 0 || bounds[images] != static_cast<std::int64_t>(fixations) ||
      !std::is_sorted(bounds, bounds + images + 1)) {
    throw py::value_error("offsets must rise from 0 to the number of fixations, " + std::to_string(fixations) +
                          ", got " + std::to_string(bounds[0]) + " to " + std::to_string(bounds[images]));
  }
}

void check_maps(const Dense<float>& to_image, py::ssize_t count) {
  if (to_image.ndim() != 3 || to_image.shape(0) != count || to_image.shape(1) != 2 || to_image.shape(2) != 3) {
    bad_shape("to_image", "(N, 2, 3)", to_image);
  }
}

Affine affine(const Dense<float>& to_image, py::ssize_t i) {
  const float* map = to_image.data(i, 0, 0);
  return {map[0], map[1], map[2], map[3], map[4], map[5]};
}

// The fixations of a set: [offsets[set], offsets[set + 1]).
std::span<const Fixation> of_set(std::span<const Fixation> fixations, const Dense<std::int64_t>& offsets,
                                 py::ssize_t set) {
  const auto begin = static_cast<std::size_t>(offsets.at(set));
  return fixations.subspan(begin, static_cast<std::size_t>(offsets.at(set + 1)) - begin);
}

std::vector<Sample> make_samples(const Dense<std::int64_t>& image_index, py::ssize_t images,
                                 const Dense<float>& to_image, const Dense<float>& intensity,
                                 const Dense<std::uint64_t>& noise_key, const Dense<std::int32_t>& cutouts,
                                 std::span<const Fixation> fixations, const Dense<std::int64_t>& offsets) {
  const py::ssize_t count = image_index.size();
  if (image_index.ndim() != 1) bad_shape("image_index", "(N,)", image_index);
  check_maps(to_image, count);
  if (intensity.ndim() != 2 || intensity.shape(0) != count || intensity.shape(1) != 4) {
    bad_shape("intensity", "(N, 4)", intensity);
  }
  if (noise_key.ndim() != 1 || noise_key.size() != count) bad_shape("noise_key", "(N,)", noise_key);
  if (cutouts.ndim() != 3 || cutouts.shape(0) != count || cutouts.shape(2) != 4) {
    bad_shape("cutouts", "(N, R, 4)", cutouts);
  }
  static_assert(sizeof(Rectangle) == 4 * sizeof(std::int32_t) && std::is_trivially_copyable_v<Rectangle>);
  const std::span holes(reinterpret_cast<const Rectangle*>(cutouts.data()),
                        static_cast<std::size_t>(cutouts.size()) / 4);
  const auto holes_each = static_cast<std::size_t>(cutouts.shape(1));
  std::vector<Sample> samples(static_cast<std::size_t>(count));
  for (py::ssize_t i = 0; i < count; ++i) {
    Sample& sample = samples[static_cast<std::size_t>(i)];
    sample.image = image_index.at(i);
    sample.to_image = affine(to_image, i);
    const float* of_view = intensity.data(i, 0);
    sample.intensity = {of_view[0], of_view[1], of_view[2], of_view[3], noise_key.at(i)};
    sample.cutouts = holes.subspan(static_cast<std::size_t>(i) * holes_each, holes_each);
    if (sample.image < 0 || sample.image >= images) continue;  // the kernel refuses it
    sample.fixations = of_set(fixations, offsets, sample.image);
  }
  return samples;
}

std::vector<HeatmapView> make_views(const Dense<std::int64_t>& sets, const Dense<float>& to_image,
                                    std::span<const Fixation> fixations, const Dense<std::int64_t>& offsets) {
  if (sets.ndim() != 1) bad_shape("sets", "(N,)", sets);
  check_maps(to_image, sets.size());
  std::vector<HeatmapView> views(static_cast<std::size_t>(sets.size()));
  for (py::ssize_t i = 0; i < sets.size(); ++i) {
    const std::int64_t set = sets.at(i);
    if (set < 0 || set >= offsets.size() - 1) {
      throw py::index_error("set " + std::to_string(set) + " of " + std::to_string(offsets.size() - 1));
    }
    views[static_cast<std::size_t>(i)] = {affine(to_image, i), of_set(fixations, offsets, set)};
  }
  return views;
}

float* batch_planes(Dense<float>& planes, const char* name, py::ssize_t count, std::size_t height, std::size_t width) {
  if (planes.ndim() != 4 || planes.shape(0) != count || planes.shape(1) != 1 ||
      static_cast<std::size_t>(planes.shape(2)) != height || static_cast<std::size_t>(planes.shape(3)) != width) {
    bad_shape(name, "(N, 1, H, W), the same for images and heatmaps", planes);
  }
  return planes.mutable_data();  // raises if the array is read-only
}

}  // namespace

void bind_sample(py::module_& module) {
  module.def(
      "sample_batch",
      [](const Dense<std::uint16_t>& stack, const Dense<std::int64_t>& image_index, const Dense<float>& to_image,
         const Dense<float>& intensity, const Dense<std::uint64_t>& noise_key, const Dense<std::int32_t>& cutouts,
         const FixationArray& fixations, const Dense<std::int64_t>& offsets, Dense<float> images, Dense<float> heatmaps,
         const std::string& boundary, const std::string& kernel, const std::string& normalize, double truncate,
         int threads) {
        if (stack.ndim() != 3) bad_shape("stack", "(N, H, W)", stack);
        if (images.ndim() != 4) bad_shape("images", "(N, 1, H, W)", images);
        const ImageStack image_stack{stack.data(), static_cast<std::size_t>(stack.shape(0)),
                                     static_cast<std::size_t>(stack.shape(1)),
                                     static_cast<std::size_t>(stack.shape(2))};
        const auto rows = fixation_rows(fixations);
        check_offsets(offsets, stack.shape(0), rows.size());
        const auto samples =
            make_samples(image_index, stack.shape(0), to_image, intensity, noise_key, cutouts, rows, offsets);
        const auto [height, width] = checked_shape({images.shape(2), images.shape(3)});
        float* image_data = batch_planes(images, "images", image_index.size(), height, width);
        float* heatmap_data = batch_planes(heatmaps, "heatmaps", image_index.size(), height, width);
        const SampleOptions options{heatmap_options(boundary, kernel, normalize, truncate, 1), threads};
        py::gil_scoped_release release;
        sample_batch(image_stack, samples, height, width, options, image_data, heatmap_data);
      },
      py::arg("stack").noconvert(), py::arg("image_index").noconvert(), py::arg("to_image").noconvert(),
      py::arg("intensity").noconvert(), py::arg("noise_key").noconvert(), py::arg("cutouts").noconvert(),
      py::arg("fixations"), py::arg("offsets").noconvert(), py::arg("images").noconvert(),
      py::arg("heatmaps").noconvert(), py::kw_only(), py::arg("boundary"), py::arg("kernel"), py::arg("normalize"),
      py::arg("truncate"), py::arg("threads"));
  module.def(
      "sample_heatmaps",
      [](const Dense<std::int64_t>& sets, const Dense<float>& to_image, const FixationArray& fixations,
         const Dense<std::int64_t>& offsets, Dense<float> heatmaps, const std::string& boundary,
         const std::string& kernel, const std::string& normalize, double truncate, int threads) {
        const auto rows = fixation_rows(fixations);
        check_offsets(offsets, std::max<py::ssize_t>(offsets.size() - 1, 0), rows.size());
        const auto views = make_views(sets, to_image, rows, offsets);
        if (heatmaps.ndim() != 4) bad_shape("heatmaps", "(N, 1, H, W)", heatmaps);
        const auto [height, width] = checked_shape({heatmaps.shape(2), heatmaps.shape(3)});
        float* data = batch_planes(heatmaps, "heatmaps", sets.size(), height, width);
        const SampleOptions options{heatmap_options(boundary, kernel, normalize, truncate, 1), threads};
        py::gil_scoped_release release;
        sample_heatmaps(views, height, width, options, data);
      },
      py::arg("sets").noconvert(), py::arg("to_image").noconvert(), py::arg("fixations"),
      py::arg("offsets").noconvert(), py::arg("heatmaps").noconvert(), py::kw_only(), py::arg("boundary"),
      py::arg("kernel"), py::arg("normalize"), py::arg("truncate"), py::arg("threads"));
}

}  // namespace egaze::bindings
