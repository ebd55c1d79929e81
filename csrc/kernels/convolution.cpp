#include "convolution.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "convolution_sources.hpp"
#include "egaze/error.hpp"
#include "parallel.hpp"
#include "simd/primitives.hpp"

#ifdef EGAZE_X86
#include <cpuid.h>
#endif

namespace egaze::detail {
namespace {

// The bytes of a task's pixels, which stay in the cache of one processor while panel after panel is convolved.
constexpr std::size_t kBytesOfPixels = 1 << 16;
// The kernel's rows, and three of a skip.
constexpr std::size_t kMostKernelRows = 13, kMostRuns = kMostKernelRows + 3;
// So that no thread waits long for another's last task.
constexpr std::size_t kTasksPerThread = 4;

// Work that is divided twice: into pieces of the output's rows or pixels, and into groups of panels.
struct Division {
  std::size_t pieces;
  std::size_t groups;
};

// `pieces` are at least needed, `most` are possible. Dividing pixels reads the weights more often, and dividing panels
// the pixels, so the larger of both is divided.
Division divided(std::size_t pieces, std::size_t most, std::size_t panels, bool by_pixels, int threads) {
  Division division = {pieces, 1};
  if (threads == 1) return division;
  const std::size_t wanted = static_cast<std::size_t>(threads) * kTasksPerThread;
  const auto divide_pixels = [&] {
    const std::size_t tasks = division.pieces * division.groups;
    if (tasks < wanted) division.pieces = std::min(most, division.pieces * ((wanted + tasks - 1) / tasks));
  };
  const auto divide_panels = [&] {
    const std::size_t tasks = division.pieces * division.groups;
    if (tasks < wanted) division.groups = std::min(panels, (wanted + tasks - 1) / tasks);
  };
  if (by_pixels) divide_pixels();
  divide_panels();
  divide_pixels();
  return division;
}

// A buffer of this thread that keeps its memory.
template <class Element>
Element* scratch(std::size_t index, std::size_t length) {
  thread_local std::array<std::vector<Element>, 2> buffers;
  std::vector<Element>& buffer = buffers[index];
  if (buffer.size() < length) buffer.resize(length);
  return buffer.data();
}

auto kernel(float) { return &Primitives::convolve_float; }
auto kernel(std::uint16_t) { return &Primitives::convolve_bfloat16; }

// A layer with its arrays.
template <class Element>
class Convolving {
 public:
  Convolving(const ConvolutionLayer& layer, const ConvolutionArrays<Element>& arrays, int threads)
      : layer_(layer), arrays_(arrays), threads_(threads), image_(image_of(layer)), skip_(skip_of(layer)) {}

  void run() const {
    const bool keeps_size = layer_.out_height == layer_.height && layer_.out_width == layer_.width;
    if (image_.looks_at_pixels() && keeps_size) {
      convolve_pixels();
    } else {
      convolve_rows();
    }
  }

 private:
  // Pixels that follow one another in memory, from the first image's to the last's.
  void convolve_pixels() const {
    const std::size_t pixels = arrays_.images * layer_.height * layer_.width, tiles = (pixels + tile() - 1) / tile();
    const std::size_t bytes = layer_.channels * sizeof(Element) * pixels;
    const std::size_t pieces = std::clamp<std::size_t>(bytes / kBytesOfPixels, 1, tiles);
    const Division division = divided(pieces, tiles, panels(), pixels > layer_.out_channels, threads_);
    for_each_task(division, [&](const Task& task) {
      const std::size_t begin = tiles * task.piece / division.pieces * tile();
      const std::size_t end = std::min(tiles * (task.piece + 1) / division.pieces * tile(), pixels);
      for (std::size_t panel = task.first_panel; panel < task.end_panel; ++panel) {
        const Runs runs = {{{{arrays_.image + begin * layer_.channels, layer_.channels, layer_.channels,
                              arrays_.weights + panel * kColumns * depth()}}},
                           1};
        convolve_row(panel, runs, end - begin, begin, 1);
      }
    });
  }

