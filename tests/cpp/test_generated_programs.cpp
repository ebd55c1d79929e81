// Compares rewritten programs with the original ones, for random programs of the operators that exports use. The
// programs use values again after other values were computed from them, change values in place and create views, so that
// a rewriting that relies on an unverified assumption gives other results.
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/script.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "convolution.hpp"
#include "cpu_fusion.hpp"
#include "egaze/simd.hpp"
#include "kernels/convolution.hpp"
#include "precision.hpp"

using namespace egaze;
using namespace egaze::detail;

namespace {

constexpr std::int64_t kHeight = 16, kWidth = 12;
constexpr unsigned kPrograms = 200, kProgramsInBf16 = 60;

struct Image {
  std::string name;
  std::int64_t channels, height, width;

  bool fits(const Image& other) const {
    return channels == other.channels && height == other.height && width == other.width;
  }
};

std::string text(const std::vector<std::int64_t>& ints) {
  std::string list;
  for (const std::int64_t value : ints) list += (list.empty() ? "" : ", ") + std::to_string(value);
  return "[" + list + "]";
}

// Writes one program, line by line.
class Writer {
 public:
  explicit Writer(unsigned seed) : random_(seed) {
    images_ = {{"image", 1, kHeight, kWidth}};
    convolve(images_.front(), {.out = 4 * some(1, 3)});
    for (int i = some(3, 9); i > 0; --i) step();
  }

  torch::jit::Module frozen() const { return torch::jit::freeze(module()); }

  // The program as written, without the optimisations of freezing.
  torch::jit::Module module() const {
    torch::jit::Module module("Model");
    for (const auto& [name, parameter] : parameters_) module.register_parameter(name, parameter, false);
    module.define(source());
    module.eval();
    return module;
  }

  // Every value of the program contributes to its outputs.
  std::string source() const {
    std::string lines = "def forward(self, image):\n" + lines_ + "    maps = torch.zeros([1])\n";
    for (const Image& image : images_) {
      if (image.name == "image") continue;
      lines += "    maps = maps + torch.upsample_bilinear2d(torch.mean(" + image.name + ", [1], True), " +
               text({kHeight, kWidth}) + ", False)\n";
    }
    return lines + "    maps = maps.float()\n    return torch.softmax(torch.mean(maps, [2, 3]), 1), maps\n";
  }

 private:
  struct Kernel {
    std::int64_t out, side = 1, stride = 1, padding = 0, dilation = 1, groups = 1;
    bool bias = true;
  };

  int some(int least, int most) { return std::uniform_int_distribution<int>(least, most)(random_); }
  bool chance(int percent) { return some(1, 100) <= percent; }
  Image one() { return images_[static_cast<std::size_t>(some(0, static_cast<int>(images_.size()) - 1))]; }

  std::string parameter(const std::vector<std::int64_t>& shape, double scale) {
    std::string name = std::string("p") + std::to_string(parameters_.size());
    at::Tensor values = at::empty(shape);
    std::normal_distribution<float> normal(0.0f, static_cast<float>(scale));
    std::generate_n(values.mutable_data_ptr<float>(), values.numel(), [&] { return normal(random_); });
    parameters_.emplace_back(name, values);
    return "self." + name;
  }

  // Adds a line that computes an image, which later lines may use.
  Image make(const std::string& expression, std::int64_t channels, std::int64_t height, std::int64_t width) {
    const std::string name = std::string("v") + std::to_string(made_++);
    lines_ += "    " + name + " = " + expression + "\n";
    images_.push_back({name, channels, height, width});
    return images_.back();
  }

  void line(const std::string& words) { lines_ += "    " + words + "\n"; }

  std::string convolution(const std::string& of, std::int64_t in, const Kernel& kernel) {
    const std::int64_t inputs = in / kernel.groups * kernel.side * kernel.side;
    const double scale = 1.0 / std::sqrt(static_cast<double>(inputs));
    const std::string weight = parameter({kernel.out, in / kernel.groups, kernel.side, kernel.side}, scale);
    const std::string bias = kernel.bias ? parameter({kernel.out}, 0.3) : "None";
    const auto pair = [](std::int64_t value) { return text({value, value}); };
    return "torch.conv2d(" + of + ", " + weight + ", " + bias + ", " + pair(kernel.stride) + ", " +
           pair(kernel.padding) + ", " + pair(kernel.dilation) + ", " + std::to_string(kernel.groups) + ")";
  }

