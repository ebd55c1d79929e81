// A viewer in forty lines: reads a radiograph, runs the model, and draws the heatmap in characters.
#include <cstdint>
#include <cstdio>
#include <exception>
#include <vector>

#include <egaze/predictor.hpp>
#include <egaze/radiograph.hpp>
#include <egaze/resize.hpp>

namespace {

constexpr std::size_t kRows = 16, kColumns = 32;

void draw(const egaze::Prediction& prediction) {
  const auto heatmap = egaze::ImageView::dense(prediction.heatmap.data(), egaze::PixelType::float32,
                                               prediction.heatmap_height, prediction.heatmap_width);
  std::vector<std::uint8_t> shades(kRows * kColumns);
  egaze::ResizeOptions options;
  options.scale = 9.0f;
  egaze::resize(heatmap, kRows, kColumns, egaze::PixelType::uint8, options, shades.data());
  for (std::size_t i = 0; i < shades.size(); ++i) {
    std::putchar(" .:-=+*#%@"[shades[i] > 9 ? 9 : shades[i]]);
    if (i % kColumns == kColumns - 1) std::putchar('\n');
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: embed MODEL IMAGE\n");
    return 2;
  }
  try {
    egaze::Predictor predictor(argv[1]);
    const egaze::StoredRadiograph radiograph = egaze::read_stored(argv[2], predictor.spec().presentation);
    const egaze::Prediction prediction = predictor.predict(radiograph);
    for (std::size_t i = 0; i < prediction.class_probs.size(); ++i) {
      std::printf("%s %.9g\n", predictor.spec().class_names[i].c_str(), prediction.class_probs[i]);
    }
    draw(prediction);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "embed: %s\n", error.what());
    return 1;
  }
}