  // Rows of outputs, or of squares of outputs if the layer doubles.
  void convolve_rows() const {
    const std::size_t rows = layer_.out_height / scale(), width = layer_.out_width / scale(), images = arrays_.images;
    const std::size_t bytes = (bytes_of_row(image_, width) + bytes_of_row(skip_, width)) * rows;
    const std::size_t pieces = std::clamp<std::size_t>(bytes / (4 * kBytesOfPixels), 1, rows);
    const bool by_pixels = layer_.out_height * layer_.out_width > depth();
    const Division division = divided(pieces * images, rows * images, panels(), by_pixels, threads_);
    const std::size_t of_image = division.pieces / images;
    for_each_task({of_image * images, division.groups}, [&](const Task& task) {
      const std::size_t n = task.piece / of_image, piece = task.piece % of_image;
      const std::size_t begin = rows * piece / of_image, end = rows * (piece + 1) / of_image;
      const Band image = band(0, image_, arrays_.image, n, begin, end - begin, width);
      const Band skip = skip_.channels == 0 ? Band{} : band(1, skip_, arrays_.skip, n, begin, end - begin, width);
      for (std::size_t panel = task.first_panel; panel < task.end_panel; ++panel) {
        for (std::size_t phase = 0; phase < phases_of(layer_); ++phase) {
          for (std::size_t y = begin; y < end; ++y) {
            const std::size_t out_row = n * layer_.out_height + scale() * y + phase / 2;
            convolve_row(panel, runs_of(image, skip, panel, phase, y - begin), width,
                         out_row * layer_.out_width + phase % 2, scale());
          }
        }
      }
    });
  }

  // The padded rows that some rows of outputs look at.
  struct Band {
    const Element* values = nullptr;
    std::size_t row = 0;  // the length of a row
  };

  static std::size_t bytes_of_row(const Source& source, std::size_t out_width) {
    return source.stride * out_width * source.stride * source.channels * sizeof(Element);
  }

  Band band(std::size_t index, const Source& source, const Element* images, std::size_t n, std::size_t first,
            std::size_t count, std::size_t out_width) const {
    const std::size_t image_row = source.width * source.channels;
    const Element* const image = images + n * source.height * image_row;
    if (source.looks_at_pixels()) return {image + first * source.stride * image_row, image_row};
    const std::size_t rows = (count - 1) * source.stride + source.window_height;
    const std::size_t columns = (out_width - 1) * source.stride + source.window_width;
    const std::size_t row = columns * source.channels;
    const std::size_t left = std::min(columns, source.left) * source.channels;
    const std::size_t inside = std::min(row - left, image_row);
    Element* const to = scratch<Element>(index, rows * row);
    for (std::size_t r = 0; r < rows; ++r) {
      Element* const begin = to + r * row;
      const std::size_t from = first * source.stride + r - source.top;  // wraps around above the image
      if (from < source.height) {
        std::fill_n(begin, left, Element{});
        std::copy_n(image + from * image_row, inside, begin + left);
        std::fill(begin + left + inside, begin + row, Element{});
      } else {
        std::fill_n(begin, row, Element{});
      }
    }
    return {to, row};
  }

  struct Runs {
    std::array<PixelRun<Element>, kMostRuns> run;
    std::size_t count = 0;
  };

  // What the outputs of a row sum over; `y` counts from the band's first row.
  Runs runs_of(const Band& image, const Band& skip, std::size_t panel, std::size_t phase, std::size_t y) const {
    Runs runs;
    const std::size_t columns = columns_at(panel * kColumns, layer_.out_channels);
    const Element* const weights = arrays_.weights + panel * kColumns * depth();
    const auto add = [&](const Source& source, const Band& band, const Element* packed) {
      const Element* const at = band.values + (y * source.stride + phase / 2) * band.row + phase % 2 * source.channels;
      for (std::size_t j = 0; j < source.kernel_height; ++j) {
        runs.run[runs.count++] = {at + j * band.row, source.stride * source.channels, source.run(),
                                  packed + j * source.run() * columns};
      }
    };
    add(image_, image, weights + phase * image_.kernel() * columns);
    if (skip_.channels > 0) add(skip_, skip, weights + phases_of(layer_) * image_.kernel() * columns);
    return runs;
  }

  // Convolves a row of pixels in one panel. The outputs begin at pixel `out`, `spread` apart.
  void convolve_row(std::size_t panel, const Runs& runs, std::size_t pixels, std::size_t out,
                    std::size_t spread) const {
    const std::size_t first = panel * kColumns, channels = layer_.out_channels;
    const std::size_t columns = columns_at(first, channels), live = std::min(columns, channels - first);
    Runs moved = runs;
    ConvolvedPixels<Element> tiled = {moved.run.data(),     runs.count, 0,       columns,           live,
                                      arrays_.bias + first, nullptr,    nullptr, spread * channels, layer_.activation};
    for (std::size_t begin = 0; begin < pixels; begin += tiled.pixels) {
      const std::size_t left = pixels - begin;
      // Two last tiles of about the same size take less time than a large and a small one.
      tiled.pixels = left >= 2 * tile() ? tile() : left > tile() ? (left + 1) / 2 : left;
      for (std::size_t r = 0; r < runs.count; ++r) {
        moved.run[r].values = runs.run[r].values + begin * runs.run[r].step;
      }
      const std::size_t offset = (out + begin * spread) * channels + first;
      if (arrays_.added != nullptr) tiled.added = arrays_.added + offset;
      tiled.out = arrays_.out + offset;
      (simd_.*kernel(Element{}))(tiled);
    }
  }

