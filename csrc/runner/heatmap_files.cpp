#include "heatmap_files.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <system_error>
#include <vector>

#include "egaze/fit.hpp"
#include "egaze/resize.hpp"
#include "png.hpp"

namespace egaze::runner {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxPngSidePx = 1024;

// Written beside its place, then moved there: a reader never meets half a file.
void write_whole(const fs::path& path, const void* data, std::size_t size_bytes) {
  fs::path unfinished = path;
  unfinished += ".part";
  std::ofstream file(unfinished, std::ios::binary | std::ios::trunc);
  file.write(static_cast<const char*>(data), static_cast<std::streamsize>(size_bytes));
  file.close();
  std::error_code error;
  if (file) fs::rename(unfinished, path, error);
  if (!file || error) {
    std::error_code ignored;
    fs::remove(unfinished, ignored);
    throw std::runtime_error(path.string() + ": cannot be written" + (error ? ": " + error.message() : ""));
  }
}

// numpy's format 1.0; its header is padded so that the values begin at a multiple of 64 bytes.
void write_npy(const fs::path& path, const Prediction& prediction) {
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (" +
                       std::to_string(prediction.heatmap_height) + ", " + std::to_string(prediction.heatmap_width) +
                       "), }";
  constexpr std::size_t prefix_bytes = 10;
  header.append(63 - (prefix_bytes + header.size()) % 64, ' ');
  header += '\n';
  std::string file = "\x93NUMPY";
  file += {1, 0, static_cast<char>(header.size() & 0xFF), static_cast<char>(header.size() >> 8)};
  file += header;
  const std::size_t values_at = file.size();
  file.resize(values_at + prediction.heatmap.size() * sizeof(float));
  std::memcpy(file.data() + values_at, prediction.heatmap.data(), prediction.heatmap.size() * sizeof(float));
  write_whole(path, file.data(), file.size());
}

// Undoes the fit: the part of the canvas that the film covers, in the film's shape.
void write_png(const fs::path& path, std::size_t film_height, std::size_t film_width, const ModelSpec& spec,
               const Prediction& prediction) {
  const FitRectangle film = fit_rectangle(film_height, film_width, prediction.heatmap_height,
                                          prediction.heatmap_width, spec.fit);
  ImageView part = ImageView::dense(prediction.heatmap.data(), PixelType::float32, prediction.heatmap_height,
                                    prediction.heatmap_width);
  part.data = prediction.heatmap.data() + film.top_px * prediction.heatmap_width + film.left_px;
  part.height = film.height_px;
  part.width = film.width_px;
  const double longest_px = static_cast<double>(std::max(film_height, film_width));
  const double scale = std::min(1.0, static_cast<double>(kMaxPngSidePx) / longest_px);
  const auto side_px = [scale](std::size_t film_px) {
    return std::max<std::size_t>(1, static_cast<std::size_t>(std::lround(static_cast<double>(film_px) * scale)));
  };
  const std::size_t height = side_px(film_height), width = side_px(film_width);
  std::vector<std::uint8_t> grey(height * width);
  ResizeOptions options;
  options.filter = Filter::bilinear;
  options.scale = 255.0f;
  resize(part, height, width, PixelType::uint8, options, grey.data());
  const std::vector<std::uint8_t> file = encode_png(grey, height, width);
  write_whole(path, file.data(), file.size());
}

}  // namespace

HeatmapFolder::HeatmapFolder(std::string folder) : folder_(std::move(folder)) {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (!fs::is_directory(folder_)) {
    throw std::runtime_error(folder_ + ": is no folder and cannot be made" + (error ? ": " + error.message() : ""));
  }
}

std::string HeatmapFolder::unused_name(const std::string& film_path) {
  const std::string stem = fs::path(film_path).stem().string();
  std::string name = stem;
  for (int number = 2; !used_.insert(name).second; ++number) name = stem + "_" + std::to_string(number);
  return name;
}

HeatmapFiles HeatmapFolder::write(const std::string& film_path, std::size_t film_height, std::size_t film_width,
                                  const ModelSpec& spec, const Prediction& prediction) {
  const fs::path name = fs::path(folder_) / (unused_name(film_path) + "_heatmap");
  fs::path npy = name, png = name;
  npy += ".npy";
  png += ".png";
  write_npy(npy, prediction);
  write_png(png, film_height, film_width, spec, prediction);
  return {npy.string(), png.string()};
}

}  // namespace egaze::runner
