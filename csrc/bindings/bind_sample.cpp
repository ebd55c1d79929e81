#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <string>
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

std::vector<Sample> make_samples(const Dense<std::int64_t>& film_index, const Dense<float>& to_film,
                                 const Dense<float>& intensity, const FixationArray& fixations,
                                 const Dense<std::int64_t>& offsets) {
  const py::ssize_t count = film_index.size();
  if (film_index.ndim() != 1) bad_shape("film_index", "(N,)", film_index);
  if (to_film.ndim() != 3 || to_film.shape(0) != count || to_film.shape(1) != 2 || to_film.shape(2) != 3) {
    bad_shape("to_film", "(N, 2, 3)", to_film);
  }
  if (intensity.ndim() != 2 || intensity.shape(0) != count || intensity.shape(1) != 2) {
    bad_shape("intensity", "(N, 2)", intensity);
  }
  if (offsets.ndim() != 1 || offsets.size() != count + 1) bad_shape("offsets", "(N + 1,)", offsets);
  const auto rows = fixation_rows(fixations);
  std::vector<Sample> samples;
  samples.reserve(static_cast<std::size_t>(count));
  for (py::ssize_t i = 0; i < count; ++i) {
    const std::int64_t begin = offsets.at(i), end = offsets.at(i + 1);
    if (begin < 0 || begin > end || end > static_cast<std::int64_t>(rows.size())) {
      throw py::value_error("offsets must rise from 0 to the number of fixations, got " + std::to_string(begin) +
                            " then " + std::to_string(end) + " of " + std::to_string(rows.size()));
    }
    const float* map = to_film.data(i, 0, 0);
    samples.push_back({film_index.at(i),
                       {map[0], map[1], map[2], map[3], map[4], map[5]},
                       intensity.at(i, 0),
                       intensity.at(i, 1),
                       rows.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin))});
  }
  return samples;
}

float* batch_planes(Dense<float>& planes, const char* name, py::ssize_t count, std::size_t height, std::size_t width) {
  if (planes.ndim() != 4 || planes.shape(0) != count || planes.shape(1) != 1 ||
      static_cast<std::size_t>(planes.shape(2)) != height || static_cast<std::size_t>(planes.shape(3)) != width) {
    bad_shape(name, "(N, 1, H, W), the same for images and heatmaps", planes);
  }
  return planes.mutable_data();  // raises for a read-only array
}

}  // namespace

void bind_sample(py::module_& module) {
  module.def(
      "sample_batch",
      [](const Dense<std::uint16_t>& films, const Dense<std::int64_t>& film_index, const Dense<float>& to_film,
         const Dense<float>& intensity, const FixationArray& fixations, const Dense<std::int64_t>& offsets,
         Dense<float> images, Dense<float> heatmaps, const std::string& boundary, const std::string& kernel,
         const std::string& normalize, double truncate, int threads) {
        if (films.ndim() != 3) bad_shape("films", "(N, H, W)", films);
        if (images.ndim() != 4) bad_shape("images", "(N, 1, H, W)", images);
        const FilmStack stack{films.data(), static_cast<std::size_t>(films.shape(0)),
                              static_cast<std::size_t>(films.shape(1)), static_cast<std::size_t>(films.shape(2))};
        const auto samples = make_samples(film_index, to_film, intensity, fixations, offsets);
        const auto [height, width] = checked_shape({images.shape(2), images.shape(3)});
        float* image_data = batch_planes(images, "images", film_index.size(), height, width);
        float* heatmap_data = batch_planes(heatmaps, "heatmaps", film_index.size(), height, width);
        const SampleOptions options{heatmap_options(boundary, kernel, normalize, truncate, 1), threads};
        py::gil_scoped_release release;
        sample_batch(stack, samples, height, width, options, image_data, heatmap_data);
      },
      py::arg("films").noconvert(), py::arg("film_index").noconvert(), py::arg("to_film").noconvert(),
      py::arg("intensity").noconvert(), py::arg("fixations"), py::arg("offsets").noconvert(),
      py::arg("images").noconvert(), py::arg("heatmaps").noconvert(), py::kw_only(), py::arg("boundary"),
      py::arg("kernel"), py::arg("normalize"), py::arg("truncate"), py::arg("threads"));
}

}  // namespace egaze::bindings