  struct Task {
    std::size_t piece;
    std::size_t first_panel;
    std::size_t end_panel;
  };

  template <class Work>
  void for_each_task(const Division& division, const Work& work) const {
    const auto [pieces, groups] = division;
    parallel_for(pieces * groups, threads_, [this, groups, &work](std::size_t begin, std::size_t end) {
      for (std::size_t k = begin; k < end; ++k) {
        const std::size_t group = k % groups;
        work(Task{k / groups, panels() * group / groups, panels() * (group + 1) / groups});
      }
    });
  }

  std::size_t scale() const { return layer_.doubles ? 2 : 1; }
  std::size_t panels() const { return panels_of(layer_.out_channels); }
  std::size_t depth() const { return depth_of(layer_); }
  std::size_t tile() const { return simd_.convolution_pixels; }

  const ConvolutionLayer& layer_;
  const ConvolutionArrays<Element>& arrays_;
  int threads_;
  Source image_, skip_;
  const Primitives& simd_ = primitives();
};

// Whether the processor multiplies tiles of bfloat16 (AMX), which oneDNN uses and the kernels here do not.
bool multiplies_tiles() {
#ifdef EGAZE_X86
  constexpr unsigned kFeatures = 7, kAmxBf16 = 1U << 22U;
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid_count(kFeatures, 0, &eax, &ebx, &ecx, &edx) != 0 && (edx & kAmxBf16) != 0;
#else
  return false;
#endif
}

template <class Element>
void check_and_convolve(const ConvolutionLayer& layer, const ConvolutionArrays<Element>& arrays, int threads) {
  if (!has_convolution(layer, sizeof(Element) == 2) || (arrays.skip != nullptr) != (layer.skip_channels > 0)) {
    throw Error(ErrorCode::invalid_argument, "no convolution of kernel " + std::to_string(layer.kernel_height) + "x" +
                                                 std::to_string(layer.kernel_width) + ", stride " +
                                                 std::to_string(layer.stride) + ", " + std::to_string(layer.channels) +
                                                 " + " + std::to_string(layer.skip_channels) + " to " +
                                                 std::to_string(layer.out_channels) + " channels with these arrays");
  }
  if (arrays.images > 0) Convolving<Element>(layer, arrays, threads).run();
}

}  // namespace

bool has_convolution(const ConvolutionLayer& layer, bool bfloat16) {
  const bool some = layer.height > 0 && layer.width > 0 && layer.channels > 0 && layer.out_height > 0 &&
                    layer.out_width > 0 && layer.out_channels > 0 && layer.kernel_height > 0 &&
                    layer.kernel_width > 0 && layer.stride > 0;
  if (!some || layer.kernel_height > kMostKernelRows) return false;
  if (layer.doubles) {
    const bool keeps_size = layer.kernel_height == 3 && layer.kernel_width == 3 && layer.stride == 1 &&
                            layer.top == 1 && layer.left == 1 && layer.out_height == 2 * layer.height &&
                            layer.out_width == 2 * layer.width;
    return keeps_size && !(bfloat16 && layer.skip_channels % 2 != 0);
  }
  // Images that are not padded are read where they are.
  const bool within = !image_of(layer).looks_at_pixels() || ((layer.out_height - 1) * layer.stride < layer.height &&
                                                             (layer.out_width - 1) * layer.stride < layer.width);
  return within && layer.skip_channels == 0 && !(bfloat16 && layer.kernel_width * layer.channels % 2 != 0);
}

bool convolves_fast(bool bfloat16) {
  const Primitives& simd = primitives();
  return bfloat16 ? simd.multiplies_bfloat16 && !multiplies_tiles() : std::string_view(simd.name) != "baseline";
}

void convolve(const ConvolutionLayer& layer, const ConvolutionArrays<float>& arrays, int threads) {
  check_and_convolve(layer, arrays, threads);
}

void convolve(const ConvolutionLayer& layer, const ConvolutionArrays<std::uint16_t>& arrays, int threads) {
  check_and_convolve(layer, arrays, threads);
}

}  // namespace egaze::detail