  Image convolve(const Image& of, const Kernel& kernel) {
    const auto size = [&](std::int64_t before) {
      return (before + 2 * kernel.padding - kernel.dilation * (kernel.side - 1) - 1) / kernel.stride + 1;
    };
    Image made = make(convolution(of.name, of.channels, kernel), kernel.out, size(of.height), size(of.width));
    return chance(60) ? activate(made) : made;
  }

  Image activate(const Image& of) {
    static constexpr std::array kNames = {"relu", "silu", "sigmoid", "hardswish", "hardsigmoid", "gelu", "tanh"};
    const std::string name = kNames[static_cast<std::size_t>(some(0, kNames.size() - 1))];
    const Image made =
        make("torch." + name + (chance(40) ? "_(" : "(") + of.name + ")", of.channels, of.height, of.width);
    // Usually nothing else uses the value before the activation, so that it can be merged with the convolution.
    if (chance(80)) std::erase_if(images_, [&](const Image& each) { return each.name == of.name && removable(of); });
    return made;
  }

  // Whether the image can be removed from those that later lines and the outputs use.
  bool removable(const Image& image) const { return image.name != "image" && image.name != images_.back().name; }

  Image padded(const Image& of) {
    const std::int64_t left = some(0, 1), right = left + some(0, 1), top = some(0, 2),
                       bottom = std::max<int>(0, some(-1, 2));
    std::string sides = text({left, right, top, bottom});
    if (chance(40)) {  // as encoders write it that compute the padding from the size
      const std::string even = "(" + of.name + ".size(2) % 2)";
      sides = "[" + std::to_string(left) + ", " + std::to_string(right) + ", " + std::to_string(top) + " + " + even +
              " - " + even + ", " + std::to_string(bottom) + "]";
    } else if (chance(20)) {  // depending on the image's content
      sides = "[" + std::to_string(left) + " - 1 + int(torch.gt(torch.sum(image), 0.0)), " + std::to_string(right) +
              ", " + std::to_string(top) + ", " + std::to_string(bottom) + "]";
    }
    const std::string how = chance(70) ? "\"constant\", None" : chance(50) ? "\"constant\", 0.5" : "\"replicate\"";
    return make("torch.pad(" + of.name + ", " + sides + ", " + how + ")", of.channels, of.height + top + bottom,
                of.width + left + right);
  }

  void change_in_place() {
    const Image of = one();
    if (of.name == "image") return;
    if (chance(50)) {
      line("torch.mul_(" + of.name + ", 0.5)");
    } else {
      line("torch.sub_(" + of.name + ", " + parameter({of.channels, 1, 1}, 0.5) + ")");
    }
  }

  void add_convolved() {
    const Image of = one(), added = one();
    if (of.height < 3 || of.width < 3 || added.name == "image") return;
    if (added.height != of.height || added.width != of.width) return;
    const Image made = convolve_plain(of, {.out = added.channels, .side = 3, .padding = 1, .bias = chance(50)});
    if (chance(15)) change_in_place();
    const std::string in_place = chance(40) ? "_" : "", scale = chance(10) ? ", alpha=2" : "";
    std::string left = added.name, right = made.name;
    if (chance(50)) std::swap(left, right);
    if (in_place.empty() && chance(15)) right = parameter({added.channels, 1, 1}, 1.0);
    make("torch.add" + in_place + "(" + left + ", " + right + scale + ")", added.channels, added.height, added.width);
    if (chance(70)) std::erase_if(images_, [&](const Image& each) { return each.name == made.name; });
    if (chance(40)) activate(images_.back());
  }

  Image convolve_plain(const Image& of, const Kernel& kernel) {
    return make(convolution(of.name, of.channels, kernel), kernel.out, of.height, of.width);
  }

  void squeeze_and_excite() {
    Image of = one();
    if (of.height < 5 || of.width < 5) return;
    if (chance(70) && of.channels > 1) {
      of = convolve(of, {.out = of.channels,
                         .side = 3,
                         .stride = chance(30) ? 2 : 1,
                         .padding = 1,
                         .groups = of.channels,
                         .bias = chance(70)});
    } else {
      of = convolve(of, {.out = chance(20) ? 1 : of.channels});
    }
    const std::string n = std::to_string(made_++);
    line("m" + n + " = torch.mean(" + of.name + ", [2, 3], True)");
    if (chance(10)) line("torch.mul_(" + of.name + ", 0.5)");
    const std::int64_t hidden = some(1, 5), gates = chance(25) ? 1 : of.channels == 1 && chance(50) ? 4 : of.channels;
    line("h" + n + " = " + convolution("m" + n, of.channels, {.out = hidden, .bias = chance(70)}));
    line("a" + n + " = torch." + (chance(50) ? "silu(" : "relu_(") + "h" + n + ")");
    line("e" + n + " = " + convolution("a" + n, hidden, {.out = gates, .bias = chance(70)}));
    line("g" + n + " = torch." + (chance(60) ? "sigmoid(" : "hardsigmoid(") + "e" + n + ")");
    const bool first = chance(70);
    const std::int64_t channels = std::max(of.channels, gates);
    make("torch.mul(" + (first ? of.name + ", g" + n : "g" + n + ", " + of.name) + ")", channels, of.height, of.width);
    if (chance(70)) std::erase_if(images_, [&](const Image& each) { return each.name == of.name; });
    if (chance(10)) images_.push_back({"g" + n, gates, 1, 1});
  }

