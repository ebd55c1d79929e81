#include "heatmap_files.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <initializer_list>
#include <span>
#include <utility>
#include <vector>

#include "egaze/fit.hpp"
#include "egaze/marked_overlay.hpp"
#include "egaze/resize.hpp"
#include "heatmap_colours.hpp"
#include "output_files.hpp"
#include "output_names.hpp"
#include "png.hpp"

namespace egaze::runner {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxPngSidePx = 1024;

// Writes numpy's format 1.0. Padding in the header aligns the values to 64 bytes.
void write_npy(const fs::path& path, std::span<const float> values, std::initializer_list<std::size_t> shape) {
  std::string sides;
  for (const std::size_t side : shape) sides += (sides.empty() ? "" : ", ") + std::to_string(side);
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + sides + "), }";
  constexpr std::size_t prefix_bytes = 10;
  header.append(63 - (prefix_bytes + header.size()) % 64, ' ');
  header += '\n';
  std::string file = "\x93NUMPY";
  file += {1, 0, static_cast<char>(header.size() & 0xFF), static_cast<char>(header.size() >> 8)};
  file += header;
  const std::size_t values_at = file.size();
  file.resize(values_at + values.size_bytes());
  std::memcpy(file.data() + values_at, values.data(), values.size_bytes());
  write_whole(path, file.data(), file.size());
}

struct Shape {
  std::size_t height;
  std::size_t width;
};

// The shape of the radiograph, reduced to at most kMaxPngSidePx on the longer side.
Shape picture_shape(const StoredRadiograph& radiograph) {
  const double longest_px = static_cast<double>(std::max(radiograph.height, radiograph.width));
  const double scale = std::min(1.0, static_cast<double>(kMaxPngSidePx) / longest_px);
  const auto side_px = [scale](std::size_t radiograph_px) {
    return std::max<std::size_t>(1, static_cast<std::size_t>(std::lround(static_cast<double>(radiograph_px) * scale)));
  };
  return {side_px(radiograph.height), side_px(radiograph.width)};
}

}  // namespace

FitRectangle radiograph_on_heatmap(const StoredRadiograph& radiograph, const ModelSpec& spec) {
  const FitRectangle on_canvas =
      fit_rectangle(radiograph.height, radiograph.width, spec.canvas_height_px, spec.canvas_width_px, spec.fit);
  const auto side = [](std::size_t begin_px, std::size_t size_px, std::size_t canvas_px, std::size_t heatmap_px) {
    const double scale = static_cast<double>(heatmap_px) / static_cast<double>(canvas_px);
    const auto begin = static_cast<std::size_t>(std::nearbyint(static_cast<double>(begin_px) * scale));
    const auto end = static_cast<std::size_t>(std::nearbyint(static_cast<double>(begin_px + size_px) * scale));
    return std::pair(std::min(begin, heatmap_px - 1), std::max<std::size_t>(end, begin + 1));
  };
  const auto [top, bottom] = side(on_canvas.top_px, on_canvas.height_px, spec.canvas_height_px, spec.input_height_px);
  const auto [left, right] = side(on_canvas.left_px, on_canvas.width_px, spec.canvas_width_px, spec.input_width_px);
  return {top, left, bottom - top, right - left};
}

namespace {

// The part of a heatmap that the radiograph covers, in the picture's shape. The value `brightest` becomes 255.
std::vector<std::uint8_t> levels(const StoredRadiograph& radiograph, const ModelSpec& spec,
                                 std::span<const float> heatmap, Shape shape, float brightest) {
  const FitRectangle where = radiograph_on_heatmap(radiograph, spec);
  ImageView part = ImageView::dense(heatmap.data(), PixelType::float32, spec.input_height_px, spec.input_width_px);
  part.data = heatmap.data() + where.top_px * spec.input_width_px + where.left_px;
  part.height = where.height_px;
  part.width = where.width_px;
  std::vector<std::uint8_t> grey(shape.height * shape.width);
  ResizeOptions options;
  options.filter = Filter::bilinear;
  options.scale = brightest > 0.0f ? 255.0f / brightest : 0.0f;
  resize(part, shape.height, shape.width, PixelType::uint8, options, grey.data());
  return grey;
}

// Computed like Python's egaze.pictures.colours.blend.
std::vector<std::uint8_t> overlay(const StoredRadiograph& radiograph, const std::vector<std::uint8_t>& heat,
                                  Shape shape) {
  std::vector<std::uint8_t> grey(heat.size());
  ResizeOptions options;
  options.scale = 255.0f;
  options.table = radiograph.table;
  resize(radiograph.view(), shape.height, shape.width, PixelType::uint8, options, grey.data());
  std::vector<std::uint8_t> colours(3 * heat.size());
  blend_heatmap(grey, heat, kHeatmapColours, colours.data());
  return colours;
}

void write_png(const fs::path& path, const std::vector<std::uint8_t>& pixels, Shape shape) {
  const std::vector<std::uint8_t> file = encode_png(pixels, shape.height, shape.width);
  write_whole(path, file.data(), file.size());
}

}  // namespace

HeatmapFolder::HeatmapFolder(const std::string& folder) : folder_(writable_folder(folder)) {}

HeatmapFiles HeatmapFolder::write(const std::string& name, const StoredRadiograph& radiograph, const ModelSpec& spec,
                                  const Prediction& prediction) {
  fs::create_directories(folder_);
  const std::string begin = (fs::path(folder_) / name).string();
  HeatmapFiles files{begin + "_heatmap.npy", begin + "_heatmap.png", begin + "_overlay.png"};
  const std::vector<float>& heatmap = prediction.heatmap;
  const std::size_t height = prediction.heatmap_height, width = prediction.heatmap_width;
  write_npy(files.npy, heatmap, {height, width});
  const Shape shape = picture_shape(radiograph);
  write_png(files.png, levels(radiograph, spec, heatmap, shape, 1.0f), shape);
  const float peak = *std::ranges::max_element(heatmap);
  write_png(files.overlay, overlay(radiograph, levels(radiograph, spec, heatmap, shape, peak), shape), shape);
  if (prediction.class_heatmaps.empty()) return files;

  const std::string folder = begin + "_heatmap_classes";
  files.class_npy = folder + ".npy";
  write_npy(files.class_npy, prediction.class_heatmaps, {spec.class_names.size(), height, width});
  fs::create_directories(folder);
  for (const std::string& class_name : output_names(spec.class_names)) {
    const auto of_class =
        std::span(prediction.class_heatmaps).subspan(files.class_pngs.size() * height * width, height * width);
    files.class_pngs.push_back((fs::path(folder) / (class_name + ".png")).string());
    write_png(files.class_pngs.back(), levels(radiograph, spec, of_class, shape, 1.0f), shape);
  }
  return files;
}

}  // namespace egaze::runner
