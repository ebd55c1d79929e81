#include "egaze/marked_overlay.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string_view>

#include "egaze/error.hpp"
#include "glyphs.hpp"

namespace egaze {
namespace {

using detail::kGlyphHeightPx;
using detail::kGlyphWidthPx;

constexpr std::string_view kMark = "RESEARCH USE, NOT FOR DIAGNOSIS";
constexpr std::string_view kCaption = "HEATMAP OF PREDICTED GAZE";

// Lengths in units, each of which is this share of the radiograph's longer side, and at least one pixel.
constexpr std::size_t kUnitsPerSide = 400;
constexpr std::size_t kLetter = kGlyphWidthPx + 1, kSpace = 4, kBar = 8, kLabel = 5 * kLetter;
constexpr std::size_t kRight = kSpace + kBar + kSpace / 2 + kLabel + kSpace;
constexpr std::size_t kBelow = 2 * kGlyphHeightPx + 3 * kSpace;
constexpr std::size_t kLeastHeight = 3 * kGlyphHeightPx + 2 * kSpace;
constexpr std::size_t kLeastWidth = kMark.size() * kLetter + 2 * kSpace;

void require_sizes(std::span<const std::uint8_t> grey, std::span<const std::uint8_t> levels, std::size_t pixels) {
  if (grey.size() == pixels && levels.size() == pixels && pixels > 0) return;
  throw Error(ErrorCode::invalid_argument, "a picture of " + std::to_string(pixels) + " pixels needs as many grey " +
                                               "values and levels, got " + std::to_string(grey.size()) + " and " +
                                               std::to_string(levels.size()));
}

class Drawing {
 public:
  Drawing(MarkedOverlay& picture, std::size_t unit_px) : picture_(picture), unit_px_(unit_px) {}

  void pixel(std::size_t y, std::size_t x, const std::uint8_t* rgb) {
    std::copy_n(rgb, 3, picture_.rgb.data() + 3 * (y * picture_.width + x));
  }

  // White letters; other than those of kGlyphs are spaces.
  void text(std::string_view words, std::size_t top_px, std::size_t left_px) {
    for (const char letter : words) {
      const auto* glyph = std::ranges::find(detail::kGlyphs, letter, &detail::Glyph::letter);
      if (glyph != std::end(detail::kGlyphs)) draw(*glyph, top_px, left_px);
      left_px += kLetter * unit_px_;
    }
  }

 private:
  void draw(const detail::Glyph& glyph, std::size_t top_px, std::size_t left_px) {
    constexpr std::uint8_t white[] = {255, 255, 255};
    for (std::size_t y = 0; y < kGlyphHeightPx * unit_px_; ++y) {
      for (std::size_t x = 0; x < kGlyphWidthPx * unit_px_; ++x) {
        const unsigned row = glyph.rows[y / unit_px_];
        if ((row >> (kGlyphWidthPx - 1 - x / unit_px_) & 1u) != 0) pixel(top_px + y, left_px + x, white);
      }
    }
  }

  MarkedOverlay& picture_;
  std::size_t unit_px_;
};

}  // namespace

void blend_heatmap(std::span<const std::uint8_t> grey, std::span<const std::uint8_t> levels, HeatmapColours colours,
                   std::uint8_t* rgb) {
  require_sizes(grey, levels, grey.size());
  for (std::size_t i = 0; i < grey.size(); ++i) {
    const std::uint8_t* colour = colours[levels[i]];
    const float opacity = static_cast<float>(colour[3]) / 255.0f;
    for (int channel = 0; channel < 3; ++channel) {
      const float lit = static_cast<float>(colour[channel]) * opacity + static_cast<float>(grey[i]) * (1.0f - opacity);
      *rgb++ = static_cast<std::uint8_t>(std::nearbyint(lit));
    }
  }
}

MarkedOverlay marked_overlay(std::span<const std::uint8_t> grey, std::span<const std::uint8_t> levels,
                             std::size_t height, std::size_t width, HeatmapColours colours, float highest) {
  require_sizes(grey, levels, height * width);
  const std::size_t unit_px = std::max<std::size_t>(1, std::max(height, width) / kUnitsPerSide);
  const std::size_t below_px = std::max(height, kLeastHeight * unit_px);  // where the words begin
  MarkedOverlay picture;
  picture.height = below_px + kBelow * unit_px;
  picture.width = std::max(width + kRight * unit_px, kLeastWidth * unit_px);
  picture.rgb.resize(3 * picture.height * picture.width);
  for (std::size_t y = 0; y < height; ++y) {
    blend_heatmap(grey.subspan(y * width, width), levels.subspan(y * width, width), colours,
                  picture.rgb.data() + 3 * y * picture.width);
  }

  Drawing drawing(picture, unit_px);
  const std::size_t bar_top_px = kSpace * unit_px, bar_height_px = below_px - 2 * kSpace * unit_px;
  const std::size_t bar_left_px = width + kSpace * unit_px, label_left_px = bar_left_px + (kBar + kSpace / 2) * unit_px;
  constexpr std::uint8_t black = 0;
  for (std::size_t y = 0; y < bar_height_px; ++y) {
    const auto level = static_cast<std::uint8_t>(255 - 255 * y / (bar_height_px - 1));
    std::uint8_t rgb[3];
    blend_heatmap({&black, 1}, {&level, 1}, colours, rgb);
    for (std::size_t x = 0; x < kBar * unit_px; ++x) drawing.pixel(bar_top_px + y, bar_left_px + x, rgb);
  }
  char label[32];
  std::snprintf(label, sizeof label, "%.3f", static_cast<double>(std::clamp(highest, 0.0f, 9.0f)));
  drawing.text(label, bar_top_px, label_left_px);
  drawing.text("0.000", bar_top_px + bar_height_px - kGlyphHeightPx * unit_px, label_left_px);
  drawing.text(kMark, below_px + kSpace * unit_px, kSpace * unit_px);
  drawing.text(kCaption, below_px + (2 * kSpace + kGlyphHeightPx) * unit_px, kSpace * unit_px);
  return picture;
}

}  // namespace egaze