  void step_up() {
    const Image coarse = one();
    if (coarse.height > kHeight || coarse.height < 2) return;
    const std::int64_t times = chance(80) ? 2 : 3;
    const std::int64_t height = times * coarse.height, width = times * coarse.width;
    Image up = make("torch.upsample_nearest2d(" + coarse.name + ", " + text({height, width}) + ")", coarse.channels,
                    height, width);
    if (chance(60)) {
      const std::int64_t channels = some(1, 4);
      const Image skip = make("torch.upsample_bilinear2d(torch.slice(" + coarse.name + ", 1, 0, 1), " +
                                  text({height, width}) + ", False) * " + parameter({channels, 1, 1}, 1.0),
                              channels, height, width);
      up = make("torch.upsample_nearest2d(" + coarse.name + ", " + text({height, width}) + ")", coarse.channels, height,
                width);
      if (chance(10)) line("torch.mul_(" + coarse.name + ", 0.5)");
      const bool first = chance(80);
      up = make("torch.cat([" + (first ? up.name + ", " + skip.name : skip.name + ", " + up.name) + "], 1)",
                coarse.channels + channels, height, width);
    }
    convolve(up, {.out = 4, .side = 3, .padding = 1, .bias = chance(70)});
  }

  void step() {
    const Image of = one();
    const bool large = of.height >= 6 && of.width >= 6;
    switch (some(0, 11)) {
      case 0: convolve(of, {.out = some(1, 8), .bias = chance(70)}); break;
      case 1:
        if (large) convolve(of, {.out = 4, .side = 3, .stride = some(1, 2), .padding = some(0, 1)});
        break;
      case 2:
        if (large) {
          const Image before = chance(50) ? padded(of) : of;
          if (chance(15)) change_in_place();
          const std::int64_t groups = chance(60) ? before.channels : 1;
          convolve(before, {.out = groups == 1 ? 4 : groups,
                            .side = chance(30)   ? 1
                                    : chance(50) ? 3
                                                 : 5,
                            .stride = some(1, 2),
                            .groups = groups});
        }
        break;
      case 3:
        if (large && of.channels % 2 == 0) {
          convolve(of, {.out = 4, .side = 3, .padding = 2, .dilation = some(1, 2), .groups = 2});
        }
        break;
      case 4:
      case 5: add_convolved(); break;
      case 6:
      case 7: squeeze_and_excite(); break;
      case 8: step_up(); break;
      case 9: change_in_place(); break;
      case 10:
        if (large) {
          make(std::string(chance(50) ? "torch.max_pool2d(" : "torch.avg_pool2d(") + of.name + ", [2, 2], [2, 2])",
               of.channels, of.height / 2, of.width / 2);
        }
        break;
      default:
        if (of.channels > 1) {  // a view: a change of either value changes both
          make("torch.slice(" + of.name + ", 1, 0, " + std::to_string(of.channels - 1) + ")", of.channels - 1,
               of.height, of.width);
        }
    }
  }

  std::mt19937 random_;
  std::vector<Image> images_;  // those that later lines and the outputs use
  std::vector<std::pair<std::string, at::Tensor>> parameters_;
  std::string lines_;
  int made_ = 0;
};

at::Tensor heatmap(torch::jit::Module module, const at::Tensor& images) {
  const c10::InferenceMode inference;
  const torch::jit::GraphOptimizerEnabledGuard no_profiling(false);
  return module.forward({images.clone()}).toTupleRef().elements()[1].toTensor();
}

void count_operators(const torch::jit::Module& module, std::map<std::string, int>& counts) {
  visit_nodes(module.get_method("forward").graph()->block(), [&](const torch::jit::Node* node) {
    const bool joined = node->inputs().size() == 13;  // oneDNN's convolution with a sum
    ++counts[std::string(node->kind().toQualString()) + (joined ? " and sum" : "")];
  });
}

ModelSpec spec() {
  ModelSpec spec;
  spec.input_height_px = kHeight;
  spec.input_width_px = kWidth;
  return spec;
}

class GeneratedPrograms : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_fused_operators()) GTEST_SKIP() << "this libtorch has no oneDNN";
    at::set_num_threads(1);  // small images do not benefit from more
    at::manual_seed(0);
    images_ = at::rand({3, 1, kHeight, kWidth}).contiguous(at::MemoryFormat::ChannelsLast);
  }

  // Compares the heatmaps of one image and of several, relative to the largest value.
  void expect_same(const torch::jit::Module& plain, const torch::jit::Module& rewritten, float tolerance,
                   const std::string& source) const {
    for (const at::Tensor& images : {images_, images_.narrow(0, 1, 1)}) {
      const at::Tensor expected = heatmap(plain, images), got = heatmap(rewritten, images);
      ASSERT_EQ(got.sizes(), expected.sizes()) << source;
      ASSERT_EQ(got.scalar_type(), expected.scalar_type()) << source;
      const float scale = std::max(1.0f, expected.abs().max().item<float>());
      ASSERT_LT((got - expected).abs().max().item<float>(), tolerance * scale) << source;
    }
  }

  at::Tensor images_;
};

// With the SIMD level that decides between oneDNN's convolutions and egaze's own.
class GeneratedProgramsAtLevel : public GeneratedPrograms, public testing::WithParamInterface<std::string> {
 protected:
  void SetUp() override {
    set_simd_level(GetParam());
    GeneratedPrograms::SetUp();
  }
  void TearDown() override { set_simd_level(simd_levels().back()); }
};

// The slowest level, which leaves convolutions to oneDNN, and the fastest.
std::vector<std::string> levels() {
  std::vector<std::string> all = simd_levels();
  if (all.size() > 2) all.erase(all.begin() + 1, all.end() - 1);
  return all;
}

INSTANTIATE_TEST_SUITE_P(Simd, GeneratedProgramsAtLevel, testing::ValuesIn(levels()));

TEST_P(GeneratedProgramsAtLevel, GiveTheSameResultsInFloat32) {
  std::map<std::string, int> counts;
  for (unsigned seed = 0; seed < kPrograms; ++seed) {
    const Writer writer(seed);
    torch::jit::Module rewritten = writer.frozen();
    fuse_for_cpu(rewritten, spec());
    EXPECT_NO_FATAL_FAILURE(expect_same(writer.module(), rewritten, 2e-5f, writer.source())) << "seed " << seed;
    count_operators(rewritten, counts);
  }
  // Every kind of rewriting must have occurred.
  std::vector<const char*> names = {"egaze::depthwise", "egaze::test_padding", "egaze::test_doubling", "aten::addmm",
                                    "aten::mm",         "aten::mul_"};
  if (convolves_fast(false)) {
    names.push_back("egaze::convolution");
    EXPECT_EQ(counts["mkldnn::_convolution_transpose_pointwise"], 0);
  } else {
    names.insert(names.end(), {"mkldnn::_convolution_pointwise", "mkldnn::_convolution_pointwise and sum",
                               "mkldnn::_convolution_transpose_pointwise"});
  }
  for (const char* name : names) EXPECT_GE(counts[name], 5) << name;
}

TEST_P(GeneratedProgramsAtLevel, GiveTheSameResultsInBfloat16) {
  if (!fused_operators_take_bf16()) GTEST_SKIP() << "this processor does not compute in bfloat16";
  for (unsigned seed = 0; seed < kProgramsInBf16; ++seed) {
    const Writer writer(seed);
    torch::jit::Module plain = writer.frozen();
    set_precision(plain, "fp32", Precision::bf16);
    torch::jit::Module rewritten = plain.copy(), back = plain.copy();
    fuse_for_cpu(rewritten, spec());
    EXPECT_NO_FATAL_FAILURE(expect_same(plain, rewritten, 5e-2f, writer.source())) << "seed " << seed;
    EXPECT_NO_FATAL_FAILURE(expect_same(writer.module(), plain, 1e-1f, writer.source())) << "seed " << seed;
    set_precision(back, "bf16", Precision::fp32);
    fuse_for_cpu(back, spec());
    EXPECT_NO_FATAL_FAILURE(expect_same(writer.module(), back, 5e-2f, writer.source())) << "seed " << seed;
  }
}

}  // namespace
